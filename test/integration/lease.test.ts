import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from '../../src/adapters/postgres/connect.ts';
import { keepAwake } from '../../src/adapters/postgres/keep-awake.ts';
import { transaction } from '../../src/adapters/postgres/transaction.ts';
import { LeaseLost } from '../../src/core/errors.ts';
import { NO_FAILURES } from '../../src/core/tally.ts';
import type { ChunkSession } from '../../src/engine/ports/chunk-session.ts';
import type { ChunkClaim, KnownOperations, LeaseRef } from '../../src/engine/ports/claims.ts';
import { gate } from '../support/gate.ts';
import { checked, processed } from '../support/outcomes.ts';
import { addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Rules 2 and 3: a lease, its takeover, and settling under it. */

const KNOWN: KnownOperations = { names: ['create_learner'], versions: [1] };
const OUTCOME = processed({ succeeded: 10 });

let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf();
});
afterAll(() => sheaf.close());
beforeEach(() => clearBatches(sheaf.sql));

async function claimed(): Promise<{ session: ChunkSession; claim: ChunkClaim; lease: LeaseRef }> {
  await addBatch(sheaf, { status: 'processing', chunks: 1 });
  return await claimAgain();
}

async function claimAgain() {
  const session = await sheaf.services.work.openSession();
  const claim = await session.claim('process', KNOWN);
  if (claim === null) throw new Error('nothing to claim');
  const { batchId, lease, range } = claim;
  return { session, claim, lease: { kind: 'chunk', batchId, number: range.number, lease } as const };
}

/** The deadline passes by the database's clock; no test waits for it. */
const expire = () => sheaf.sql`update chunks set lease_expires_at = now() - interval '1 second'`;

async function row() {
  const [chunk] = await sheaf.sql`select status, lease, part, attempts, crashes from chunks`;
  return chunk as {
    status: string;
    lease: string | null;
    part: string | null;
    attempts: number;
    crashes: number;
  };
}

/** What a promise that may reject before anybody looks comes to. */
const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => error,
  );

const learner = (id: string) => sheaf.sql`
  insert into learners (account_id, learner_id) values (${sheaf.caller.accountId}, ${id})`;
const stored = async () =>
  (await sheaf.sql`select learner_id from learners order by 1`).map((l) => l.learner_id);

describe('settling', () => {
  it('commits the handler’s writes, the counts, the part and the status together', async () => {
    const { session, claim } = await claimed();
    await session.settleProcessing(claim, async ({ sql }) => {
      await sql`insert into learners (account_id, learner_id) values (${claim.accountId}, ${'a'})`;
      // Seen from outside, nothing has happened yet.
      expect(await stored()).toEqual([]);
      return OUTCOME;
    });
    expect(await stored()).toEqual(['a']);
    expect(await row()).toMatchObject({ status: 'settled', lease: null, part: 'parts/x', attempts: 1 });
  });

  it('under a lease that was taken away writes nothing at all', async () => {
    const { session, claim } = await claimed();
    const settling = session.settleProcessing(claim, async ({ sql }) => {
      await sql`insert into learners (account_id, learner_id) values (${claim.accountId}, ${'a'})`;
      await sheaf.sql`update chunks set lease = gen_random_uuid()`;
      return OUTCOME;
    });
    await expect(settling).rejects.toBeInstanceOf(LeaseLost);
    expect(await stored()).toEqual([]);
    expect(await row()).toMatchObject({ status: 'running', part: null });
  });

  it('does not even begin under a lease that is gone', async () => {
    const { session, claim } = await claimed();
    await sheaf.sql`update chunks set lease = null, status = 'waiting'`;
    let began = false;
    const settling = session.settleProcessing(claim, async () => {
      began = true;
      return OUTCOME;
    });
    await expect(settling).rejects.toBeInstanceOf(LeaseLost);
    expect(began).toBe(false);
    await expect(session.settleValidation(claim, checked())).rejects.toBeInstanceOf(LeaseLost);
  });

  it('rolls the handler’s writes back when the handler throws', async () => {
    const { session, claim } = await claimed();
    const settling = session.settleProcessing(claim, async ({ sql }) => {
      await sql`insert into learners (account_id, learner_id) values (${claim.accountId}, ${'a'})`;
      throw new Error('the handler broke');
    });
    await expect(settling).rejects.toThrow('the handler broke');
    expect(await stored()).toEqual([]);
  });

  it('works on after an orderly end: the same session claims and settles the next chunk', async () => {
    const first = await claimed();
    await first.session.settleProcessing(first.claim, async () => OUTCOME);
    await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const claim = await first.session.claim('process', KNOWN);
    await first.session.settleProcessing(claim!, async () => OUTCOME);
    expect(await sheaf.sql`select from chunks where status <> 'settled'`).toHaveLength(0);
  });
});

