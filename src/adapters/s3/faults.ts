import { RetryableFault } from '../../core/errors.ts';
import { NETWORK_ERRORS } from '../../core/network-errors.ts';
import { ObjectChanged, ObjectGone, PartsRefused, UploadGone } from '../../engine/ports/object-store.ts';

const NETWORK = new Set([...NETWORK_ERRORS, 'ERR_STREAM_PREMATURE_CLOSE']);

/** Not now, whatever was asked: too busy (429 and 503, SlowDown), full (507), or what stands before it does not reach it. */
const AWAY = new Set([408, 429, 502, 503, 504, 507]);

/** What S3 finds wrong with the list of parts that an upload is completed with. */
const OF_PARTS = new Set(['InvalidPart', 'InvalidPartOrder', 'EntityTooSmall']);

/** The HTTP status of an answer that the SDK turned into an error; `undefined` when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

/** Tells passing troubles of the object store from everything else, which is thrown on as it is. */
export function asFault(error: unknown): unknown {
  const status = statusOf(error);
  if (status !== undefined && (status >= 500 || status === 429 || status === 408)) {
    return new RetryableFault(`the object store answered ${status}`, {
      cause: error,
      away: AWAY.has(status),
    });
  }
  const { code, name } = (error ?? {}) as { code?: string; name?: string };
  if ((code !== undefined && NETWORK.has(code)) || name === 'TimeoutError') {
    return new RetryableFault('the object store could not be reached', { cause: error, away: true });
  }
  return error;
}

/** What an error says about the object that the request was about. */
export function aboutObject(key: string, error: unknown): unknown {
  const status = statusOf(error);
  // A wrong setting for a minute must not end batches for good.
  if ((error as { name?: string } | null)?.name === 'NoSuchBucket') {
    return new RetryableFault('the bucket is not there', { cause: error, away: true });
  }
  if (status === 404) return new ObjectGone(key);
  if (status === 412) return new ObjectChanged(key);
  return asFault(error);
}

/** What an error says about an unfinished multipart upload. */
export function aboutUpload(key: string, error: unknown): unknown {
  const { name } = (error ?? {}) as { name?: string };
  // Ceph says of an unknown upload that there is no such key.
  if (name === 'NoSuchUpload' || name === 'NoSuchKey') return new UploadGone(key);
  if (name !== undefined && OF_PARTS.has(name)) return new PartsRefused(key, name, { cause: error });
  return asFault(error);
}
