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
    if (PASSING_CLASSES.includes(code.slice(0, 2))) {
      return new RetryableFault(`the database answered ${code}`, { cause: error });
    }
    return error;
  }
  if (LOST_CONNECTION.has(code) || NETWORK.has(code)) {
    return new RetryableFault('the database could not be reached', { cause: error });
  }
  return error;
}
