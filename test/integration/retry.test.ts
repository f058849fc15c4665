import ExcelJS from 'exceljs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { deleteBatch } from '../../src/engine/delete-batch.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { type RetryRequest, retryBatch } from '../../src/engine/retry-batch.ts';
import { gate } from '../support/gate.ts';
import { heldCsv, heldIds, heldOperation } from '../support/held-operation.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

const held = heldOperation();
let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '3' }, { operations: [held.operation] });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());
beforeEach(() => held.reset());

const retry = (batch: BatchRow | string, request: RetryRequest = {}) =>
  retryBatch(sheaf.engine, sheaf.caller, typeof batch === 'string' ? batch : batch.id, request);
const retried = async (batch: BatchRow, request: RetryRequest = {}) =>
  await sheaf.ended((await retry(batch, request)).id);
const run = (body: string, options = {}) => sheaf.run(body, { operation: 'hold', ...options });
const learners = async (prefix: string) =>
  (
    await sheaf.sql<{ id: string }[]>`
      select learner_id as id from learners where learner_id like ${`${prefix}%`} order by learner_id`
  ).map(({ id }) => id);

/** What a line says in short: its number, that of its source, its status. */
const told = async (batch: BatchRow) =>
  (await sheaf.lines(batch)).map(({ record, source_record, status }) => [record, source_record, status]);
const input = async (batch: BatchRow) => {
  const [key] = await sheaf.keys(`batches/${batch.id}/input/`);
  return (await sheaf.object(key!)).toString();
};

/** A batch cancelled while its second chunk was being processed: of 9 records the first three are settled. */
async function cancelled(prefix: string, rows = heldIds(prefix, 9)): Promise<BatchRow> {
  const running = gate();
  held.before = ({ records }) => (records[0] === 4 ? running.wait() : Promise.resolve());
  const options = { operation: 'hold', execution: 'serial' } as const;
  const id = await sheaf.submit(await sheaf.upload(heldCsv(rows)), options);
  await running.arrived;
  await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
  const batch = await sheaf.ended(id);
  running.open();
  held.reset();
  return batch;
}

describe('the records that failed', () => {
  it('are the records of the retry, byte for byte, and its results tell which they were', async () => {
    const rows = ['"a,1"', 'bad', '"bad"', 'a2', 'a3', '"a\n4"', 'a5', 'bad', '""bad""'];
    const parent = await run(`id\r\n${rows.join('\r\n')}`, {
      on_invalid: 'skip',
      metadata: { from: 'test' },
    });
    expect(parent.counts).toMatchObject({ total: 9, succeeded: 5, failed: 4 });
    const batch = await retried(parent);
    expect(await input(batch)).toBe('bad\r\n"bad"\r\nbad\r\n""bad""\n');
    expect(batch).toMatchObject({
      status: 'completed',
      retryOf: { batch: parent.id, records: 'failed' },
      metadata: { from: 'test' },
      onInvalid: 'skip',
      counts: { total: 4, succeeded: 0, failed: 4, unprocessed: 0 },
    });
    expect(await told(batch)).toEqual([
      [1, 2, 'failed'],
      [2, 3, 'failed'],
      [3, 8, 'failed'],
      [4, 9, 'failed'],
    ]);
    expect((await sheaf.batch(parent.id)).retries).toEqual([{ batch: batch.id, status: 'completed' }]);
  });

  it('of a retry are told by their numbers in the first file', async () => {
    const parent = await run(heldCsv(['b1', 'bad', 'b2', 'bad', 'bad']));
    const child = await retried(await retried(parent));
    expect(await told(child)).toEqual([
      [1, 2, 'failed'],
      [2, 4, 'failed'],
      [3, 5, 'failed'],
    ]);
  });

  it('of NDJSON and of a file without a last line end come as they were', async () => {
    const lines = ['{"id":"n1"}', '{"id":"bad", "more": 1.50}', '{"id":"bad"}'];
    const batch = await retried(await run(lines.join('\n')));
    expect(await input(batch)).toBe('{"id":"bad", "more": 1.50}\n{"id":"bad"}\n');
    expect(await told(batch)).toEqual([
      [1, 2, 'failed'],
      [2, 3, 'failed'],
    ]);
  });

  it('of a workbook come with the cells that they had', async () => {
    const book = new ExcelJS.Workbook();
    const rows = [
      ['id', 'n'],
      ['bad', 1.5],
      ['wb2', 2],
      ['bad', new Date('2026-01-02T00:00:00Z')],
    ];
    book.addWorksheet('Rows').addRows(rows);
    const file = Buffer.from(await book.xlsx.writeBuffer());
    const parent = await sheaf.run(file, { operation: 'hold', results_format: ['csv', 'ndjson'] });
    const batch = await retried(parent);
    expect(batch).toMatchObject({ read: { format: 'xlsx', sheet: 'Rows' }, counts: { total: 2, failed: 2 } });
    const table = async (of: BatchRow) => {
      const { key } = of.results!.find(({ kind, format }) => kind === 'failed' && format === 'csv')!;
      const [, ...lines] = (await sheaf.object(key)).toString().trimEnd().split('\n');
      return lines.map((line) => line.split(',').slice(0, 2));
    };
    expect(await table(batch)).toEqual(await table(parent));
  });

  it('may be read with another mapping', async () => {
    const parent = await run('id,other\nm1,x\nbad,m2\n');
    const batch = await retried(parent, { mapping: { other: 'id' } });
    expect(batch.counts).toMatchObject({ total: 1, succeeded: 1 });
    expect(await learners('m')).toEqual(['m1', 'm2']);
  });

  it('that were invalid are checked again', async () => {
    const parent = await run(heldCsv(['i1', 'x'.repeat(21), 'i2']));
    expect(parent).toMatchObject({ status: 'validation_failed', counts: { failed: 1, unprocessed: 2 } });
    expect(await retried(parent)).toMatchObject({ status: 'validation_failed', counts: { failed: 1 } });
    expect(await retried(parent, { records: 'both', on_invalid: 'skip' })).toMatchObject({
      status: 'completed',
      counts: { total: 3, succeeded: 2, failed: 1 },
    });
  });
});

