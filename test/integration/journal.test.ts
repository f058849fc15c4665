import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LeaseLost } from '../../src/core/errors.ts';
import { failed, succeeded } from '../../src/core/result.ts';
import type { JournalEntry } from '../../src/engine/ports/chunk-outcome.ts';
import type { ChunkSession } from '../../src/engine/ports/chunk-session.ts';
import type { ChunkClaim, KnownOperations } from '../../src/engine/ports/claims.ts';
import { processed } from '../support/outcomes.ts';
import { addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** The journal of a chunk: who may write what into it, in what order it may come, and what is kept of it. */

const KNOWN: KnownOperations = { names: ['create_learner'], versions: [1] };
const DONE = succeeded({ text: 'NUL \0, half \ud800, “quotes”' });

let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf();
});
afterAll(() => sheaf.close());
beforeEach(async () => {
  await clearBatches(sheaf.sql);
  await sheaf.sql`truncate record_journal`;
});

interface Held {
  session: ChunkSession;
  claim: ChunkClaim;
}

async function claim(): Promise<Held> {
  const session = await sheaf.services.work.openSession();
  const claimed = await session.claim('process', KNOWN);
  if (claimed === null) throw new Error('nothing to claim');
  return { session, claim: claimed };
}

async function claimed(): Promise<Held> {
  await addBatch(sheaf, { status: 'processing', chunks: 1 });
  return await claim();
}

/** Another takes the chunk over, as after the end of a lease. */
async function takenOver(): Promise<Held> {
  await sheaf.sql`update chunks set lease_expires_at = now() - interval '1 second'`;
  expect(await sheaf.services.work.reclaimExpired()).toBe(1);
  return await claim();
}

const entry = (record: number, more: Partial<JournalEntry> = {}): JournalEntry => {
  return { record, state: 'started', attempts: 1, dueSeconds: 0, uncertain: false, result: null, ...more };
};
const final = (record: number, more: Partial<JournalEntry> = {}) =>
  entry(record, { state: 'final', result: DONE, ...more });
const start = ({ session, claim: held }: Held, ...entries: JournalEntry[]) =>
  session.noteStarted(held, entries);
const note = ({ session, claim: held }: Held, ...entries: JournalEntry[]) =>
  session.noteOutcomes(held, entries);
const known = async ({ session, claim: held }: Held) =>
  (await session.journal(held)).map(({ record, state, attempts }) => [record, state, attempts]);

describe('what is about to be sent', () => {
  it('is noted, with what came of it afterwards', async () => {
    const held = await claimed();
    expect(await start(held, entry(2), entry(1))).toEqual(new Set([1, 2]));
    const busy = failed('busy', 'is busy');
    await note(held, final(1), entry(2, { state: 'waiting', dueSeconds: 60, uncertain: true, result: busy }));
    const [first, second] = await held.session.journal(held.claim);
    expect(first).toMatchObject({ record: 1, state: 'final', result: DONE, uncertain: false });
    expect(second).toMatchObject({ record: 2, state: 'waiting', result: busy, uncertain: true });
    expect(second?.dueSeconds).toBeGreaterThan(30);
    expect(second?.dueSeconds).toBeLessThanOrEqual(60);
  });

  it('is not noted by who does not hold the chunk any more', async () => {
    const former = await claimed();
    const next = await takenOver();
    await expect(start(former, entry(1))).rejects.toBeInstanceOf(LeaseLost);
    expect(await known(next)).toEqual([]);
    await sheaf.sql`update chunks set lease = null, status = 'waiting'`;
    await expect(start(next, entry(1))).rejects.toBeInstanceOf(LeaseLost);
    expect(await sheaf.sql`select from record_journal`).toHaveLength(0);
  });

  it('comes either before a cancel or not at all', async () => {
    const held = await claimed();
    let starting: Promise<unknown> = Promise.resolve();
    await sheaf.sql.begin(async (tx) => {
      await tx`update chunks set lease = null, status = 'waiting'`;
      starting = start(held, entry(1)).catch((error: unknown) => error);
      // It waits for the lock that the cancel has.
      await expect
        .poll(() => sheaf.sql`select from pg_stat_activity where wait_event_type = 'Lock'`, {
          timeout: 30_000,
        })
        .not.toHaveLength(0);
    });
    expect(await starting).toBeInstanceOf(LeaseLost);
    expect(await sheaf.sql`select from record_journal`).toHaveLength(0);
  });

  it('is noted on a session that was made anew, as long as the lease is held', async () => {
    const held = await claimed();
    await sheaf.sql`select pg_terminate_backend(lease_pid, 5000) from chunks`;
    await expect(start(held, entry(1)).catch(() => start(held, entry(1)))).resolves.toEqual(new Set([1]));
    await sheaf.sql`
      select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where application_name = 'sheaf chunk' and datname = current_database()`;
    await note(held, final(1)).catch(() => note(held, final(1)));
    expect(await known(held)).toEqual([[1, 'final', 1]]);
  });
});

