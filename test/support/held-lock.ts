import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';
import type { TestSheaf } from './sheaf.ts';

/** A database session that waits, in a transaction that has written, for a lock that the test holds. */
export interface Waiter {
  pid: number;
  /** Tells which worker process it belongs to. */
  role: string;
}

export type Session = postgres.ReservedSql<{ bigint: number }>;

export interface HeldLock {
  /** Waits until there is one of this kind (`chunk`, `work`), other than those of a role. */
  waiter(kind: string, options?: { not?: string }): Promise<Waiter>;
  /** Lets them go on; what was written to take the lock is rolled back. */
  release(): Promise<void>;
}

/**
 * Takes a lock in a transaction of its own and holds it: so a test keeps a worker at a point of its work, for as long
 * as it takes to do something to that worker, and knows by the database which one it is.
 */
export async function holdLock(
  sheaf: Pick<TestSheaf, 'sql'>,
  take: (session: Session) => PromiseLike<unknown>,
): Promise<HeldLock> {
  const session = await sheaf.sql.reserve();
  await session`begin`;
  await take(session);
  const [{ pid } = { pid: 0 }] = await session<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return {
    async waiter(kind, { not = '' } = {}) {
      for (;;) {
        const [waiter] = await sheaf.sql<Waiter[]>`
          select pid, usename as role from pg_stat_activity
          where datname = current_database() and application_name = ${`sheaf ${kind}`} and usename <> ${not}
            and backend_xid is not null and ${pid}::int = any (pg_blocking_pids(pid))
          order by query_start limit 1`;
        if (waiter !== undefined) return waiter;
        await sleep(20);
      }
    },
    async release() {
      await session`rollback`;
      session.release();
    },
  };
}

/**
 * Holds back whoever creates this learner. Learners are written in the order of their ids, so with the last id of a
 * chunk all others of the chunk are written by then.
 */
export async function holdLearner(
  sheaf: Pick<TestSheaf, 'sql' | 'caller'>,
  learnerId: string,
): Promise<HeldLock> {
  return await holdLock(
    sheaf,
    (session) =>
      session`insert into learners (account_id, learner_id) values (${sheaf.caller.accountId}, ${learnerId})`,
  );
}