describe('the records that were not processed', () => {
  it('are those of the retry of a cancelled batch', async () => {
    const parent = await cancelled('u', ['u1', 'bad', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8', 'u9']);
    expect(parent.counts).toMatchObject({ total: 9, succeeded: 2, failed: 1, unprocessed: 6 });
    const batch = await retried(parent, { records: 'unprocessed' });
    expect(await input(batch)).toBe('u4\nu5\nu6\nu7\nu8\nu9\n');
    expect((await told(batch)).map(([, source]) => source)).toEqual([4, 5, 6, 7, 8, 9]);
    expect(await learners('u')).toEqual(['u1', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8', 'u9']);
  });

  it('come in the order of the file with those that failed', async () => {
    const parent = await cancelled('v', ['v1', 'bad', 'v3', 'v4', 'v5', 'v6', 'v7', 'v8', 'v9']);
    const batch = await retried(parent, { records: 'both' });
    expect(await told(batch)).toEqual([
      [1, 2, 'failed'],
      ...[4, 5, 6, 7, 8, 9].map((source, at) => [at + 2, source, 'succeeded']),
    ]);
  });
});

describe('one record in one retry', () => {
  it('is kept among any number of requests at once', async () => {
    const parent = await run(heldCsv(['bad', 'r1']));
    const running = gate();
    held.before = () => running.wait();
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => retry(parent)));
    const made = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value.id] : []));
    const codes = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
    expect(made).toHaveLength(1);
    expect(new Set(codes)).toEqual(new Set(['already_retried']));
    await expect(retry(parent, { records: 'both' })).rejects.toThrow(made[0]);
    running.open();
    await sheaf.ended(made[0]!);
  });

  it('leaves out what has succeeded in an earlier retry', async () => {
    const parent = await run('id,other\nbad,o1\nbad,bad\nbad,o3\n');
    await retried(parent, { mapping: { other: 'id' } });
    const again = await retried(parent);
    expect(await told(again)).toEqual([[1, 2, 'failed']]);
    expect(await retried(await retried(parent, { mapping: { other: 'id' } }))).toMatchObject({
      counts: { total: 1, failed: 1 },
    });
    expect(await learners('o')).toEqual(['o1', 'o3']);
    const once = await run('id,other\nbad,o4\n');
    await retried(once, { mapping: { other: 'id' } });
    expect(await retried(once)).toMatchObject({
      status: 'validation_failed',
      statusReason: { code: 'file_no_records' },
      counts: { total: 0 },
    });
  });

  it('lets failed and unprocessed ones be retried side by side', async () => {
    const parent = await cancelled('w', ['w1', 'bad', 'w3', 'w4', 'w5', 'w6', 'w7', 'w8', 'w9']);
    const running = gate();
    held.before = () => running.wait();
    const failed = await retry(parent, { records: 'failed' });
    const unprocessed = await retry(parent, { records: 'unprocessed' });
    await expect(retry(parent, { records: 'unprocessed' })).rejects.toThrow(unprocessed.id);
    running.open();
    await sheaf.ended(failed.id);
    expect((await sheaf.ended(unprocessed.id)).counts).toMatchObject({ total: 6, succeeded: 6 });
  });

  it('ends the resuming of the batch', async () => {
    const parent = await run(heldCsv(['f1', 'bad', 'f3', 'f4', 'f5', 'f6']), {
      execution: 'serial',
      stop_after: { failures: 1 },
    });
    expect(parent).toMatchObject({ status: 'failed', superseded: false });
    const batch = await retried(parent, { records: 'unprocessed' });
    expect(batch.counts).toMatchObject({ total: 3, succeeded: 3 });
    const change = { status: 'resume', stop_after: null } as const;
    await expect(changeBatch(sheaf.engine, sheaf.caller, parent.id, change)).rejects.toMatchObject({
      code: 'not_resumable',
    });
    expect((await sheaf.batch(parent.id)).superseded).toBe(true);
  });
});

