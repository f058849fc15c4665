import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ChunkSession } from '../../src/engine/ports/chunk-session.ts';
import type { ChunkStage, KnownOperations } from '../../src/engine/ports/claims.ts';
import { addAccount, addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Rule 1: which chunk a worker gets is decided by PostgreSQL, fairly between accounts. */

const KNOWN: KnownOperations = { names: ['create_learner'], versions: [1] };

let sheaf: TestSheaf;
const sessions: ChunkSession[] = [];

beforeAll(async () => {
  sheaf = await openTestSheaf();
});
afterAll(() => sheaf.close());
beforeEach(() => clearBatches(sheaf.sql));
afterEach(() => {
  for (const session of sessions.splice(0)) session.release();
});

async function session(): Promise<ChunkSession> {
  const opened = await sheaf.services.work.openSession();
  sessions.push(opened);
  return opened;
}

async function claim(options: { stage?: ChunkStage; batchId?: string; known?: KnownOperations } = {}) {
  return await (await session()).claim(options.stage ?? 'process', options.known ?? KNOWN, options.batchId);
}

describe('a claim', () => {
  it('takes the chunks of a batch in the file’s order, and none twice', async () => {
    const batchId = await addBatch(sheaf, { status: 'processing', chunks: 3 });
    const numbers = [await claim(), await claim(), await claim()].map((chunk) => chunk?.range.number);
    expect(numbers).toEqual([1, 2, 3]);
    expect(await claim()).toBeNull();
    expect(await claim({ batchId })).toBeNull();
  });

  it('by many sessions at once hands out each chunk exactly once', async () => {
    await addBatch(sheaf, { status: 'processing', chunks: 20 });
    const opened = await Promise.all(Array.from({ length: 20 }, () => session()));
    const claims = await Promise.all(opened.map((one) => one.claim('process', KNOWN)));
    const numbers = claims.flatMap((chunk) => chunk?.range.number ?? []);
    expect(new Set(numbers).size).toBe(numbers.length);
    // A claim may come back empty when another has the row locked at that moment; the rest is claimable afterwards.
    while (numbers.length < 20) numbers.push((await claim())!.range.number);
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  it('goes to the account with the fewest running chunks before the older batch', async () => {
    const other = await addAccount(sheaf.sql);
    const big = await addBatch(sheaf, { status: 'processing', chunks: 10 });
    const small = await addBatch(sheaf, { status: 'processing', chunks: 2, accountId: other });

    const order = [await claim(), await claim(), await claim(), await claim(), await claim()];
    expect(order.map((chunk) => chunk?.batchId)).toEqual([big, small, big, small, big]);
  });

  it('of chunks that call others is apart from that of those that compute, and so is their count', async () => {
    const other = await addAccount(sheaf.sql);
    const calls = await addBatch(sheaf, { status: 'processing', chunks: 3, effects: 'outside' });
    const [first, second] = [await claim({ stage: 'call' }), await claim({ stage: 'call' })];
    expect([first, second]).toMatchObject([
      { batchId: calls, stage: 'call', phase: 'process' },
      { batchId: calls, stage: 'call', phase: 'process' },
    ]);
    expect(await claim()).toBeNull();

    // The account that has two calls under way is not behind another one for that.
    const mine = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const theirs = await addBatch(sheaf, { status: 'processing', chunks: 1, accountId: other });
    expect([(await claim())?.batchId, (await claim())?.batchId]).toEqual([mine, theirs]);
    expect((await claim({ stage: 'call' }))?.batchId).toBe(calls);
  });

  it('within an account takes the oldest batch first', async () => {
    const first = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const second = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    expect([(await claim())?.batchId, (await claim())?.batchId]).toEqual([first, second]);
  });

  it('is refused while the batch is in another status, and in another phase', async () => {
    await addBatch(sheaf, { status: 'validating', chunks: 1, phase: 'validate' });
    await addBatch(sheaf, { status: 'failed', chunks: 1 });
    expect(await claim({ stage: 'process' })).toBeNull();
    expect(await claim({ stage: 'validate' })).not.toBeNull();
  });

  it('leaves what backs off until its time has come', async () => {
    const batchId = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    await sheaf.sql`update chunks set available_at = now() + interval '1 hour' where batch_id = ${batchId}`;
    expect(await claim()).toBeNull();
    await sheaf.sql`update chunks set available_at = now() where batch_id = ${batchId}`;
    expect(await claim()).not.toBeNull();
  });

  it('takes no batch whose operation, or its version, this worker does not have', async () => {
    await addBatch(sheaf, { status: 'processing', chunks: 1 });
    expect(await claim({ known: { names: ['create_learner'], versions: [2] } })).toBeNull();
    expect(await claim({ known: { names: ['other'], versions: [1] } })).toBeNull();
    expect(await claim({ known: { names: [], versions: [] } })).toBeNull();
    expect(await claim()).not.toBeNull();
  });

  it('passes over a batch whose row is being changed, waiting for nobody', async () => {
    const locked = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const free = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    await sheaf.sql.begin(async (tx) => {
      await tx`select from batches where id = ${locked} for update`;
      expect((await claim())?.batchId).toBe(free);
      expect(await claim()).toBeNull();
    });
    expect((await claim())?.batchId).toBe(locked);
  });

  it('notes the database session that will do the work', async () => {
    const batchId = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    await claim();
    const [row] = await sheaf.sql`
      select s.application_name as name from chunks c
      join pg_stat_activity s on s.pid = c.lease_pid and s.backend_start = c.lease_pid_started
      where c.batch_id = ${batchId}`;
    expect(row?.name).toBe('sheaf chunk');
  });
});

describe('a batch as a whole', () => {
  it('is claimed once, and enters the status of its stage with the claim', async () => {
    const id = await addBatch(sheaf, { status: 'new', stage: 'copy', chunks: 0 });
    const claims = await Promise.all([1, 2, 3].map(() => sheaf.services.work.claimBatch('copy', KNOWN)));
    expect(claims.filter((it) => it !== null)).toHaveLength(1);
    expect((await sheaf.batch(id)).status).toBe('copying');
  });

  it('is shared out between accounts as chunks are', async () => {
    const other = await addAccount(sheaf.sql);
    const mine = [
      await addBatch(sheaf, { status: 'new', stage: 'copy', chunks: 0 }),
      await addBatch(sheaf, { status: 'new', stage: 'copy', chunks: 0 }),
    ];
    const theirs = await addBatch(sheaf, { status: 'new', stage: 'copy', chunks: 0, accountId: other });
    const order: (string | undefined)[] = [];
    for (let n = 0; n < 3; n += 1) order.push((await sheaf.services.work.claimBatch('copy', KNOWN))?.batchId);
    expect(order).toEqual([mine[0], theirs, mine[1]]);
  });
});
