import { RetryableFault } from '../../core/errors.ts';

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** The HTTP status of an answer that the SDK turned into an error; `undefined` when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

/** Tells passing troubles of the object store from everything else, which is thrown on as it is. */
export function asFault(error: unknown): unknown {
  const status = statusOf(error);
  if (status !== undefined && (status >= 500 || status === 429 || status === 408)) {
    return new RetryableFault(`the object store answered ${status}`, { cause: error });
  }
  const { code, name } = (error ?? {}) as { code?: string; name?: string };
  if ((code !== undefined && NETWORK.has(code)) || name === 'TimeoutError') {
    return new RetryableFault('the object store could not be reached', { cause: error });
  }
  return error;
}
