import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clearAway } from '../../src/engine/clear-away.ts';
import { deleteBatch } from '../../src/engine/delete-batch.ts';
import { sweep } from '../../src/engine/sweep.ts';
import { gate } from '../support/gate.ts';
import { heldCsv, heldOperation } from '../support/held-operation.ts';
import { addBatch } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

const held = heldOperation();
let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '2' }, { operations: [held.operation] });
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());

const remove = (id: string) => deleteBatch(sheaf.engine, id);
const find = (id: string) => sheaf.account.batches.find(id);
const row = async (id: string) => {
  const [found] = await sheaf.sql`
    select status, deleted_at is not null as deleted, metadata, failures, coerced, read,
      (select count(*)::int from chunks where batch_id = ${id}) as chunks
    from batches where id = ${id}`;
  return found;
};

async function gone(id: string): Promise<void> {
  while ((await find(id)) !== null) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function rowGone(id: string): Promise<void> {
  while ((await row(id)) !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** The rows go last: when its removal begins a batch says that it has expired, and its objects are there still. */
async function expire(id: string): Promise<void> {
  await sheaf.sql`update batches set expires_at = now() - interval '1 second' where id = ${id}`;
  while ((await row(id))?.chunks !== 0) await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('a batch that has ended', () => {
  it('goes with its objects and its rows; a tombstone stays that only a repeated delete sees', async () => {
    const batch = await sheaf.run(heldCsv(['del1', 'del2', 'del3']), {
      operation: 'hold',
      metadata: { secret: 'x' },
    });
    expect(await sheaf.keys(`batches/${batch.id}/`)).not.toEqual([]);
    expect(await remove(batch.id)).toEqual({ status: 'deleting' });
    await gone(batch.id);
    expect(await sheaf.keys(`batches/${batch.id}/`)).toEqual([]);
    const nothing = { metadata: {}, failures: null, coerced: null, read: null, chunks: 0 };
    expect(await row(batch.id)).toEqual({ status: 'deleting', deleted: true, ...nothing });
    expect(await remove(batch.id)).toEqual({ status: 'deleting' });
    const listed = await sheaf.account.batches.list({ limit: 100 });
    expect(listed.map(({ id }) => id)).not.toContain(batch.id);
  });

  it('leaves a tombstone that goes with what was written late, once its time is over', async () => {
    const batch = await sheaf.run(heldCsv(['late1']), { operation: 'hold' });
    await remove(batch.id);
    await gone(batch.id);
    const late = `batches/${batch.id}/parts/process/1/late/x`;
    await sheaf.services.objects.put(late, Buffer.from('late'));
    await sweep(sheaf.services);
    expect(await row(batch.id)).toMatchObject({ deleted: true });

    await sheaf.sql`update batches set deleted_at = deleted_at - interval '2 hours' where id = ${batch.id}`;
    await rowGone(batch.id);
    expect(await sheaf.keys(`batches/${batch.id}/`)).toEqual([]);
    await expect(remove(batch.id)).rejects.toMatchObject({ code: 'batch_not_found' });
  });
});

describe('a batch that is under way', () => {
  it('is cancelled first, and removed when it has ended', async () => {
    const running = gate();
    held.before = () => running.wait();
    const id = await sheaf.submit(await sheaf.upload(heldCsv(['way1', 'way2'])), { operation: 'hold' });
    await running.arrived;
    expect(await remove(id)).toEqual({ status: 'cancel' });
    await gone(id);
    running.open();
    held.before = async () => undefined;
    expect(await sheaf.sql`select from learners where learner_id like 'way%'`).toHaveLength(0);
  });

  it('and cannot be cancelled any more is removed as soon as its results are written', async () => {
    const batch = await sheaf.run(heldCsv(['soon1']), { operation: 'hold' });
    await sheaf.sql`
      update batches set status = 'writing_results', stage = 'write_results', results = null, results_at = null,
        ended_at = null, expires_at = null, available_at = now() + interval '1 hour' where id = ${batch.id}`;
    expect(await remove(batch.id)).toEqual({ status: 'writing_results' });
    expect(await remove(batch.id)).toEqual({ status: 'writing_results' });
    await sheaf.sql`update batches set available_at = now() where id = ${batch.id}`;
    await gone(batch.id);
    expect(await row(batch.id)).toMatchObject({ deleted: true });
  });
});

describe('what is due', () => {
  it('expires: the objects go, the batch stays and says so', async () => {
    const batch = await sheaf.run(heldCsv(['exp1', 'bad']), { operation: 'hold', expires_after: 3600 });
    const row = (await sheaf.batch(batch.id))!;
    expect(row.expiresAt! - row.statuses.at(-1)!.ts).toBeCloseTo(3600, 0);
    await expire(batch.id);
    const expired = await sheaf.batch(batch.id);
    expect(expired).toMatchObject({
      status: 'completed',
      expired: true,
      resultsReady: false,
      counts: { total: 2, succeeded: 1, failed: 1 },
    });
    expect(await sheaf.keys(`batches/${batch.id}/`)).toEqual([]);
  });

  it.each([
    ['with result files', true],
    ['whose result files were never written', false],
  ])('expires: of a batch %s the failures stay, without what the file holds', async (_, written) => {
    const long = 'x'.repeat(21);
    const file = heldCsv([long, 'bad']);
    const batch = await sheaf.run(file, { operation: 'hold', on_invalid: 'skip' });
    expect(batch.failures.first[0]).toMatchObject({ record: 1, code: 'too_long', value: long });
    if (!written)
      await sheaf.sql`update batches set results_at = null, failures = null where id = ${batch.id}`;
    await expire(batch.id);
    const told = batch.failures.first.map(({ value: _value, ...first }) => first);
    const { counts, failures } = await sheaf.batch(batch.id);
    expect([counts, failures.codes]).toEqual([batch.counts, { too_long: 1, refused: 1 }]);
    expect(failures.first).toEqual(told);
    expect(JSON.stringify(await row(batch.id))).not.toContain(long);
  });

  it('and nothing else is removed', async () => {
    const batch = await sheaf.run(heldCsv(['keep1']), { operation: 'hold' });
    const keys = await sheaf.keys(`batches/${batch.id}/`);
    await sweep(sheaf.services);
    await clearAway(sheaf.services);
    expect(await sheaf.services.work.startRemovals()).toBe(0);
    expect(await sheaf.keys(`batches/${batch.id}/`)).toEqual(keys);
  });
});

describe('a batch that nobody works on', () => {
  it('is failed when its time is over, and can be resumed', async () => {
    const id = await addBatch(sheaf, { status: 'new', stage: 'copy', chunks: 0 });
    await sheaf.sql`
      update batches set operation = 'unknown', updated_at = now() - interval '2 days' where id = ${id}`;
    const seconds = sheaf.services.settings.stalledSeconds;
    // Others of the account are done for: a batch that only waits for its turn is not stalled.
    await sheaf.sql`update batches set updated_at = now() where id <> ${id}`;
    expect(await sheaf.services.work.stalled(seconds)).toEqual([]);
    await sheaf.sql`update batches set updated_at = now() - interval '2 days'`;
    await sheaf.sql`update chunks set settled_at = now() - interval '2 days'`;
    await sweep(sheaf.services);
    expect(await sheaf.batch(id)).toMatchObject({
      status: 'failed',
      failedFrom: 'new',
      statusReason: { code: 'stalled' },
    });
  });
});
