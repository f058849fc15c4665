import { Readable } from 'node:stream';
import { GetObjectCommand, HeadBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  ObjectChanged,
  type ObjectStore,
  type ReadOptions,
  UploadGone,
} from '../../engine/ports/object-store.ts';
import { awayTold } from './away.ts';
import { bytesOf } from './bytes-of.ts';
import { answered, at, type Bucket, type S3Server, s3Client } from './client.ts';
import { type CopyLimits, copyObject } from './copy.ts';
import { aboutObject, asFault } from './faults.ts';
import { head } from './head.ts';
import { foundObjects, foundUploads } from './look-through.ts';
import { abortMultipart, completeMultipart, createMultipart, listParts } from './multipart.ts';
import { type PartSize, partBytes } from './part-size.ts';
import { presignGet, presignParts, presignPut } from './presign.ts';
import { putStream } from './put-stream.ts';
import { removeAll, removeListed, removeObject } from './remove.ts';

export type { S3Server } from './client.ts';

export interface S3Settings extends S3Server {
  /** How long presigned URLs are valid. */
  presignSeconds: number;
  /** In place of S3's own limit, and of parts that are worth a request. */
  copies?: CopyLimits;
  /** How large the parts of streams are, in place of what suits S3. */
  partBytes?: PartSize;
  /** Keys in a page of a listing, in place of as many as S3 gives. */
  pageKeys?: number;
}

/**
 * Above the limit a copy is made of parts, several at once: S3 would take ten times as much in one request, but many
 * servers say nothing before such a copy is done, which looks as if they were away.
 */
const COPIES: CopyLimits = { wholeBytes: 512 * 1024 ** 2, partBytes: 256 * 1024 ** 2 };

const PAGE_KEYS = 1000;

/** How long a store may take to begin an object, each time it is asked. */
const FIRST_BYTE_MS = 20_000;

export interface S3ObjectStore extends ObjectStore {
  /** @throws when the bucket does not answer */
  ping(): Promise<void>;
  close(): void;
}

/** Objects in one bucket of any server that speaks S3's protocol. */
export function s3ObjectStore(settings: S3Settings): S3ObjectStore {
  const { presignSeconds: seconds, copies: limits = COPIES, pageKeys: page = PAGE_KEYS } = settings;
  const streams = { partBytes: settings.partBytes ?? partBytes };
  const bucket = { client: s3Client(settings), name: settings.bucket };
  const signer = {
    client: s3Client(settings, settings.publicEndpoint ?? settings.endpoint),
    name: settings.bucket,
    seconds,
  };

  return awayTold({
    presignPut: (key, bind) => presignPut(signer, key, bind),
    presignGet: (key, filename) => presignGet(signer, key, filename),
    head: (key) => head(bucket, key),
    read: (key, options = {}) => readObject(bucket, key, options),
    copy: (from, to, source, options) => copyObject(bucket, from, to, source, { limits, ...options }),

    async put(key, body, { contentType, signal } = {}) {
      const command = new PutObjectCommand({ ...at(bucket, key), Body: body, ContentType: contentType });
      try {
        await bucket.client.send(command, { abortSignal: signal });
      } catch (error) {
        throw aboutObject(key, error);
      }
    },

    putStream: (key, body, options = {}) => putStream(bucket, key, body, { ...options, ...streams }),

    createMultipart: (key, options) => createMultipart(bucket, key, options),
    presignParts: (key, uploadId, count) => presignParts(signer, key, uploadId, count),
    listParts: (key, uploadId) => listParts(bucket, key, uploadId, page),

    async completeMultipart(key, uploadId, parts) {
      await completeMultipart(bucket, key, uploadId, parts);
      // The ETag of the answer itself is empty on some servers.
      const completed = await head(bucket, key);
      if (completed === null) throw new UploadGone(key);
      return completed;
    },

    abortMultipart: (key, uploadId, signal) => abortMultipart(bucket, key, uploadId, signal),
    remove: (key, signal) => removeObject(bucket, key, signal),
    removeAll: (prefix, { signal } = {}) => removeAll(bucket, prefix, { page, signal }),
    bytesOf: (prefix, { signal } = {}) => bytesOf(bucket, prefix, { page, signal }),
    list: (prefix, options) => foundObjects(bucket, prefix, { page, ...options }),
    unfinished: (prefix, options) => foundUploads(bucket, prefix, { page, ...options }),
    removeListed: (keys, options = {}) => removeListed(bucket, keys, options),

    async ping() {
      try {
        const command = new HeadBucketCommand({ Bucket: settings.bucket });
        await answered((options) => bucket.client.send(command, options));
      } catch (error) {
        throw asFault(error);
      }
    },

    close() {
      bucket.client.destroy();
      signer.client.destroy();
    },
  });
}

async function readObject(
  bucket: Bucket,
  key: string,
  { range, ifMatch, signal }: ReadOptions,
): Promise<Readable> {
  try {
    const response = await bucket.client.send(
      new GetObjectCommand({
        ...at(bucket, key),
        ...(range !== undefined && { Range: `bytes=${range.start}-${range.end - 1}` }),
        ...(ifMatch !== undefined && { IfMatch: ifMatch }),
      }),
      { abortSignal: signal, requestTimeout: FIRST_BYTE_MS },
    );
    const body = response.Body as Readable;
    if (ifMatch !== undefined && response.ETag !== undefined && response.ETag !== ifMatch) {
      body.destroy();
      throw new ObjectChanged(key);
    }
    return Readable.from(bodyOf(key, body, signal), { objectMode: false });
  } catch (error) {
    throw aboutObject(key, error);
  }
}

/** The body of an answer, whose troubles on the way are told as those of a request are. */
async function* bodyOf(key: string, body: Readable, signal?: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* body as AsyncIterable<Buffer>;
  } catch (error) {
    throw signal?.aborted ? signal.reason : aboutObject(key, error);
  }
}