describe('a lease', () => {
  it('is extended while its token holds, and only then', async () => {
    const { lease } = await claimed();
    await expire();
    expect(await sheaf.services.work.renew([lease])).toEqual(new Set([lease.lease]));
    const [after] = await sheaf.sql`select lease_expires_at > now() as good from chunks`;
    expect(after?.good).toBe(true);
    expect(await sheaf.services.work.renew([{ ...lease, lease: crypto.randomUUID() }])).toEqual(new Set());
  });

  it('that has not expired is left alone by the takeover', async () => {
    const { lease } = await claimed();
    expect(await sheaf.services.work.reclaimExpired()).toBe(0);
    expect((await row()).lease).toBe(lease.lease);
  });

  it('given back after a fault waits for its backoff; a free one costs no attempt', async () => {
    const { lease } = await claimed();
    expect(await sheaf.services.work.giveBack(lease, { delaySeconds: 3600, free: false })).toBe(true);
    expect(await row()).toMatchObject({ status: 'waiting', lease: null, attempts: 1 });
    await expect(claimAgain()).rejects.toThrow('nothing to claim');
    await sheaf.sql`update chunks set available_at = now()`;
    const again = await claimAgain();
    expect(await sheaf.services.work.giveBack(again.lease, { delaySeconds: 0, free: true })).toBe(true);
    expect(await row()).toMatchObject({ attempts: 1 });
    expect(await sheaf.services.work.giveBack(again.lease, { delaySeconds: 0, free: true })).toBe(false);
  });
});

describe('the takeover of an expired lease', () => {
  it('ends the former holder’s session, so that its open transaction neither commits nor blocks', async () => {
    const former = await claimed();
    const frozen = gate();
    // The former holder has written, and then freezes with its transaction open.
    const settling = outcomeOf(
      former.session.settleProcessing(former.claim, async ({ sql }) => {
        await sql`insert into learners (account_id, learner_id) values (${former.claim.accountId}, ${'a'})`;
        await frozen.wait();
        // It wakes up and goes on writing, on whatever connection it would get.
        await sql`insert into learners (account_id, learner_id) values (${former.claim.accountId}, ${'zombie'})`;
        return OUTCOME;
      }),
    );
    await frozen.arrived;
    await expire();
    expect(await sheaf.services.work.reclaimExpired()).toBe(1);

    // Its successor writes the same learner: it would wait for ever for a transaction that nobody ends.
    const successor = await claimAgain();
    expect(successor.claim).toMatchObject({ attempts: 1, crashes: 1 });
    await successor.session.settleProcessing(successor.claim, async ({ sql }) => {
      await sql`insert into learners (account_id, learner_id) values (${successor.claim.accountId}, ${'a'})`;
      return { ...OUTCOME, part: 'parts/successor' };
    });

    // The former holder wakes up.
    frozen.open();
    expect(await settling).toMatchObject({ name: 'RetryableFault' });
    expect(await sheaf.services.work.renew([former.lease])).toEqual(new Set());
    expect(await stored()).toEqual(['a']);
    expect(await row()).toMatchObject({ status: 'settled', part: 'parts/successor' });
  });

  it('ends it also when it has settled and only its commit is missing: nobody waits for its row', async () => {
    const former = await claimed();
    // A session that has updated the chunk's row and then freezes before its COMMIT.
    const zombie = postgres(sheaf.locations.databaseUrl, { max: 1, onnotice: () => undefined });
    const [{ pid } = { pid: 0 }] = await zombie`select pg_backend_pid() as pid`;
    await sheaf.sql`
      update chunks set lease_pid = ${pid},
        lease_pid_started = (select backend_start from pg_stat_activity where pid = ${pid})`;
    await expire();
    await zombie.unsafe('begin');
    await zombie.unsafe("update chunks set status = 'settled', lease = null, part = 'parts/zombie'");

    expect(await sheaf.services.work.reclaimExpired()).toBe(1);
    expect(await row()).toMatchObject({ status: 'waiting', lease: null, part: null });
    await outcomeOf(zombie.unsafe('commit'));
    await expect(former.session.settleProcessing(former.claim, async () => OUTCOME)).rejects.toThrow();
    expect(await row()).toMatchObject({ status: 'waiting', part: null });
    await zombie.end({ timeout: 1 });
  });

  it('of batches as a whole frees them too', async () => {
    await addBatch(sheaf, { status: 'processed', stage: 'write_results', chunks: 0 });
    const claim = await sheaf.services.work.claimBatch('write_results', KNOWN);
    await sheaf.sql`update batches set lease_expires_at = now() - interval '1 second'`;
    expect(await sheaf.services.work.reclaimExpired()).toBe(1);
    const again = await sheaf.services.work.claimBatch('write_results', KNOWN);
    expect(again?.lease).not.toBe(claim?.lease);
    await expect(
      sheaf.services.work.finishResults(claim!, {
        files: [],
        counts: { total: 0, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 },
        failures: NO_FAILURES,
        storedBytes: 0,
      }),
    ).rejects.toBeInstanceOf(LeaseLost);
  });

  it('costs no attempt and counts a crash, unless nobody could renew because the server was started anew', async () => {
    await claimed();
    await expire();
    await sheaf.services.work.reclaimExpired();
    expect(await row()).toMatchObject({ attempts: 0, crashes: 1 });
    await claimAgain();
    await sheaf.sql`update chunks set lease_expires_at = pg_postmaster_start_time() + interval '1 second'`;
    await sheaf.services.work.reclaimExpired();
    expect(await row()).toMatchObject({ attempts: 0, crashes: 1 });
  });

  it('by many workers at once hands the work out once', async () => {
    await claimed();
    await expire();
    const counts = await Promise.all([1, 2, 3, 4].map(() => sheaf.services.work.reclaimExpired()));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1);
  });
});

