import postgres from 'postgres';
import { RetryableFault } from '../../core/errors.ts';
import { NETWORK_ERRORS } from '../../core/network-errors.ts';

/** Contention that says nothing against the work: it is done again and costs no attempt. */
const CONTENTION: Record<string, string> = {
  '40001': 'serialization failure',
  '40P01': 'deadlock',
  '55P03': 'lock not available',
};

/** Classes of SQLSTATE in which the server, not the statement, is in trouble (PostgreSQL documentation, appendix A). */
const PASSING_CLASSES = ['08', '53', '57', '58'];

const LOST_CONNECTION = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
]);

/** What the server says when it ends a session: an administrator, a crash, a shutdown, a timeout. */
const SESSION_ENDED = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', '25P04']);

/**
 * Nobody gets anything done there for now: it cannot be reached, starts or stops, is full, or has no room for another
 * connection. A session that ends in the middle of its work is not among them: it may have crashed the server.
 */
const AWAY = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'CONNECT_TIMEOUT'],
  ...['57P03', '53100', '53300'],
]);

/** A database that takes no connections for now (`allow_connections`); of a session that there is it means something else. */
const NO_CONNECTIONS = '55000';

/** drizzle wraps what the driver throws. */
function ofDriver(error: unknown): { code: string; own: boolean; server: boolean; fatal: boolean } | null {
  const inner = (error as { cause?: unknown } | null)?.cause;
  const thrown = hasCode(error) ? error : hasCode(inner) ? inner : null;
  if (thrown === null) return null;
  const server = thrown instanceof postgres.PostgresError;
  // postgres.js notes the query on whatever befalls it; the same code without one is somebody else's network error.
  const fatal = server && thrown.severity === 'FATAL';
  return {
    code: thrown.code,
    server,
    fatal,
    own: server || LOST_CONNECTION.has(thrown.code) || 'query' in thrown,
  };
}

function hasCode(error: unknown): error is { code: string } {
  return typeof (error as { code?: unknown } | null | undefined)?.code === 'string';
}

/** Whether an error means that the session is over and with it the transaction. */
export function isConnectionLost(error: unknown): boolean {
  const thrown = ofDriver(error);
  if (thrown === null || !thrown.own) return false;
  const { code, server, fatal } = thrown;
  if (fatal && code === NO_CONNECTIONS) return true;
  return server ? SESSION_ENDED.has(code) : LOST_CONNECTION.has(code) || NETWORK_ERRORS.has(code);
}

/** Tells passing troubles of the database from everything else, which is thrown on as it is. */
export function asFault(error: unknown): unknown {
  const thrown = ofDriver(error);
  const away = thrown !== null && AWAY.has(thrown.code);
  if (isConnectionLost(error))
    return new RetryableFault('the database could not be reached', { cause: error, away });
  if (thrown === null || !thrown.server) return error;
  const { code } = thrown;
  const contention = CONTENTION[code];
  if (contention !== undefined) return new RetryableFault(contention, { cause: error, free: true });
  // Two transactions wrote the same key at the same time: the next attempt sees the other's row.
  if (code === '23505') return new RetryableFault('another transaction wrote the same key', { cause: error });
  if (PASSING_CLASSES.includes(code.slice(0, 2))) {
    return new RetryableFault(`the database answered ${code}`, { cause: error, away });
  }
  return error;
}

/** Runs something of the database, and tells its passing troubles as faults. */
export async function faultsTold<T>(work: () => PromiseLike<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asFault(error);
  }
}