describe('a retry that failed before it processed anything', () => {
  it('is not resumed once an earlier one has gone on with the records', async () => {
    const parent = await run(heldCsv(['bad', 'g2']));
    const first = await retry(parent);
    await sheaf.ended(first.id);
    // The first of two retries failed half way, the second in copying; then the first went on to its end.
    const second = await retried(parent, { dry_run: true });
    await sheaf.sql`
      update batches set status = 'failed', failed_from = 'copied', status_reason = '{"code": "stalled", "message": ""}'
      where id = ${second.id}`;
    await sheaf.sql`update batches set ended_at = now() where id = ${first.id}`;
    expect((await sheaf.batch(second.id)).superseded).toBe(true);
    await expect(
      changeBatch(sheaf.engine, sheaf.caller, second.id, { status: 'resume' }),
    ).rejects.toMatchObject({ code: 'not_resumable' });
  });
});

describe('a batch that goes on after a retry of it was made that processed nothing', () => {
  it('has done its records, also for a retry of that retry', async () => {
    const ids = ['later1', 'bad', 'later3', 'later4', 'later5', 'later6'];
    const parent = await run(heldCsv(ids), { execution: 'serial', stop_after: { failures: 1 } });
    const trial = await retried(parent, { records: 'unprocessed', dry_run: true });
    expect(trial.counts).toMatchObject({ total: 3, unprocessed: 3 });
    await changeBatch(sheaf.engine, sheaf.caller, parent.id, { status: 'resume', stop_after: null });
    const resumed = await sheaf.ended(parent.id);
    expect(resumed.counts).toMatchObject({ total: 6, succeeded: 5, failed: 1 });

    const again = await retried(trial, { records: 'unprocessed' });
    expect(again).toMatchObject({ status: 'validation_failed', statusReason: { code: 'file_no_records' } });
    const handler = await sheaf.upload(`_record,id\n1,${ids[3]}\n2,${ids[4]}\n`);
    expect((await retried(trial, { handler })).counts).toMatchObject({ total: 2, succeeded: 0, skipped: 2 });
    expect(await learners('later')).toEqual(['later1', 'later3', 'later4', 'later5', 'later6']);

    await sheaf.sql`update batches set expires_at = now() - interval '1 hour' where id = ${parent.id}`;
    while (!(await sheaf.batch(parent.id)).expired) await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(retry(trial, { records: 'unprocessed' })).rejects.toMatchObject({ code: 'already_retried' });
  });
});

