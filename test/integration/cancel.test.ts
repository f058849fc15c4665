import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { actorFor } from '../support/actor.ts';
import { gate } from '../support/gate.ts';
import { heldCsv, heldIds, heldOperation } from '../support/held-operation.ts';
import { addBatch } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { statuses } from '../support/statuses.ts';

const held = heldOperation();
let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '2' }, { operations: [held.operation] });
});
afterAll(() => sheaf.close());
beforeEach(() => held.reset());

const cancel = (id: string) => changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
const stored = async (prefix: string) => {
  const rows =
    await sheaf.sql`select learner_id from learners where learner_id like ${`${prefix}%`} order by 1`;
  return rows.map((row) => row.learner_id as string);
};

describe('before any worker has seen it', () => {
  it('a batch is cancelled without result files, and its upload is free again', async () => {
    const handler = await sheaf.upload(heldCsv(heldIds('early', 3)));
    const id = await sheaf.submit(handler, { operation: 'hold' });
    expect((await cancel(id)).status).toBe('cancel');
    const workers = await sheaf.startWorkers();
    const batch = await sheaf.ended(id);
    expect(statuses(batch)).toEqual(['new', 'cancel', 'cancelling', 'cancelled']);
    expect(batch.counts).toEqual({ total: null, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 });
    expect(batch.results).toEqual([]);
    expect(await sheaf.keys(`batches/${id}/`)).toEqual([]);

    const again = await sheaf.ended(await sheaf.submit(handler, { operation: 'hold' }));
    expect(again).toMatchObject({ status: 'completed', counts: { succeeded: 3 } });
    await workers.stop();
  });
});

describe('in the middle of processing', () => {
  it('what has settled keeps its results, what runs commits nothing, and the rest is a file to send again', async () => {
    const running = gate();
    held.before = async ({ records, context }) => {
      if (records[0] !== 5) return;
      await running.wait();
      // As a handler does that waits for something else and listens to its signal.
      context.signal.throwIfAborted();
    };
    const workers = await sheaf.startWorkers();
    const handler = await sheaf.upload(heldCsv([...heldIds('mid', 9), 'bad']));
    const id = await sheaf.submit(handler, { operation: 'hold', execution: 'serial' });
    await running.arrived;

    const answered = await cancel(id);
    expect(['cancel', 'cancelling', 'cancelled']).toContain(answered.status);
    const calls = held.calls.length;
    const batch = await sheaf.ended(id);
    running.open();

    expect(statuses(batch).slice(-4)).toEqual(['processing', 'cancel', 'cancelling', 'cancelled']);
    expect(batch.counts).toEqual({ total: 10, succeeded: 4, failed: 0, skipped: 0, unprocessed: 6 });
    expect(held.calls.length).toBe(calls);
    const lines = await sheaf.lines(batch);
    expect(lines.map(({ record, status }) => [record, status])).toEqual([
      ...[1, 2, 3, 4].map((record) => [record, 'succeeded']),
      ...[5, 6, 7, 8, 9, 10].map((record) => [record, 'unprocessed']),
    ]);
    const unprocessed = batch.results!.find((file) => file.kind === 'unprocessed' && file.format === 'csv')!;
    expect(unprocessed.records).toBe(6);
    const rest = (await sheaf.object(unprocessed.key)).toString();
    expect(rest).toBe('id,_rest,"_sheaf"\r\nmid5,,\r\nmid6,,\r\nmid7,,\r\nmid8,,\r\nmid9,,\r\nbad,,\r\n');

    held.before = async () => undefined;
    const second = await sheaf.run(rest, { operation: 'hold' });
    expect(second).toMatchObject({ status: 'completed', counts: { succeeded: 5, failed: 1 } });
    expect(await stored('mid')).toEqual(heldIds('mid', 9));
    await workers.stop();
  });

  it('a handler that does not listen begins nothing new, and what it wrote is rolled back', async () => {
    const running = gate();
    held.before = () => running.wait();
    const workers = await sheaf.startWorkers();
    const id = await sheaf.submit(await sheaf.upload(heldCsv(heldIds('deaf', 2))), { operation: 'hold' });
    await running.arrived;
    await cancel(id);
    const batch = await sheaf.ended(id);
    expect(batch).toMatchObject({ status: 'cancelled', counts: { total: 2, unprocessed: 2 } });
    running.open();
    await workers.stop();
    expect(await stored('deaf')).toEqual([]);
    expect(await sheaf.batch(id)).toEqual(batch);
  });
});

describe('asked again, or too late', () => {
  it.each(['cancel', 'cancelling', 'cancelled'])(
    'in %s it is no error and changes nothing',
    async (status) => {
      const id = await addBatch(sheaf, { status, chunks: 1 });
      const batch = await cancel(id);
      expect(batch.status).toBe(status);
      expect(batch.statuses).toEqual([]);
    },
  );

  it.each(['writing_results', 'completed', 'validation_failed', 'hash_mismatch', 'failed', 'deleting'])(
    'in %s it is refused',
    async (status) => {
      const id = await addBatch(sheaf, { status, chunks: 1 });
      await expect(cancel(id)).rejects.toMatchObject({ code: 'not_cancellable' });
      expect((await sheaf.batch(id)).status).toBe(status);
    },
  );

  it('two at once: one cancels, both are told so', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 3 });
    const answers = await Promise.all([cancel(id), cancel(id), cancel(id)]);
    for (const answer of answers) expect(statuses(answer)).toEqual(['cancel']);
  });

  it('another account’s batch is not found', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const stranger = { ...sheaf.caller, accountId: '0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11' };
    const engine = { ...sheaf.services, ...sheaf.services.account(actorFor(stranger)) };
    const asking = changeBatch(engine, stranger, id, { status: 'cancel' });
    await expect(asking).rejects.toMatchObject({ code: 'batch_not_found' });
    expect((await sheaf.batch(id)).status).toBe('processing');
  });
});
