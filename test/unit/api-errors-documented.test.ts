import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { introduction } from '../../src/api/introduction.ts';
import { statusOf } from '../../src/api/problem.ts';
import {
  BATCH_REASONS,
  FIELD_ERRORS,
  FILE_ERRORS,
  RECORD_ERRORS,
  REQUEST_ERRORS,
  type RequestErrorCode,
} from '../../src/core/errors.ts';

const page = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** The rows of the table under a heading; the first cell without its back-quotes. */
function rowsUnder(heading: string): string[][] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .map((cells) => cells.slice(1, -1));
}

describe('docs/errors.md', () => {
  test.each([
    ['Requests', REQUEST_ERRORS],
    ['Places in a request', FIELD_ERRORS],
    ['Files', FILE_ERRORS],
    ['Batches', BATCH_REASONS],
    ['Records', RECORD_ERRORS],
  ])('%s: exactly the codes of the catalogue, each with a meaning and what to do', (heading, catalogue) => {
    const rows = rowsUnder(heading);
    expect(rows.map(([code]) => code)).toEqual(Object.keys(catalogue));
    for (const cells of rows) expect(cells.every((cell) => cell.length > 0)).toBe(true);
  });

  test('the statuses are those that are answered', () => {
    for (const [code, status] of rowsUnder('Requests')) {
      expect([code, Number(status)]).toEqual([code, statusOf(code as RequestErrorCode)]);
    }
  });
});

test('/docs has every code too', () => {
  const text = introduction();
  for (const code of Object.keys({
    ...REQUEST_ERRORS,
    ...FIELD_ERRORS,
    ...FILE_ERRORS,
    ...BATCH_REASONS,
    ...RECORD_ERRORS,
  })) {
    expect(text).toContain(`| \`${code}\` |`);
  }
});
