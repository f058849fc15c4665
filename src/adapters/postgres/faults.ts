import postgres from 'postgres';
import { RetryableFault } from '../../core/errors.ts';

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
const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);

/** What the server says when it ends a session: an administrator, a crash, a shutdown, a timeout. */
const SESSION_ENDED = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', '25P04']);

/** Whether an error means that the session is over and with it the transaction. */
export function isConnectionLost(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== 'string') return false;
  return error instanceof postgres.PostgresError
    ? SESSION_ENDED.has(code)
    : LOST_CONNECTION.has(code) || NETWORK.has(code);
}

/** Tells passing troubles of the database from everything else, which is thrown on as it is. */
export function asFault(error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== 'string') return error;
  if (error instanceof postgres.PostgresError) {
    const contention = CONTENTION[code];
    if (contention !== undefined) return new RetryableFault(contention, { cause: error, free: true });
    // Two transactions wrote the same key at the same time: the next attempt sees the other's row.
    if (code === '23505')
      return new RetryableFault('another transaction wrote the same key', { cause: error });
    if (PASSING_CLASSES.includes(code.slice(0, 2)) || isConnectionLost(error)) {
      return new RetryableFault(`the database answered ${code}`, { cause: error });
    }
    return error;
  }
  if (isConnectionLost(error)) {
    return new RetryableFault('the database could not be reached', { cause: error });
  }
  return error;
}
