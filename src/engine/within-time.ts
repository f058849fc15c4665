import { RetryableFault } from '../core/errors.ts';
import type { Operation } from '../core/operation.ts';

/**
 * Waits for a call of a handler as long as its operation allows. Its signal fires then; a handler that does not
 * listen is not waited for any longer.
 * @throws {RetryableFault} when it takes longer
 */
export async function withinTime<T>(
  { name, limits: { timeoutSeconds } }: Pick<Operation, 'name' | 'limits'>,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (timeoutSeconds === undefined) return await call(signal);
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const fault = new RetryableFault(`${name} took longer than ${timeoutSeconds} s`);
      late.abort(fault);
      reject(fault);
    }, timeoutSeconds * 1000);
  });
  // Whatever it throws at once, and whatever it answers without a promise, is told as the rest is.
  const calling = (async () => await call(AbortSignal.any([signal, late.signal])))();
  // If it fails later on, nobody waits for it any more.
  calling.catch(() => undefined);
  try {
    return await Promise.race([calling, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
