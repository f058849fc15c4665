import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { heldOperation } from '../support/held-operation.ts';
import { processed } from '../support/outcomes.ts';
import { addAccount, addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { statuses } from '../support/statuses.ts';

const held = heldOperation();
let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '2' }, { operations: [held.operation] });
});
afterAll(() => sheaf.close());
beforeEach(() => held.reset());

const csv = (...rows: readonly string[]) => `${rows.join('\n')}\n`;

describe('claims', () => {
  const known = { names: ['create_learner'], versions: [1] };
  beforeEach(() => clearBatches(sheaf.sql));

  async function claimed(): Promise<string | undefined> {
    const session = await sheaf.services.work.openSession();
    const claim = await session.claim('process', known);
    session.release();
    return claim?.batchId;
  }

  it('go by priority within an account, and by who has less under way among accounts', async () => {
    const other = await addAccount(sheaf.sql);
    const low = await addBatch(sheaf, { status: 'processing', chunks: 2 });
    const high = await addBatch(sheaf, { status: 'processing', chunks: 2, priority: 5 });
    const foreign = await addBatch(sheaf, {
      status: 'processing',
      chunks: 4,
      accountId: other,
      priority: -100,
    });
    const order = [];
    for (let n = 0; n < 8; n += 1) order.push(await claimed());
    expect(order.slice(0, 6)).toEqual([high, foreign, high, foreign, low, foreign]);
    expect(new Set(order.slice(6))).toEqual(new Set([low, foreign]));
  });

  it('of a serial batch take the next chunk only when the one before it is settled', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 3, execution: 'serial' });
    const session = await sheaf.services.work.openSession();
    const first = await session.claim('process', known);
    expect(first?.range.number).toBe(1);
    expect(await claimed()).toBeUndefined();
    await session.settleProcessing(first!, async () => processed({ succeeded: 10 }));
    session.release();
    expect(await sheaf.services.work.advance(id)).toEqual([{ stage: 'process', batchId: id, tickets: 1 }]);
    expect(await claimed()).toBe(id);
    expect(await claimed()).toBeUndefined();
  });

  it('of a serial batch skip no chunk that waits for its next attempt', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 2, execution: 'serial' });
    await sheaf.sql`update chunks set available_at = now() + interval '1 hour' where batch_id = ${id} and number = 1`;
    expect(await claimed()).toBeUndefined();
    expect(await sheaf.services.work.waitingWork()).toEqual([]);
  });
});

describe('a batch', () => {
  beforeAll(async () => {
    await clearBatches(sheaf.sql);
    await sheaf.startWorkers();
  });

  it('that is executed serially calls the handler in the file’s order, one chunk after the other', async () => {
    const rows = Array.from({ length: 20 }, (_, n) => `ser${n}`);
    let running = 0;
    let most = 0;
    held.before = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    const batch = await sheaf.run(csv('id', ...rows), { operation: 'hold', execution: 'serial' });
    held.before = async () => undefined;
    expect(batch).toMatchObject({ status: 'completed', counts: { succeeded: 20 } });
    expect(held.calls.flatMap((call) => call.records)).toEqual(rows.map((_, n) => n + 1));
    expect(most).toBe(1);
  });

  it('that is a dry run is checked, processes nothing, and leaves the upload for the real one', async () => {
    const handler = await sheaf.upload(csv('id', 'dry1', 'x'.repeat(21), 'dry2'));
    const dry = await sheaf.ended(
      await sheaf.submit(handler, { operation: 'hold', dry_run: true, on_invalid: 'skip' }),
    );
    expect(statuses(dry).slice(-2)).toEqual(['validating', 'completed']);
    expect(dry.counts).toEqual({ total: 3, succeeded: 0, failed: 1, skipped: 0, unprocessed: 2 });
    expect((await sheaf.lines(dry)).map((line) => line.status)).toEqual([
      'unprocessed',
      'failed',
      'unprocessed',
    ]);
    expect(held.calls).toEqual([]);

    const rejected = await sheaf.ended(await sheaf.submit(handler, { operation: 'hold', dry_run: true }));
    expect(rejected).toMatchObject({ status: 'validation_failed', counts: { failed: 1, unprocessed: 2 } });

    const real = await sheaf.ended(await sheaf.submit(handler, { operation: 'hold', on_invalid: 'skip' }));
    expect(real).toMatchObject({ status: 'completed', counts: { succeeded: 2, failed: 1 } });
  });

  it('repeats the custom id of each record in its results, whatever became of it', async () => {
    const batch = await sheaf.run(csv('id,ref', 'cus1,A', 'bad,B', `${'x'.repeat(21)},C`, 'cus2,D'), {
      operation: 'hold',
      on_invalid: 'skip',
      custom_id: 'ref',
    });
    const lines = await sheaf.lines(batch);
    expect(lines.map((line) => [line.custom_id, line.status])).toEqual([
      ['A', 'succeeded'],
      ['B', 'failed'],
      ['C', 'failed'],
      ['D', 'succeeded'],
    ]);
  });

  it('refuses a custom id that an earlier record has, wherever the two are, and one that is blank', async () => {
    const rows = ['rep1,A', 'rep2,B', 'rep3,C', 'rep4,A', 'rep5,', `${'x'.repeat(21)},B`, 'rep6,C'];
    const options = { operation: 'hold', custom_id: 'ref' };
    const rejected = await sheaf.run(csv('id,ref', ...rows), options);
    expect(rejected).toMatchObject({
      status: 'validation_failed',
      counts: { total: 7, failed: 4, unprocessed: 3 },
    });
    const codes = (await sheaf.lines(rejected, 'errors')).map((line) => [
      line.record,
      line.status === 'failed' && line.error.code,
    ]);
    expect(codes).toEqual([
      [4, 'custom_id_repeated'],
      [5, 'custom_id_missing'],
      [6, 'too_long'],
      [7, 'custom_id_repeated'],
    ]);

    const skipped = await sheaf.run(csv('id,ref', ...rows), { ...options, on_invalid: 'skip' });
    expect(skipped).toMatchObject({ status: 'completed', counts: { total: 7, succeeded: 3, failed: 4 } });
    expect((await sheaf.lines(skipped)).map((line) => line.status)).toEqual([
      'succeeded',
      'succeeded',
      'succeeded',
      'failed',
      'failed',
      'failed',
      'failed',
    ]);
    const [left] = await sheaf.sql`select count(*)::int as n from custom_ids`;
    expect(left?.n).toBe(0);
  });

  it('is refused as a whole when the column of the custom id is not in the file', async () => {
    const batch = await sheaf.run(csv('id', 'col1'), { operation: 'hold', custom_id: 'ref' });
    expect(batch).toMatchObject({
      status: 'validation_failed',
      statusReason: { code: 'file_column_missing' },
    });
    expect(batch.statusReason?.message).toContain('"ref"');
  });
});
