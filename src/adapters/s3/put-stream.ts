import type { Readable } from 'node:stream';
import { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import type { PutOptions, UploadedPart } from '../../engine/ports/object-store.ts';
import { at, type Bucket } from './client.ts';
import { aboutObject } from './faults.ts';
import { inFlight } from './in-flight.ts';
import { CLEAN_UP_MS, createMultipart, withMultipart } from './multipart.ts';
import type { PartSize } from './part-size.ts';

const PARTS_IN_FLIGHT = 2;

export interface StreamOptions extends PutOptions {
  expectedBytes?: number;
}

/** Stores a stream part by part; one that is shorter than a part is put as it is. */
export async function putStream(
  bucket: Bucket,
  key: string,
  body: Readable,
  options: StreamOptions & { partBytes: PartSize },
): Promise<void> {
  const { signal } = options;
  signal?.throwIfAborted();
  // A source that is silent ends nothing by itself: it is broken when nobody waits for it any more.
  const abort = () => void body.destroy(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  const parts = partsOf(body, (number) => options.partBytes(number, options.expectedBytes));
  try {
    const first = await parts.next();
    if (!first.done && !first.value.last) await putParts(bucket, key, first.value, parts, body, options);
    else await putWhole(bucket, key, first.value?.bytes ?? Buffer.alloc(0), options);
  } catch (error) {
    body.destroy();
    throw signal?.aborted ? signal.reason : aboutObject(key, error);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

interface Part {
  number: number;
  bytes: Buffer;
  /** The stream ended before it was full. */
  last: boolean;
}

async function* partsOf(
  body: Readable,
  bytesOf: (number: number) => number,
): AsyncGenerator<Part, undefined> {
  let number = 1;
  let part = Buffer.allocUnsafe(bytesOf(number));
  let filled = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    for (let taken = 0; taken < piece.length; ) {
      // Whether there is a part after the last one is asked only when there are bytes for it.
      if (filled === part.length) {
        yield { number, bytes: part, last: false };
        number += 1;
        part = Buffer.allocUnsafe(bytesOf(number));
        filled = 0;
      }
      const copied = piece.copy(part, filled, taken);
      filled += copied;
      taken += copied;
    }
  }
  yield { number, bytes: part.subarray(0, filled), last: true };
  return undefined;
}

async function putWhole(
  { client, name }: Bucket,
  key: string,
  bytes: Buffer,
  { contentType, signal }: PutOptions,
): Promise<void> {
  const command = new PutObjectCommand({ Bucket: name, Key: key, Body: bytes, ContentType: contentType });
  await client.send(command, { abortSignal: signal });
}

async function putParts(
  bucket: Bucket,
  key: string,
  first: Part,
  others: AsyncIterable<Part>,
  body: Readable,
  { contentType, signal }: PutOptions,
): Promise<void> {
  const uploadId = await beginUpload(bucket, key, contentType, signal);
  const put = async ({ number, bytes }: Part): Promise<UploadedPart> => {
    try {
      const command = new UploadPartCommand({
        ...at(bucket, key),
        UploadId: uploadId,
        PartNumber: number,
        Body: bytes,
      });
      const { ETag = '' } = await bucket.client.send(command, { abortSignal: signal });
      return { number, etag: ETag };
    } catch (error) {
      // Whoever waits for the next bytes is told, and whoever makes them.
      body.destroy(error as Error);
      throw error;
    }
  };
  const putAll = () => inFlight(PARTS_IN_FLIGHT, startingWith(first, others), put);
  await withMultipart(bucket, key, uploadId, putAll, signal);
}

/** The signal is heard a little later here: an upload that the server has begun must be known, to be removed. */
async function beginUpload(
  bucket: Bucket,
  key: string,
  contentType: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string> {
  const later = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const abort = () => {
    timer = setTimeout(() => later.abort(signal?.reason), CLEAN_UP_MS);
  };
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await createMultipart(bucket, key, { contentType, signal: later.signal });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

async function* startingWith<T>(first: T, others: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* others;
}
