import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AccountLimitSettings } from '../../src/core/account-limits.ts';
import type { ChunkSession } from '../../src/engine/ports/chunk-session.ts';
import type { ChunkClaim, ChunkStage, KnownOperations } from '../../src/engine/ports/claims.ts';
import { addAccount, addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Which account gets how many of the workers, by its weight and by what it may run at once. */

const KNOWN: KnownOperations = { names: ['create_learner'], versions: [1] };

let sheaf: TestSheaf;
const sessions: ChunkSession[] = [];

beforeAll(async () => {
  // No sweep may help with tickets.
  sheaf = await openTestSheaf({ SHEAF_SWEEP_SECONDS: '3600', SHEAF_CHUNK_RECORDS: '5' });
});
afterAll(() => sheaf.close());
beforeEach(async () => {
  await clearBatches(sheaf.sql);
  await setLimits(sheaf.caller.accountId, {});
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.release();
});

async function setLimits(accountId: string, limits: AccountLimitSettings): Promise<void> {
  await sheaf.sql`update accounts set limits = ${sheaf.sql.json(limits as never)} where id = ${accountId}`;
}

async function accountWith(limits: AccountLimitSettings): Promise<string> {
  const id = await addAccount(sheaf.sql);
  await setLimits(id, limits);
  return id;
}

async function session(): Promise<ChunkSession> {
  const opened = await sheaf.services.work.openSession();
  sessions.push(opened);
  return opened;
}

async function claim(stage: ChunkStage = 'process'): Promise<ChunkClaim | null> {
  return await (await session()).claim(stage, KNOWN);
}

async function settle(claimed: ChunkClaim): Promise<void> {
  await sheaf.sql`update chunks set status = 'settled', lease = null where lease = ${claimed.lease}`;
}

/** As so many workers, each of whose chunks takes the same time: whose chunks they run. */
async function run(workers: number, chunks: number): Promise<string[]> {
  const running: ChunkClaim[] = [];
  const order: string[] = [];
  while (order.length < chunks) {
    if (running.length === workers) await settle(running.shift()!);
    const claimed = (await claim())!;
    running.push(claimed);
    order.push(claimed.accountId);
  }
  for (const claimed of running) await settle(claimed);
  return order;
}

const running = async (accountId: string) => {
  const [row] = await sheaf.sql`
    select count(*)::int as chunks from chunks where account_id = ${accountId} and status = 'running'`;
  return row?.chunks as number;
};

describe('the weight of an account', () => {
  it.each([1, 2, 3, 4, 6])('of 2 gets twice the chunks of one of 1, with %i workers', async (workers) => {
    const [light, heavy] = [await accountWith({}), await accountWith({ workerWeight: 2 })];
    await addBatch(sheaf, { status: 'processing', chunks: 60, accountId: light });
    await addBatch(sheaf, { status: 'processing', chunks: 60, accountId: heavy });
    const order = await run(workers, 60);
    const share = order.filter((account) => account === heavy).length / order.length;
    // Two workers have one chunk of each at most times: the heavy one gets what is left over.
    expect(share).toBeGreaterThan(0.6);
    expect(share).toBeLessThan(0.72);
  });

  it('leaves nobody out, however many accounts there are for one worker', async () => {
    const heavy = await accountWith({ workerWeight: 10 });
    await addBatch(sheaf, { status: 'processing', chunks: 60, accountId: heavy });
    const others = [await accountWith({}), await accountWith({}), await accountWith({ workerWeight: 0.5 })];
    for (const accountId of others) await addBatch(sheaf, { status: 'processing', chunks: 3, accountId });
    const order = await run(1, 40);
    for (const account of others) expect(order.filter((it) => it === account).length).toBeGreaterThan(0);
    expect(order.filter((account) => account === heavy).length).toBeGreaterThan(20);
  });

  it('counts for batches as a whole as well', async () => {
    const [light, heavy] = [await accountWith({}), await accountWith({ workerWeight: 2 })];
    for (const accountId of [light, heavy, light, heavy, light, heavy]) {
      await addBatch(sheaf, { status: 'new', stage: 'copy', chunks: 0, accountId });
    }
    const order: string[] = [];
    for (let n = 0; n < 3; n += 1)
      order.push((await sheaf.services.work.claimBatch('copy', KNOWN))!.accountId);
    expect(order.filter((account) => account === heavy)).toHaveLength(2);
  });
});

describe('an account that may run only so many chunks at once', () => {
  it('never runs more, however many claim at the same moment, and others are served', async () => {
    const [other, limited] = [await accountWith({}), await accountWith({ chunks: 2 })];
    await addBatch(sheaf, { status: 'processing', chunks: 40, accountId: limited });
    await addBatch(sheaf, { status: 'processing', chunks: 40, accountId: limited });
    await addBatch(sheaf, { status: 'processing', chunks: 100, accountId: other });
    const opened = await Promise.all(Array.from({ length: 12 }, () => session()));
    let ofLimited = 0;
    for (let round = 0; round < 8; round += 1) {
      const claims = (await Promise.all(opened.map((one) => one.claim('process', KNOWN)))).flatMap(
        (it) => it ?? [],
      );
      expect(await running(limited)).toBeLessThanOrEqual(2);
      ofLimited += claims.filter((it) => it.accountId === limited).length;
      expect(claims.length).toBeGreaterThanOrEqual(8);
      await Promise.all(claims.map(settle));
    }
    expect(ofLimited).toBeGreaterThanOrEqual(8);
  });

  it('has all its chunks counted together, whatever is done with them', async () => {
    const limited = await accountWith({ chunks: 2 });
    await addBatch(sheaf, { status: 'validating', chunks: 2, phase: 'validate', accountId: limited });
    await addBatch(sheaf, { status: 'processing', chunks: 2, accountId: limited });
    await addBatch(sheaf, { status: 'processing', chunks: 2, effects: 'outside', accountId: limited });
    const [checked, called] = [await claim('validate'), await claim('call')];
    expect([checked?.accountId, called?.accountId]).toEqual([limited, limited]);
    expect([await claim('validate'), await claim('process'), await claim('call')]).toEqual([
      null,
      null,
      null,
    ]);
    await settle(checked!);
    expect(await claim('process')).not.toBeNull();
    expect(await claim('process')).toBeNull();
  });

  it('is told as having no work while it runs as many, and keeps nobody’s place in the list', async () => {
    const [other, limited] = [await accountWith({}), await accountWith({ chunks: 1 })];
    const mine = await addBatch(sheaf, { status: 'processing', chunks: 5, accountId: limited });
    const theirs = await addBatch(sheaf, { status: 'processing', chunks: 3, accountId: other });
    const waiting = async () => {
      const work = await sheaf.services.work.waitingWork();
      return Object.fromEntries(work.map(({ batchId, tickets }) => [batchId, tickets]));
    };
    expect(await waiting()).toEqual({ [mine]: 1, [theirs]: 3 });
    const [first, second] = [await claim(), await claim()];
    expect([first, second].map((it) => it?.batchId).sort()).toEqual([mine, theirs].sort());
    expect(await waiting()).toEqual({ [theirs]: 2 });
  });

  it('is served on without a sweep, each chunk by the one before it', async () => {
    await setLimits(sheaf.caller.accountId, { chunks: 1 });
    let most = 0;
    const watch = setInterval(async () => {
      most = Math.max(most, await running(sheaf.caller.accountId));
    }, 5);
    await sheaf.startWorkers();
    await sheaf.startWorkersApart();
    const rows = (from: number) =>
      `learner_id,given_name\n${Array.from({ length: 60 }, (_, n) => `l${from + n},Ana`).join('\n')}\n`;
    const batches = [
      await sheaf.submit(await sheaf.upload(rows(0))),
      await sheaf.submit(await sheaf.upload(rows(100))),
    ];
    for (const id of batches) {
      expect(await sheaf.ended(id)).toMatchObject({
        status: 'completed',
        counts: { total: 60, succeeded: 60 },
      });
    }
    clearInterval(watch);
    expect(most).toBe(1);
  });
});
