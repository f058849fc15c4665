import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

/*
 * 300 MiB of each kind of file through its conversion, in a process of its own that has converted 20 MiB of it before, and
 * what that adds to the most memory that the process has had, as the kernel has counted it.
 */

const MIB = 1024 * 1024;
const SIZE = 300;
/** In MiB: some pieces of a mebibyte, a record of 8 MiB, and what the collector has not taken yet. */
const LIMIT = 64;
const counted = existsSync('/proc/self/clear_refs');
const reason = counted ? '' : ' (skipped: there is no /proc here to read it from)';

interface Measured {
  written: number;
  grown: number;
  records?: number;
  fault?: string | null;
  again?: string;
}

async function converted(file: string, mebibytes: number): Promise<Measured> {
  const script = fileURLToPath(new URL('../support/convert-memory.ts', import.meta.url));
  const args = ['--expose-gc', '--import', 'tsx', script, file, `${mebibytes}`];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Measured;
}

describe.skipIf(!counted)(`the memory of a conversion${reason}`, { timeout: 600_000 }, () => {
  test.each([
    ['json', { fault: null }],
    ['json-one-text', { records: 1, fault: null }],
    ['json-deep', { records: 1, fault: 'file_json_malformed' }],
    ['utf-16le', { fault: null }],
    ['utf-16be', { fault: null }],
    ['utf-16le-halves', { fault: 'file_encoding' }],
    ['windows-1252', { fault: null }],
    ['lone-cr', { fault: null }],
    ['gzip', { fault: null }],
    ['gzip-windows-1252', { again: 'windows-1252' }],
    ['gzip-one-cell', { records: 1, fault: 'file_unclosed_quote' }],
  ])('%s does not grow with the file', async (file, expected) => {
    const measured = await converted(file, SIZE);
    expect(measured).toMatchObject(expected);
    // UTF-16 has two bytes where its conversion has one.
    expect(measured.written).toBeGreaterThan((SIZE * MIB) / 2.1);
    expect(measured.grown).toBeLessThan(LIMIT);
  });

  test('a name in the header of gzip that is as long as the file is not kept', async () => {
    const measured = await converted('gzip-header', SIZE);
    expect(measured).toMatchObject({ written: 0, records: 0, fault: 'file_truncated' });
    expect(measured.grown).toBeLessThan(LIMIT);
  });

  test('a bomb of 512 MiB is refused after 32', async () => {
    const measured = await converted('gzip-bomb', 512);
    expect(measured).toMatchObject({ fault: 'file_bomb' });
    expect(measured.written).toBeLessThanOrEqual(32 * MIB);
    expect(measured.grown).toBeLessThan(LIMIT);
  });
});