describe('a session whose work is at something else', () => {
  it('learns from the statement that keeps it awake that its connection is lost, and asks no more', async () => {
    const session = connect(sheaf.locations.databaseUrl, { max: 1, name: 'awake' });
    // The transaction has its own: what is told here was told by that statement.
    const connection = { lost: false };
    const cleared = vi.spyOn(globalThis, 'clearInterval');
    let asked = 0;
    let awake: NodeJS.Timeout | undefined;
    const working = outcomeOf(
      transaction(session, async (tx) => {
        const counted = new Proxy(tx, {
          apply: (statement, self, args) => {
            asked += 1;
            return Reflect.apply(statement, self, args);
          },
        });
        awake = keepAwake(counted, connection, 5);
        await tx`select pg_sleep(600)`;
      }),
    );
    // They stand behind the one that sleeps when the session is ended.
    await expect.poll(() => asked, { timeout: 60_000, interval: 5 }).toBeGreaterThan(2);
    await sheaf.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'sheaf awake' and datname = current_database()`;
    expect(await working).toMatchObject({ code: expect.stringMatching(/^(57P01|CONNECTION_CLOSED)$/) });
    expect(connection.lost).toBe(true);
    expect(cleared).toHaveBeenCalledWith(awake);
    cleared.mockRestore();
    await session.end({ timeout: 1 });
  });
});

describe('a session left in a transaction', () => {
  it('is ended by the server before the lease is over', async () => {
    const { session, claim } = await claimed();
    const hung = gate();
    const settling = outcomeOf(
      session.settleProcessing(claim, async ({ sql }) => {
        const [limit] = await sql<{ ms: string }>`
        select setting as ms from pg_settings where name = 'idle_in_transaction_session_timeout'`;
        expect(Number(limit?.ms)).toBeGreaterThan(0);
        expect(Number(limit?.ms)).toBeLessThan(sheaf.services.settings.leaseSeconds * 1000);
        await sql`set local idle_in_transaction_session_timeout = 50`;
        await hung.wait();
        return OUTCOME;
      }),
    );
    await hung.arrived;
    while ((await sheaf.sql`select from pg_stat_activity where state = 'idle in transaction'`).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    hung.open();
    expect(await settling).toMatchObject({ name: 'RetryableFault' });
    await learner('free');
    expect(await stored()).toEqual(['free']);
  });
});
