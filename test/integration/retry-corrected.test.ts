import ExcelJS from 'exceljs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { deleteBatch } from '../../src/engine/delete-batch.ts';
import type { ResultFile } from '../../src/engine/ports/batch-results.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { type RetryRequest, retryBatch } from '../../src/engine/retry-batch.ts';
import { gate } from '../support/gate.ts';
import { heldCsv, heldOperation } from '../support/held-operation.ts';
import { convert } from '../support/libreoffice.ts';
import { required } from '../support/requirements.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

const held = heldOperation();
let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '3' }, { operations: [held.operation] });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());
beforeEach(() => held.reset());

const FORMATS = ['ndjson', 'csv', 'xlsx'] as const;

/** Seven records, of which the second, the fourth and the seventh fail. */
const parentOf = (prefix: string) =>
  sheaf.run(heldCsv([1, 0, 3, 0, 5, 6, 0].map((n) => (n === 0 ? 'bad' : `${prefix}${n}`))), {
    operation: 'hold',
    results_format: FORMATS,
  });

const asked = async (parent: BatchRow, file: string | Buffer, request: RetryRequest = {}) => {
  const handler = await sheaf.upload(file);
  return await retryBatch(sheaf.engine, sheaf.caller, parent.id, { ...request, handler });
};
const corrected = async (parent: BatchRow, file: string | Buffer, request: RetryRequest = {}) =>
  await sheaf.ended((await asked(parent, file, request)).id);

async function resultOf(batch: BatchRow, kind: ResultFile['kind'], format: string): Promise<Buffer> {
  const file = batch.results?.find((result) => result.kind === kind && result.format === format);
  if (file === undefined) throw new Error(`there is no ${kind} as ${format}`);
  return await sheaf.object(file.key);
}

const told = async (batch: BatchRow) =>
  (await sheaf.lines(batch)).map(({ record, source_record, status }) => [record, source_record, status]);
const learners = async (prefix: string) =>
  (
    await sheaf.sql<{ id: string }[]>`
      select learner_id as id from learners where learner_id like ${`${prefix}%`} order by learner_id`
  ).map(({ id }) => id);

/** The table with every bad row mended but those that `keep` is true of, counted from 1. */
function mended(table: string, prefix: string, keep: (n: number) => boolean = () => false): string {
  let n = 0;
  return table.replaceAll(/^bad,/gm, (bad) => {
    n += 1;
    return keep(n) ? bad : `${prefix}${n},`;
  });
}

const soffice = required('TEST_SOFFICE');

describe('a result file that was mended and sent back', () => {
  it('corrects the records that it names', async () => {
    const parent = await parentOf('a');
    const failed = (await resultOf(parent, 'failed', 'csv')).toString();
    const batch = await corrected(parent, mended(failed, 'am'));
    expect(batch).toMatchObject({
      status: 'completed',
      retryOf: { batch: parent.id, records: 'corrected' },
      read: { marked: true },
      counts: { total: 3, succeeded: 3, failed: 0, skipped: 0, unprocessed: 0 },
    });
    expect(await told(batch)).toEqual([
      [1, 2, 'succeeded'],
      [2, 4, 'succeeded'],
      [3, 7, 'succeeded'],
    ]);
    expect(await learners('am')).toEqual(['am1', 'am2', 'am3']);
  });

  it('skips what has succeeded, and each record is in one count', async () => {
    const parent = await parentOf('b');
    const all = (await resultOf(parent, 'all', 'csv')).toString();
    const batch = await corrected(
      parent,
      mended(all, 'bm', (n) => n === 2),
    );
    expect(batch.counts).toEqual({ total: 7, succeeded: 2, failed: 1, skipped: 4, unprocessed: 0 });
    expect((await told(batch)).map(([, , status]) => status)).toEqual([
      ...['skipped', 'succeeded', 'skipped', 'failed', 'skipped', 'skipped', 'succeeded'],
    ]);
    expect((await resultOf(batch, 'all', 'csv')).toString()).toMatch(/^b1,.*,1,skipped,/m);
    // The same file once more: only what has still not succeeded is done.
    const again = await corrected(parent, mended(all, 'bn'));
    expect(again.counts).toEqual({ total: 7, succeeded: 1, failed: 0, skipped: 6, unprocessed: 0 });
    expect(await learners('b')).toEqual(['b1', 'b3', 'b5', 'b6', 'bm1', 'bm3', 'bn2']);
  });

  it('may be a workbook, whatever saved it', async () => {
    const parent = await parentOf('x');
    const book = new ExcelJS.Workbook();
    await book.xlsx.load((await resultOf(parent, 'errors', 'xlsx')) as unknown as ExcelJS.Buffer);
    const sheet = book.worksheets[0]!;
    for (let row = 2; row <= sheet.rowCount; row += 1) sheet.getRow(row).getCell(1).value = `xm${row}`;
    const batch = await corrected(parent, Buffer.from(await book.xlsx.writeBuffer()));
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 3, succeeded: 3 } });
    expect((await told(batch)).map(([, source]) => source)).toEqual([2, 4, 7]);
  });

  it.skipIf(soffice.missing)(`may be a workbook that LibreOffice saved${soffice.reason}`, async () => {
    const parent = await parentOf('l');
    const book = new ExcelJS.Workbook();
    await book.xlsx.load((await resultOf(parent, 'errors', 'xlsx')) as unknown as ExcelJS.Buffer);
    const sheet = book.worksheets[0]!;
    for (let row = 2; row <= sheet.rowCount; row += 1) sheet.getRow(row).getCell(1).value = `lm${row}`;
    const saved = await convert(
      soffice.value(),
      { extension: 'xlsx', bytes: Buffer.from(await book.xlsx.writeBuffer()) },
      'xlsx',
    );
    const batch = await corrected(parent, saved);
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 3, succeeded: 3 } });
    expect((await told(batch)).map(([, source]) => source)).toEqual([2, 4, 7]);
  });

  it('may be any file with the numbers, and rows without one are records of their own', async () => {
    const parent = await parentOf('n');
    const lines = [
      { _record: 7, id: 'nm7' },
      { id: 'nnew' },
      { _record: 1, id: 'ntwice' },
      { _record: '2', id: 'nm2' },
    ];
    const file = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const batch = await corrected(parent, file, { custom_id: 'id' });
    expect(batch.counts).toEqual({ total: 4, succeeded: 3, failed: 0, skipped: 1, unprocessed: 0 });
    expect((await sheaf.object(batch.results!.find(({ kind }) => kind === 'all')!.key)).toString()).toContain(
      '{"record":3,"source_record":1,"custom_id":"ntwice","status":"skipped"}\n',
    );
    expect(await told(batch)).toEqual([
      [1, 7, 'succeeded'],
      [2, undefined, 'succeeded'],
      [3, 1, 'skipped'],
      [4, 2, 'succeeded'],
    ]);
  });

  it('is told which numbers are none, and which come twice', async () => {
    const parent = await parentOf('t');
    const rows = ['2,tm2', '99,t99', 'x,tx', '4,tm4', '2,tagain', '0,t0', '7,tm7'];
    const batch = await corrected(parent, `_record,id\n${rows.join('\n')}\n`, { on_invalid: 'skip' });
    expect(batch.counts).toEqual({ total: 7, succeeded: 3, failed: 4, skipped: 0, unprocessed: 0 });
    expect(batch.failures.codes).toEqual({ record_unknown: 3, record_repeated: 1 });
    expect(await learners('t')).toEqual(['t1', 't3', 't5', 't6', 'tm2', 'tm4', 'tm7']);
    // What was refused for its number is not taken for a record of its own by a retry.
    const again = await sheaf.ended((await retryBatch(sheaf.engine, sheaf.caller, batch.id, {})).id);
    expect(again).toMatchObject({
      counts: { total: 4, failed: 4 },
      failures: { codes: batch.failures.codes },
    });
  });
});

