import postgres from 'postgres';

/** postgres.js with whole numbers as numbers: none of ours exceeds 2^53. */
export type Sql = postgres.Sql<{ bigint: number }>;
export type Transaction = postgres.TransactionSql<{ bigint: number }>;

export interface ConnectOptions {
  /** Most connections. */
  max: number;
  /** Shown in `pg_stat_activity`. */
  name: string;
  /** The server ends a session that sits idle in a transaction for longer. */
  idleInTransactionMs?: number;
  /** A statement that waits longer for a lock fails: whoever holds it may never let go, and the sweep must come round. */
  lockMs?: number;
  /** A statement that takes longer fails. */
  statementMs?: number;
  /** `false`: a commit does not wait for the disk, and a crash of the server may undo what was committed just before. */
  durable?: boolean;
  /** For statements that find single rows by their key, and nothing else: each is planned once. */
  byKeyAlone?: boolean;
  /** Whom the session acts as, where that is not the user who connects. */
  role?: string;
}

/** Below the lease: a transaction that a frozen process left open ends before anybody else needs its locks. */
const IDLE_SHARE_OF_LEASE = 0.8;

export function idleInTransactionMs(leaseSeconds: number): number {
  return Math.round(leaseSeconds * IDLE_SHARE_OF_LEASE * 1000);
}

/** There is one way to a row by its key, however many there come to be: a plan that is kept cannot go wrong. */
const BY_KEY_ALONE = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' };

/** Opens a pool; nothing is connected before the first query. */
export function connect(url: string, options: ConnectOptions): Sql {
  return postgres(url, {
    max: options.max,
    onnotice: () => undefined,
    connection: {
      application_name: `sheaf ${options.name}`,
      // postgres.js prepares every statement, and a plan that the server keeps from when a table was almost empty takes
      // minutes where a fresh one takes milliseconds: tables here go from nothing to millions within one batch.
      plan_cache_mode: 'force_custom_plan',
      ...(options.idleInTransactionMs !== undefined && {
        idle_in_transaction_session_timeout: options.idleInTransactionMs,
      }),
      ...(options.lockMs !== undefined && { lock_timeout: options.lockMs }),
      ...(options.statementMs !== undefined && { statement_timeout: options.statementMs }),
      ...(options.role !== undefined && { role: options.role }),
      ...(options.durable === false && { synchronous_commit: 'off' }),
      ...(options.byKeyAlone && BY_KEY_ALONE),
    },
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
}
