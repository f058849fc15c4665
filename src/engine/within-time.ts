import { RetryableFault } from '../core/errors.ts';
import type { Operation, OperationContext } from '../core/operation.ts';

/**
 * Waits for a call of a handler as long as its operation allows. Its signal fires then; a handler that does not
 * listen is not waited for any longer: what it throws after that goes to the log.
 * @throws {RetryableFault} when it takes longer
 */
export async function withinTime<T>(
  { name, limits: { timeoutSeconds } }: Pick<Operation, 'name' | 'limits'>,
  { signal, log, batchId }: Pick<OperationContext<unknown>, 'signal' | 'log' | 'batchId'>,
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
  calling.catch((error: unknown) => {
    if (!late.signal.aborted || tellsOfStop(error, late.signal)) return;
    log.warn({ operation: name, batch: batchId, err: error }, 'a handler failed after its time was over');
  });
  try {
    return await Promise.race([calling, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a call threw just because it was told to stop: what listens to a signal throws its reason, or names it as the cause. */
export function tellsOfStop(error: unknown, { reason }: AbortSignal): boolean {
  return error === reason || (error instanceof Error && error.cause === reason);
}
