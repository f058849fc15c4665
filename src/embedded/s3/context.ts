import type { ServerResponse } from 'node:http';
import type { Payload } from './auth.ts';
import { type BodyOptions, type ReceivedBody, receiveBody } from './body.ts';
import type { Bucket } from './bucket.ts';
import type { ChecksumAlgorithm } from './checksums.ts';
import type { JournalRecord, Segment } from './records.ts';
import { headerOf, type S3Request } from './request.ts';
import type { Store } from './store.ts';

/** The largest object of one PUT, part, or CopyObject. */
export const MAX_PUT_BYTES = 5 * 1024 ** 3;
/** 10,000 parts with a SHA-256 each are 1.8 MB; 1,000 keys of 1 KiB are 1 MB. */
const MAX_XML_BYTES = 2 * 1024 ** 2;

/** What a handler has at hand: an authenticated request, its answer, and the store. */
export interface Context {
  request: S3Request;
  response: ServerResponse;
  payload: Payload;
  store: Store;
  region: string;
  now: () => Date;
  sendContinue: () => void;
}

export interface StoredBody extends ReceivedBody {
  segments: Segment[];
}

/** A header of the request, to be passed on as a function. */
export function headersOf(context: Context): (name: string) => string | undefined {
  return (name) => headerOf(context.request, name);
}

/**
 * Writes the request's body to a data file and makes it durable; whatever goes wrong, the file goes too.
 * @throws what `receiveBody` throws, and the disk's errors
 */
export async function storeBody(
  context: Context,
  bucket: Bucket,
  compute?: ChecksumAlgorithm,
): Promise<StoredBody> {
  const writer = await bucket.data.create(Number(headerOf(context.request, 'content-length') ?? 0));
  try {
    let received: ReceivedBody;
    try {
      const options: BodyOptions = {
        ...common(context),
        maxBytes: MAX_PUT_BYTES,
        tooLarge: 'EntityTooLarge',
        needsLength: true,
        checksums: true,
        ...(compute ? { compute } : {}),
      };
      received = await receiveBody(options, (chunk) => writer.append(chunk));
      await writer.sync();
    } finally {
      await writer.close();
    }
    if (received.size > 0) return { ...received, segments: [writer.segment] };
    await bucket.data.remove([writer.segment]);
    return { ...received, segments: [] };
  } catch (error) {
    await bucket.data.remove([writer.segment]);
    throw error;
  }
}

/** Reads a body that is a document. @throws S3Error MaxMessageLengthExceeded over 2 MiB, and what `receiveBody` throws */
export async function readText(
  context: Context,
  checksums = true,
): Promise<{ text: string; checked: boolean }> {
  const chunks: Buffer[] = [];
  const options: BodyOptions = {
    ...common(context),
    maxBytes: MAX_XML_BYTES,
    tooLarge: 'MaxMessageLengthExceeded',
    needsLength: false,
    checksums,
  };
  const received = await receiveBody(options, (chunk) => void chunks.push(chunk));
  const checked = received.checksum !== undefined || headerOf(context.request, 'content-md5') !== undefined;
  return { text: Buffer.concat(chunks).toString('utf8'), checked };
}

function common(context: Context): Pick<BodyOptions, 'request' | 'payload' | 'sendContinue'> {
  return { request: context.request, payload: context.payload, sendContinue: context.sendContinue };
}

/** Commits a change that names freshly written segments; they go when it does not come about. */
export async function commitSegments(
  bucket: Bucket,
  segments: readonly Segment[],
  touches: readonly string[],
  decide: () => JournalRecord[],
): Promise<void> {
  try {
    await bucket.commit(touches, decide);
  } catch (error) {
    await bucket.discard(segments);
    throw error;
  }
}

/** Names for `Bucket.commit`: keys and uploads are different things. */
export function keyName(key: string): string {
  return `key ${key}`;
}

export function uploadName(id: string): string {
  return `upload ${id}`;
}
