import { invalidRequest } from '../../core/errors.ts';
import { faultsTold } from './faults.ts';

/** What the server says of a statement that it gave up (`statement_timeout`). */
const CANCELED = '57014';

/**
 * Reads something that may have to look through more than anybody waits for, on a connection whose statements have a
 * time limit. To send the same again would end the same: so whoever asks is told what to narrow.
 * @throws {RequestError} invalid_request
 */
export async function inTime<T>(
  narrowing: { pointer: string; message: string },
  work: () => PromiseLike<T>,
): Promise<T> {
  try {
    return await faultsTold(work);
  } catch (error) {
    if (!isCanceled(error)) throw error;
    throw invalidRequest({ ...narrowing, code: 'required' });
  }
}

/** Faults, and what drizzle throws, have the driver's error as their cause. */
function isCanceled(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  return code === CANCELED || (cause !== undefined && isCanceled(cause));
}
