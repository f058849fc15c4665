import { setTimeout as sleep } from 'node:timers/promises';
import Type from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defineOperation, type Operation } from '../../src/core/operation.ts';
import { succeeded, tryAgain } from '../../src/core/result.ts';
import { changeBatch } from '../../src/engine/change-batch.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Limits as batches meet them, with workers on two sets of services: they wait, and no record fails for it. */

const described = {
  version: 1,
  title: 'Send',
  description: 'Sends something.',
  input: Type.Object({ value: Type.String() }, { additionalProperties: false }),
  output: Type.Object({}),
  failures: { busy: 'The target is busy' },
};

/** What was done, and when (monotonic clock, ms). */
const done: { value: string; at: number }[] = [];
let under = 0;
let most = 0;
/** Values for which the target asks to be left alone, once each. */
const busy = new Set<string>();

async function send(value: string): Promise<void> {
  under += 1;
  most = Math.max(most, under);
  await sleep(10);
  under -= 1;
  done.push({ value, at: performance.now() });
}

const rated = defineOperation({
  ...described,
  name: 'rated',
  limits: { rate: { records: 10, seconds: 2, per: 'account', lockSeconds: 300 } },
  run: async (records) => {
    for (const { input } of records) done.push({ value: input.value, at: performance.now() });
    return records.map(() => succeeded({}));
  },
});

const outside = defineOperation({
  ...described,
  name: 'outside',
  effects: 'outside',
  limits: { concurrency: 3, breaker: { failures: 4, seconds: 1 }, attempts: 20 },
  run: async ([record]) => {
    const { value } = record!.input;
    await send(value);
    if (!busy.delete(value)) return [succeeded({})];
    return [tryAgain('busy', 'it is busy', { afterSeconds: 0.1, target: { down: true, waitSeconds: 1 } })];
  },
});

const alone = defineOperation({
  ...described,
  name: 'alone',
  limits: { concurrency: 1 },
  run: async (records) => {
    await send('chunk');
    return records.map(() => succeeded({}));
  },
});

/** So few that a batch of more would have to wait for an hour. */
const FEW: Pick<Operation, 'limits'> = { limits: { rate: { records: 4, seconds: 3600, per: 'account' } } };
const all = async (records: readonly unknown[]) => records.map(() => succeeded({}));

const scarce = defineOperation({
  ...described,
  name: 'scarce',
  ...FEW,
  run: all,
});

const rare = defineOperation({ ...described, ...FEW, name: 'rare', run: all });
const rareOutside = defineOperation({
  ...described,
  ...FEW,
  name: 'rare_outside',
  effects: 'outside',
  run: all,
});

let sheaf: TestSheaf;
beforeAll(async () => {
  const operations = [rated, outside, alone, scarce, rare, rareOutside];
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '6' }, { operations });
  await sheaf.startWorkers();
  await sheaf.startWorkersApart();
});
afterAll(() => sheaf.close());
beforeEach(() => {
  done.length = 0;
  busy.clear();
  most = 0;
});

const values = (count: number) => Array.from({ length: count }, (_, n) => `v${n + 1}`);
const run = (operation: string, count: number) =>
  sheaf.run(`value\n${values(count).join('\n')}\n`, { operation });

describe('a batch', () => {
  it('of more records than the rate has at a time waits for the rest, chunk by chunk', async () => {
    const batch = await run('rated', 35);
    expect(batch).toMatchObject({ status: 'completed', counts: { succeeded: 35, failed: 0 } });
    // Each record once: what was allowed is kept while the rest of its chunk waits.
    expect(done.map(({ value }) => value).sort()).toEqual(values(35).sort());
    for (const { at } of done) {
      // Half of the rate's time, so that a worker that comes late to what it was given says nothing wrong.
      expect(done.filter((other) => other.at >= at && other.at < at + 1000).length).toBeLessThanOrEqual(10);
    }
    const lines = await sheaf.lines(batch);
    expect(lines).toHaveLength(35);
    expect(lines.every((line) => line.status === 'succeeded' && line.attempts === 1)).toBe(true);
  });

  it('makes no more calls at once than the target takes, over all workers', async () => {
    const [first, second] = await Promise.all([run('outside', 40), run('outside', 20)]);
    expect(first).toMatchObject({ status: 'completed', counts: { succeeded: 40, failed: 0 } });
    expect(second).toMatchObject({ status: 'completed', counts: { succeeded: 20, failed: 0 } });
    expect(done).toHaveLength(60);
    expect(most).toBeLessThanOrEqual(3);
    expect(await sheaf.sql`select from limit_slots where holder is not null`).toHaveLength(0);
  });

  it('waits when the target asks for it or is down, and goes on then', async () => {
    for (const value of values(12)) busy.add(value);
    const batch = await run('outside', 30);
    expect(batch).toMatchObject({ status: 'completed', counts: { succeeded: 30, failed: 0 } });
    expect(done).toHaveLength(42);
    const [circuit] = await sheaf.sql`select failures from limit_circuits where target = 'target:outside'`;
    expect(circuit).toEqual({ failures: 0 });
  });

  it('goes by the rate that is set for its account, in the place of the operation’s own', async () => {
    const { sql, caller } = sheaf;
    const limits = { requests: { scarce: { perMinute: 1000, lockSeconds: 0 } } };
    await sql`update accounts set limits = ${sql.json(limits)} where id = ${caller.accountId}`;
    const batch = await run('scarce', 12);
    expect(batch).toMatchObject({ status: 'completed', counts: { succeeded: 12, failed: 0 } });
  });

  it('runs as many chunks in transactions at once as it may', async () => {
    const batch = await run('alone', 24);
    expect(batch).toMatchObject({ status: 'completed', counts: { succeeded: 24, failed: 0 } });
    expect(most).toBe(1);
    expect(done).toHaveLength(4);
  });

  it.each(['rare', 'rare_outside'])(
    'of %s is not stalled while it waits as it was told to, nor what waits behind it',
    async (operation) => {
      const submitted = async () =>
        await sheaf.submit(await sheaf.upload(`value\n${values(6).join('\n')}\n`), { operation });
      const first = await submitted();
      while ((await sheaf.batch(first)).counts.succeeded < 4) await sleep(20);
      const second = await submitted();
      while ((await sheaf.batch(second)).status !== 'processing') await sleep(20);
      const { sql } = sheaf;
      const stalled = async () => {
        // Whoever looks whether there is room for the second holds its chunk for a moment.
        for (;;) {
          const [row] = await sql`select count(*)::int as running from chunks where status = 'running'`;
          if (row?.running === 0) break;
          await sleep(20);
        }
        return (await sheaf.services.work.stalled(600)).map(({ batchId }) => batchId).sort();
      };
      await sql`update batches set updated_at = now() - interval '1 day'`;
      expect(await stalled()).toEqual([]);
      // The wait was over, and nobody has come by since.
      await sql`update chunks set settled_at = settled_at - interval '2 hours' where batch_id = ${first}`;
      expect(await stalled()).toEqual([first, second]);
      for (const id of [first, second])
        await changeBatch(sheaf.engine, sheaf.caller, id, { status: 'cancel' });
      await Promise.all([first, second].map((id) => sheaf.ended(id)));
    },
  );
});
