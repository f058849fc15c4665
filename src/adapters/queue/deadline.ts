import { RetryableFault } from '../../core/errors.ts';

/**
 * Gives up waiting after `ms`; what is waited for may still happen. A queue that is away answers neither yes nor no, and
 * nobody may hang on it: tickets can be lost and doubled without harm.
 * @throws {RetryableFault} when the time is over
 */
export async function withDeadline<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RetryableFault(`the queue did not ${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