describe('what cannot be retried', () => {
  it('is told', async () => {
    const parent = await run(heldCsv(['t1']));
    await expect(retry(parent)).rejects.toMatchObject({ code: 'not_retriable' });
    await expect(retry(parent, { records: 'both' })).rejects.toMatchObject({ code: 'not_retriable' });
    await expect(retry('0199f3a1-22d0-7c6f-8f0e-5b1d9a4c7e20')).rejects.toMatchObject({
      code: 'batch_not_found',
    });
    const other = await run('id\n"t2');
    expect(other.status).toBe('validation_failed');
    const running = gate();
    held.before = () => running.wait();
    const id = await sheaf.submit(await sheaf.upload(heldCsv(['t3'])), { operation: 'hold' });
    await expect(retry(id)).rejects.toMatchObject({ code: 'not_retriable' });
    running.open();
    await sheaf.ended(id);
  });

  it('is a batch whose file was never read: nobody knows what could be corrected', async () => {
    const parent = await run(heldCsv(['t4']), { hash: '0'.repeat(64) });
    expect(parent).toMatchObject({ status: 'hash_mismatch', counts: { total: null } });
    const handler = await sheaf.upload('_record,id\n1,t4\n');
    for (const request of [{ handler }, { records: 'unprocessed' }] as const) {
      await expect(retry(parent, request)).rejects.toMatchObject({
        code: 'not_retriable',
        message: expect.stringContaining('was read'),
      });
    }
  });
});

describe('a batch that is retried', () => {
  it('is deleted when the retry has its copy', async () => {
    const apart = await openTestSheaf({}, { operations: [held.operation] });
    try {
      const workers = await apart.startWorkers();
      const parent = await apart.run(heldCsv(['d1', 'bad']), { operation: 'hold' });
      await workers.stop();
      const { id } = await retryBatch(apart.engine, apart.caller, parent.id, {});
      expect(await deleteBatch(apart.engine, parent.id)).toEqual({ status: 'completed' });
      expect(await apart.services.work.startRemovals()).toBe(0);
      await apart.sql`update batches set expires_at = now() - interval '1 hour' where id = ${parent.id}`;
      expect(await apart.services.work.startRemovals()).toBe(0);
      await apart.startWorkers();
      expect((await apart.ended(id)).counts).toMatchObject({ total: 1, failed: 1 });
      while ((await apart.account.batches.find(parent.id)) !== null) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      // Its records can be tried again all the same.
      const again = await retryBatch(apart.engine, apart.caller, id, {});
      expect(await apart.ended(again.id)).toMatchObject({ counts: { total: 1, failed: 1 } });
    } finally {
      await apart.close();
    }
  });

  it('cannot be retried once more when nobody knows any more what the retry has done', async () => {
    const parent = await run('id,other\nbad,l1\nbad,bad\n');
    const batch = await retried(parent, { mapping: { other: 'id' } });
    await deleteBatch(sheaf.engine, batch.id);
    await expect(retry(parent)).rejects.toMatchObject({ code: 'already_retried' });
  });
});

describe('a worker that dies while it copies the records', () => {
  it('is followed by another one, and they are there once', async () => {
    const apart = await openTestSheaf(
      { SHEAF_CHUNK_RECORDS: '2', SHEAF_LEASE_SECONDS: '2' },
      { operations: [held.operation] },
    );
    try {
      const workers = await apart.startWorkers();
      const rows = ['c1', 'bad', 'bad', 'c4', 'bad'];
      const parent = await apart.run(heldCsv(rows), { operation: 'hold' });
      await workers.stop();
      const { id } = await retryBatch(apart.engine, apart.caller, parent.id, {});
      // It has claimed the copy and written a part of it, and nobody hears of it again.
      const known = { names: ['hold'], versions: [1] };
      const claim = await apart.services.work.claimBatch('copy_checked', known, { batchId: id });
      expect(claim?.retry).toEqual({ of: parent.id, records: 'failed' });
      await apart.services.objects.put(`batches/${id}/input/${claim!.lease}`, Buffer.from('bad\nba'));
      await apart.startWorkers();
      const batch = await apart.ended(id);
      expect(batch).toMatchObject({ status: 'completed', counts: { total: 3, failed: 3 } });
      const sources = (await apart.lines(batch)).map(({ source_record }) => source_record);
      expect(sources).toEqual([2, 3, 5]);
    } finally {
      await apart.close();
    }
  });
});
