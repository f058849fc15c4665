import { isFinal } from '../../core/errors.ts';
import type { LeaseRef } from '../../engine/ports/claims.ts';
import type { BatchReason } from '../../engine/ports/work-store.ts';
import { enterFailed } from './advance-batch.ts';
import type { Fragment, Sql, Transaction } from './connect.ts';
import { endForsaken, endSessions, heldUnder } from './end-sessions.ts';
import { endUnwritten } from './end-unwritten.ts';
import { transaction } from './transaction.ts';

const MOST_AT_ONCE = 500;
/** Within which workers are back to renewing their leases once the server has been started anew. */
const RECONNECT_SECONDS = 5;

/** Extends leases that are still held by their tokens; answers those. A few statements at the most. */
export async function renewLeases(
  sql: Sql,
  leaseSeconds: number,
  leases: readonly LeaseRef[],
): Promise<Set<string>> {
  const chunks = leases.filter((lease) => lease.kind === 'chunk');
  const batches = leases.filter((lease) => lease.kind === 'batch');
  const until = sql`clock_timestamp() + make_interval(secs => ${leaseSeconds})`;
  const held: { lease: string }[] = [];
  if (chunks.length > 0) held.push(...(await renewChunks(sql, until, chunks)));
  if (batches.length > 0) held.push(...(await renewBatches(sql, until, batches)));
  return new Set(held.map((row) => row.lease));
}

async function renewChunks(sql: Sql, until: Fragment, leases: readonly LeaseRef[]) {
  return await sql<{ lease: string }[]>`
    update chunks c set lease_expires_at = ${until}
    where (c.batch_id, c.number) in (
      select k.batch_id, k.number from chunks k
        join unnest(${leases.map((l) => l.batchId)}::uuid[], ${leases.map((l) => l.number ?? 0)}::int[],
          ${leases.map((l) => l.lease)}::uuid[]) as held(batch_id, number, lease)
          on k.batch_id = held.batch_id and k.number = held.number and k.lease = held.lease
      order by k.batch_id, k.number for update of k)
    returning c.lease`;
}

/** A row that somebody has locked is left as it is: nothing else could be renewed while it is waited for. */
async function renewBatches(sql: Sql, until: Fragment, leases: readonly LeaseRef[]) {
  const ids = leases.map((lease) => lease.batchId);
  const tokens = leases.map((lease) => lease.lease);
  await sql`
    update batches b set lease_expires_at = ${until}, progress_done = held.done
    from unnest(${ids}::uuid[], ${tokens}::uuid[], ${leases.map((l) => l.progressDone ?? 0)}::bigint[])
      as held(id, lease, done)
    where b.id = held.id and b.lease = held.lease
      and b.id in (select id from batches where id = any (${ids}::uuid[]) for update skip locked)`;
  return await sql<{ lease: string }[]>`
    select lease from batches where id = any (${ids}::uuid[]) and lease = any (${tokens}::uuid[])`;
}

/** @returns false when the lease is not held any more: taken over, or settled */
export async function giveBack(
  sql: Sql,
  lease: LeaseRef,
  options: { delaySeconds: number; free: boolean },
): Promise<boolean> {
  await endUnfinished(sql, lease);
  return await giveBackIn(sql, lease, options);
}

/**
 * Ends the session of a chunk that is given back in the middle of a transaction: its work was broken off, and the server
 * does not look at a connection as long as it waits for a lock. Whoever takes the chunk next would wait behind it.
 */
async function endUnfinished(sql: Sql, lease: LeaseRef): Promise<void> {
  if (lease.kind !== 'chunk') return;
  await endSessions(sql, sql`${heldUnder(sql, lease)} and s.xact_start is not null`);
}

/** The same where no session is to be ended: in a transaction of the holder's own, or after that was seen to. */
export async function giveBackIn(
  sql: Sql | Transaction,
  lease: LeaseRef,
  options: { delaySeconds: number; free: boolean },
): Promise<boolean> {
  const attempts = options.free ? sql`attempts - 1` : sql`attempts`;
  const later = sql`clock_timestamp() + make_interval(secs => ${options.delaySeconds})`;
  const given =
    lease.kind === 'chunk'
      ? await sql`
          update chunks set status = 'waiting', lease = null, lease_expires_at = null, lease_pid = null,
            lease_pid_started = null, attempts = ${attempts}, available_at = ${later}
          where batch_id = ${lease.batchId} and number = ${lease.number ?? 0} and lease = ${lease.lease}`
      : await sql`
          update batches set lease = null, lease_expires_at = null, attempts = ${attempts}, available_at = ${later}
          where id = ${lease.batchId} and lease = ${lease.lease}`;
  return given.count > 0;
}

/**
 * Gives work back and ends its batch in one transaction: a worker that is frozen in between would end a batch that
 * others work on by then, or that was resumed.
 * @returns false when the lease is not held any more; nothing is done then
 */
export async function giveUp(
  sql: Sql,
  lease: LeaseRef,
  reason: BatchReason,
  options: { delaySeconds: number },
): Promise<boolean> {
  await endUnfinished(sql, lease);
  return await transaction(sql, async (tx) => {
    // In the order of whoever else locks both: the batch, then its chunks.
    await tx`select from batches where id = ${lease.batchId} for update`;
    if (!(await giveBackIn(tx, lease, { ...options, free: false }))) return false;
    const failed = await enterFailed(tx, lease.batchId, reason);
    if (!failed && isFinal(reason)) await endUnwritten(tx, lease.batchId);
    return true;
  });
}

interface Expired {
  batchId: string;
  number: number;
  lease: string;
}

/**
 * Takes over what expired. The former holder's session is ended first: it may sit in an open transaction that holds
 * locks, and must not commit after the chunk was handed out again (it could not settle, but others would wait for it).
 * That a worker is gone says nothing against the work, so it costs no attempt; but it may have been the work that ended
 * it, so it is counted. A lease that nobody could renew because the server itself was started anew is nobody's crash.
 */
export async function reclaimExpired(sql: Sql, leaseSeconds: number): Promise<number> {
  await endForsaken(sql, leaseSeconds);
  await endSessions(sql, sql`c.status = 'running' and c.lease_expires_at < clock_timestamp()`);
  const chunks = await sql<Expired[]>`
    with expired as materialized (
      select batch_id, number from chunks
      where status = 'running' and lease_expires_at < clock_timestamp()
      limit ${MOST_AT_ONCE} for update skip locked)
    update chunks c set status = 'waiting', lease = null, lease_expires_at = null, lease_pid = null,
      lease_pid_started = null, available_at = clock_timestamp(), ${workerGone(sql)}
    from expired e where c.batch_id = e.batch_id and c.number = e.number
    returning c.batch_id as "batchId", c.number, c.lease`;
  const batches = await sql`
    with expired as materialized (
      select id from batches
      where lease is not null and lease_expires_at < now()
      limit ${MOST_AT_ONCE} for update skip locked)
    update batches b set lease = null, lease_expires_at = null, available_at = clock_timestamp(),
      ${workerGone(sql)}
    from expired e where b.id = e.id`;
  return chunks.count + batches.count;
}

function workerGone(sql: Sql): Fragment {
  return sql`
    attempts = greatest(0, attempts - 1),
    crashes = crashes + case
      when lease_expires_at < pg_postmaster_start_time() + make_interval(secs => ${RECONNECT_SECONDS}) then 0
      else 1 end`;
}
