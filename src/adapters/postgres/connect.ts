import type { Socket } from 'node:net';
import postgres from 'postgres';
import { ARRAY_TYPES } from './array-types.ts';
import { type Destination, SocketWatch } from './socket-watch.ts';

/** postgres.js with whole numbers as numbers: none of ours exceeds 2^53. */
export type Sql = postgres.Sql<{ bigint: number }>;
export type Transaction = postgres.TransactionSql<{ bigint: number }>;
/** A piece of a statement. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>;

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
  /** A server that owes an answer and says nothing for longer is gone: above what the times above come to. */
  silenceMs?: number;
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

/** A statement may wait for a lock more than once, and works besides. */
const SILENCE_IN_LOCK_WAITS = 3;
const LEAST_SILENCE_MS = 15_000;
const ABOVE_STATEMENT_MS = 5_000;

/** As long as a pool says how long its statements may take, so long its server may be silent. */
function silenceOf({ silenceMs, statementMs, lockMs }: ConnectOptions): number | undefined {
  if (silenceMs !== undefined) return silenceMs;
  if (statementMs !== undefined) return statementMs + ABOVE_STATEMENT_MS;
  return lockMs === undefined ? undefined : Math.max(LEAST_SILENCE_MS, SILENCE_IN_LOCK_WAITS * lockMs);
}

/** A connection that takes longer to be made comes to nothing. */
const CONNECT_SECONDS = 10;

/** A connection on which nothing is asked: how long until the system asks whether the other end is there. */
const KEEP_ALIVE_SECONDS = 10;

/** Whoever comes waits for the next try: no longer than a request can wait, and not all at the same moment. */
const LONGEST_BACKOFF_SECONDS = 2;

function reconnectAfter(retries: number): number {
  return (0.5 + Math.random() / 2) * Math.min(3 ** retries / 100, LONGEST_BACKOFF_SECONDS);
}

const watches = new WeakMap<Sql, SocketWatch>();

/** There is one way to a row by its key, however many there come to be: a plan that is kept cannot go wrong. */
const BY_KEY_ALONE = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' };

/**
 * How much this version understands of what others may have written. It rises with whatever older processes would do
 * wrong beside newer ones; a migration keeps it from those that say less (docs/deploying.md).
 */
const LEVEL = 1;

/** Opens a pool; nothing is connected before the first query. */
export function connect(url: string, options: ConnectOptions): Sql {
  const watch = new SocketWatch(silenceOf(options));
  const sql = postgres(url, {
    max: options.max,
    onnotice: () => undefined,
    connect_timeout: CONNECT_SECONDS,
    backoff: reconnectAfter,
    keep_alive: KEEP_ALIVE_SECONDS,
    // Its types do not know of it.
    ...{ socket: (to: Destination) => watch.open(to) },
    connection: {
      application_name: `sheaf ${options.name}`,
      'sheaf.level': LEVEL,
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
    // postgres.js would ask for them on each connection, in a query that can end the process (array-types.ts).
    fetch_types: false,
    types: { ...(ARRAY_TYPES as object), bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
  watches.set(sql, watch);
  return sql;
}

/** Makes sockets for another driver's pool, which are watched as those of ours. */
export function watchedSockets(silenceMs = LEAST_SILENCE_MS): () => Socket {
  const watch = new SocketWatch(silenceMs);
  return () => watch.watched();
}

/** Ends whatever waits for an answer on the connections of a pool: nobody may wait there for a server that is gone. */
export function breakOff(sql: Sql): void {
  watches.get(sql)?.breakOff();
}

/**
 * Waits no longer than this for work on a pool of one connection, which may wait for others as long as it likes
 * otherwise.
 */
export async function within<T>(sql: Sql, ms: number, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => breakOff(sql), ms);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}