describe('a correction', () => {
  it('that is cancelled tells what it skipped', async () => {
    const parent = await parentOf('c');
    const running = gate();
    held.before = () => running.wait();
    const rows = ['2,cm2', '1,c1', '4,cm4', '3,c3', '7,cm7'];
    const { id } = await asked(parent, `_record,id\n${rows.join('\n')}\n`);
    await running.arrived;
    expect((await sheaf.batch(id)).counts).toMatchObject({ total: 5, skipped: 2, unprocessed: 3 });
    await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
    const batch = await sheaf.ended(id);
    running.open();
    expect(batch.counts).toEqual({ total: 5, succeeded: 0, failed: 0, skipped: 2, unprocessed: 3 });
    held.reset();
    const rest = await retryBatch(sheaf.engine, sheaf.caller, id, { records: 'unprocessed' });
    expect((await told(await sheaf.ended(rest.id))).map(([, source]) => source)).toEqual([2, 4, 7]);
  });

  it('and another retry are not under way at once', async () => {
    const parent = await parentOf('o');
    const running = gate();
    held.before = () => running.wait();
    const { id } = await asked(parent, '_record,id\n2,om2\n');
    await expect(retryBatch(sheaf.engine, sheaf.caller, parent.id, {})).rejects.toThrow(id);
    await expect(asked(parent, '_record,id\n4,om4\n')).rejects.toMatchObject({ code: 'already_retried' });
    running.open();
    await sheaf.ended(id);
  });

  it('goes with a file alone', async () => {
    const parent = await parentOf('g');
    await expect(asked(parent, 'id\nx\n', { records: 'failed' })).rejects.toMatchObject({
      errors: [{ pointer: '/records', code: 'not_allowed' }],
    });
    const format = { delimiter: ';' } as const;
    await expect(retryBatch(sheaf.engine, sheaf.caller, parent.id, { format })).rejects.toMatchObject({
      errors: [{ pointer: '/format', code: 'not_allowed' }],
    });
  });

  it('needs nothing of the other batch once it is copied', async () => {
    const parent = await parentOf('d');
    const batch = await corrected(parent, '_record,id\n2,dm2\n4,bad\n');
    await deleteBatch(sheaf.engine, parent.id);
    while ((await sheaf.account.batches.find(parent.id)) !== null) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const again = await corrected(batch, '_record,id\n1,no\n2,dm4\n');
    expect(again.counts).toEqual({ total: 2, succeeded: 1, failed: 0, skipped: 1, unprocessed: 0 });
    expect(await told(again)).toEqual([
      [1, 2, 'skipped'],
      [2, 4, 'succeeded'],
    ]);
  });
});
