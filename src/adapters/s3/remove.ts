import { DeleteObjectCommand, DeleteObjectsCommand, type MultipartUpload } from '@aws-sdk/client-s3';
import { RetryableFault } from '../../core/errors.ts';
import { at, type Bucket } from './client.ts';
import { asFault } from './faults.ts';
import { inFlight } from './in-flight.ts';
import { type ListingOptions, listed } from './listed.ts';
import { abortMultipart } from './multipart.ts';
import { unfinished } from './unfinished.ts';

const ABORTS_IN_FLIGHT = 8;

/** A page has as many keys as one request may remove. */
type RemovalOptions = Omit<ListingOptions, 'after'>;

export async function removeObject(bucket: Bucket, key: string, signal?: AbortSignal): Promise<void> {
  try {
    await bucket.client.send(new DeleteObjectCommand(at(bucket, key)), { abortSignal: signal });
  } catch (error) {
    throw asFault(error);
  }
}

/**
 * Unfinished uploads first: one that is completed meanwhile leaves an object, which the listing after it finds.
 * @throws {Error} for the empty prefix, which is the whole bucket and nobody's
 */
export async function removeAll(bucket: Bucket, prefix: string, options: RemovalOptions): Promise<number> {
  if (prefix === '') throw new Error('a prefix must be given: without one everything would be removed');
  try {
    const aborted = await abortAll(bucket, prefix, options);
    return aborted + (await removeObjects(bucket, prefix, options));
  } catch (error) {
    throw options.signal?.aborted ? options.signal.reason : asFault(error);
  }
}

async function abortAll(bucket: Bucket, prefix: string, options: RemovalOptions): Promise<number> {
  let aborted = 0;
  for await (const uploads of unfinished(bucket, prefix, options)) {
    await inFlight(ABORTS_IN_FLIGHT, uploads, ({ Key = '', UploadId = '' }: MultipartUpload) =>
      abortMultipart(bucket, Key, UploadId, options.signal),
    );
    aborted += uploads.length;
  }
  return aborted;
}

async function removeObjects(bucket: Bucket, prefix: string, options: RemovalOptions): Promise<number> {
  let removed = 0;
  for await (const page of listed(bucket, prefix, options)) {
    const keys = page.map(({ Key = '' }) => Key);
    if (keys.length > 0) await removeKeys(bucket, keys, options.signal);
    removed += keys.length;
  }
  return removed;
}

/** As many as a page has at the most. Harmless for those that are not there. */
export async function removeListed(
  bucket: Bucket,
  keys: readonly string[],
  { signal }: Pick<RemovalOptions, 'signal'>,
): Promise<void> {
  if (keys.length === 0) return;
  try {
    await removeKeys(bucket, keys, signal);
  } catch (error) {
    throw signal?.aborted ? signal.reason : asFault(error);
  }
}

async function removeKeys(
  bucket: Bucket,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const Objects = keys.map((Key) => ({ Key }));
  const { Errors = [] } = await bucket.client.send(
    new DeleteObjectsCommand({ Bucket: bucket.name, Delete: { Quiet: true, Objects } }),
    { abortSignal: signal },
  );
  const [first] = Errors;
  if (first === undefined) return;
  throw new RetryableFault(
    `the object store left ${Errors.length} objects, such as ${first.Key}: ${first.Code}`,
  );
}
