import type { LeaseRef } from '../../engine/ports/claims.ts';
import type { Fragment, Sql } from './connect.ts';

/** How long to wait for a session that was told to end; one that does not is left to the next sweep. */
const TERMINATE_TIMEOUT_MS = 5000;

/** Ends the sessions that work on chunks for which this is true: of the chunk, `c`, and its session, `s`. */
export async function endSessions(sql: Sql, condition: Fragment): Promise<void> {
  await sql`
    select pg_terminate_backend(s.pid, ${TERMINATE_TIMEOUT_MS})
    from chunks c join pg_stat_activity s on s.pid = c.lease_pid and s.backend_start = c.lease_pid_started
    where s.pid <> pg_backend_pid() and ${condition}`;
}

/** The condition that a chunk is held under a lease. */
export function heldUnder(sql: Sql, { batchId, number, lease }: LeaseRef): Fragment {
  return sql`c.batch_id = ${batchId} and c.number = ${number ?? 0} and c.lease = ${lease}`;
}

/**
 * Ends transactions of ours whose client has said nothing for as long as a lease lasts: a process that is frozen, or
 * cut off. Such a one may hold a batch's row, and no server timeout ends it when it is half through a statement, its
 * parameters described and not yet bound.
 */
export async function endForsaken(sql: Sql, leaseSeconds: number): Promise<void> {
  await sql`
    select pg_terminate_backend(pid, ${TERMINATE_TIMEOUT_MS}) from pg_stat_activity
    where datname = current_database() and application_name like 'sheaf %' and pid <> pg_backend_pid()
      and xact_start is not null and wait_event = 'ClientRead'
      and state_change < clock_timestamp() - make_interval(secs => ${leaseSeconds})`;
}
