import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { BAD_FILES } from '../support/bad-files.ts';
import { BatchResults } from '../support/batch-results.ts';
import { convert } from '../support/libreoffice.ts';
import { required } from '../support/requirements.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/**
 * Whatever a file is like: an answer that says what is wrong with it, result files that account for each record that was
 * found, and a worker that goes on with the next batch.
 */

let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '1000' });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());

const { lines, sheets, checkAccounting } = new BatchResults(() => sheaf);

async function runFresh(body: string | Buffer): Promise<BatchRow> {
  await sheaf.sql`delete from learners`;
  return await sheaf.run(body, { on_invalid: 'skip', results_format: ['ndjson', 'csv', 'xlsx'] });
}

async function expectNames(names: Record<string, string | null> | undefined, succeeded: number) {
  const stored = await sheaf.sql`select learner_id, given_name from learners`;
  expect(stored).toHaveLength(succeeded);
  if (names === undefined) return;
  expect(Object.fromEntries(stored.map((row) => [row.learner_id, row.given_name]))).toEqual(names);
}

describe('a file that is wrong', () => {
  it.each(BAD_FILES)('$name', async ({ body, fault, records, names }) => {
    const batch = await runFresh(body);
    expect(batch.statusReason).toEqual(
      fault === undefined
        ? null
        : expect.objectContaining({ ...fault, message: expect.stringMatching(fault.message) }),
    );
    const outcomes = (await lines(batch, 'all')).map((line) =>
      line.status === 'failed' ? line.error.code : line.status,
    );
    expect(outcomes).toEqual(records);
    const count = (...statuses: string[]) => records.filter((record) => statuses.includes(record)).length;
    const [succeeded, unprocessed] = [count('succeeded'), count('unprocessed')];
    expect(batch).toMatchObject({
      status: fault === undefined ? 'completed' : 'validation_failed',
      counts: { total: records.length, succeeded, failed: records.length - succeeded - unprocessed },
    });
    await checkAccounting(batch);
    await expectNames(names, succeeded);
    const [sheet] = await sheets(batch, 'errors');
    if (fault !== undefined && records.length > 0) expect(sheet?.rowCount).toBe(records.length + 1);
  });

  it('and the next one is processed', async () => {
    const batch = await runFresh('learner_id,given_name\nlast,Ana\n');
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 1, succeeded: 1 } });
    await expectNames({ last: 'Ana' }, 1);
  });
});

const soffice = required('TEST_SOFFICE');

describe.skipIf(soffice.missing)(`what LibreOffice saves and nobody reads${soffice.reason}`, () => {
  it.each([
    ['ods', /ODS.*save/],
    ['xls', /XLS workbook.*save it as XLSX/],
  ] as const)('%s', async (extension, message) => {
    const csv = Buffer.from('learner_id,given_name\nl1,Ana\n');
    const body = await convert(soffice.value(), { extension: 'csv', bytes: csv }, extension);
    expect(await runFresh(body)).toMatchObject({
      status: 'validation_failed',
      statusReason: { code: 'file_not_supported', message: expect.stringMatching(message) },
      counts: { total: 0, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 },
    });
  });
});