describe('what came of a try', () => {
  it('that was taken over stays open to whoever made it, until the next one begins', async () => {
    const former = await claimed();
    await start(former, entry(1), entry(2), entry(3));
    const next = await takenOver();
    await note(former, final(1));
    // What has its result meanwhile is not sent again.
    expect(await start(next, entry(1, { attempts: 2 }), entry(2, { attempts: 2 }))).toEqual(new Set([2]));
    const late = failed('late', 'is late');
    await note(former, final(2, { result: late }), entry(3, { state: 'waiting', result: late }));
    expect(await known(next)).toEqual([
      [1, 'final', 1],
      [2, 'started', 2],
      [3, 'waiting', 1],
    ]);
    await note(next, final(2, { attempts: 2 }));
    await note(former, final(2, { result: late }), final(2, { attempts: 2, result: late }));
    const [, second] = await next.session.journal(next.claim);
    expect(second).toMatchObject({ state: 'final', attempts: 2, result: DONE });
  });

  it('makes no row where there is none: of a chunk that has settled nothing is kept', async () => {
    const former = await claimed();
    await start(former, entry(1), entry(2));
    await note(former, final(1));
    const next = await takenOver();
    await next.session.settleProcessing(next.claim, async (_tx, journal) => {
      expect(journal.map(({ state }) => state)).toEqual(['final', 'started']);
      return processed({ succeeded: 10 });
    });
    await note(former, final(2));
    expect(await sheaf.sql`select from record_journal`).toHaveLength(0);
  });

  it('that was not made after all does not count', async () => {
    const held = await claimed();
    await start(held, entry(1), entry(2, { attempts: 3, uncertain: true }));
    await note(
      held,
      entry(1, { state: 'waiting' }),
      entry(2, { state: 'waiting', attempts: 3, uncertain: true }),
    );
    const [first, second] = await held.session.journal(held.claim);
    expect(first).toMatchObject({ state: 'waiting', attempts: 0, uncertain: false });
    expect(second).toMatchObject({ state: 'waiting', attempts: 2, uncertain: true });
    expect(await start(held, entry(1), entry(2, { attempts: 3 }))).toEqual(new Set([1, 2]));
  });

  it('is told to who waits for it', async () => {
    const held = await claimed();
    const { work } = sheaf.services;
    const { batchId } = held.claim;
    expect(await work.callsOut(batchId)).toBe(false);
    await start(held, entry(1));
    expect(await work.callsOut(batchId)).toBe(true);
    await note(held, entry(1, { state: 'waiting' }));
    expect(await work.callsOut(batchId)).toBe(false);
  });
});

describe('a batch that is removed', () => {
  it('takes its journal with it, and keeps what it counted if no result file tells of it', async () => {
    const held = await claimed();
    await start(held, entry(1), entry(2), entry(3), entry(4), entry(5));
    await note(
      held,
      final(1),
      final(2, { result: failed('refused', 'is refused') }),
      entry(4, { state: 'waiting', uncertain: true }),
      entry(5, { state: 'waiting' }),
    );
    const { batchId } = held.claim;
    await sheaf.sql`update chunks set lease = null, status = 'waiting'`;
    await sheaf.sql`
      update batches set status = 'cancelled', ended_at = now(), expires_at = now() - interval '1 second'`;
    const { work } = sheaf.services;
    expect(await work.startRemovals()).toBe(1);
    const claimedBatch = await work.claimBatch('remove', KNOWN);
    await work.finishRemoval(claimedBatch!);
    expect(await sheaf.sql`select from record_journal`).toHaveLength(0);
    // Of the third and the fourth nobody knows.
    expect((await sheaf.batch(batchId)).counts).toEqual({
      total: 10,
      succeeded: 1,
      failed: 3,
      skipped: 0,
      unprocessed: 6,
    });
  });
});
