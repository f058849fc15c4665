import { setTimeout as sleep } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
} from '@aws-sdk/client-s3';
import {
  PartsRefused,
  type StoredPart,
  type UploadedPart,
  UploadGone,
} from '../../engine/ports/object-store.ts';
import { answered, at, type Bucket } from './client.ts';
import { aboutUpload, asFault, statusOf } from './faults.ts';

/** How long the removal of what a broken upload has stored may take, when nobody else can be told to wait for it. */
export const CLEAN_UP_MS = 5_000;
const BETWEEN_ABORTS_MS = 100;

export async function createMultipart(
  bucket: Bucket,
  key: string,
  { contentType, signal }: { contentType?: string | undefined; signal?: AbortSignal } = {},
): Promise<string> {
  try {
    const command = new CreateMultipartUploadCommand({ ...at(bucket, key), ContentType: contentType });
    const { UploadId } = await answered((options) => bucket.client.send(command, options), signal);
    if (UploadId === undefined) throw new Error('the object store began an upload without an id');
    return UploadId;
  } catch (error) {
    throw asFault(error);
  }
}

/** At most 10,000 of them, `page` at a time. */
export async function listParts(
  bucket: Bucket,
  key: string,
  uploadId: string,
  page: number,
): Promise<StoredPart[]> {
  const parts: StoredPart[] = [];
  let marker: string | undefined;
  try {
    do {
      const list = new ListPartsCommand({
        ...at(bucket, key),
        UploadId: uploadId,
        PartNumberMarker: marker,
        MaxParts: page,
      });
      const {
        Parts = [],
        IsTruncated,
        NextPartNumberMarker,
      } = await answered((options) => bucket.client.send(list, options));
      for (const { PartNumber = 0, ETag = '', Size = 0 } of Parts) {
        parts.push({ number: PartNumber, etag: ETag, bytes: Size });
      }
      marker = IsTruncated ? NextPartNumberMarker : undefined;
    } while (marker !== undefined);
  } catch (error) {
    throw aboutUpload(key, error);
  }
  return parts;
}

export async function completeMultipart(
  bucket: Bucket,
  key: string,
  uploadId: string,
  parts: readonly UploadedPart[],
  signal?: AbortSignal,
): Promise<void> {
  // Ceph puts them in order by itself.
  const inOrder = parts.every(({ number }, index) => number > (parts[index - 1]?.number ?? 0));
  if (!inOrder) throw new PartsRefused(key, 'InvalidPartOrder');
  const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
  try {
    await bucket.client.send(
      new CompleteMultipartUploadCommand({
        ...at(bucket, key),
        UploadId: uploadId,
        MultipartUpload: { Parts },
      }),
      { abortSignal: signal },
    );
  } catch (error) {
    // Ceph answers 500 when there is no such upload any more.
    if (statusOf(error) === 500) await listParts(bucket, key, uploadId, 1);
    throw aboutUpload(key, error);
  }
}

export async function abortMultipart(
  bucket: Bucket,
  key: string,
  uploadId: string,
  signal?: AbortSignal,
): Promise<void> {
  try {
    const command = new AbortMultipartUploadCommand({ ...at(bucket, key), UploadId: uploadId });
    await bucket.client.send(command, { abortSignal: signal });
  } catch (error) {
    const fault = aboutUpload(key, error);
    if (!(fault instanceof UploadGone)) throw fault;
  }
}

/**
 * Runs something with an unfinished upload that is completed at its end; otherwise nothing of it stays, as far as the
 * store answers in time. What caused the end is thrown, whatever becomes of the cleaning up.
 */
export async function withMultipart(
  bucket: Bucket,
  key: string,
  uploadId: string,
  putParts: () => Promise<UploadedPart[]>,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    const parts = await putParts();
    signal?.throwIfAborted();
    await completeMultipart(bucket, key, uploadId, parts, signal);
  } catch (error) {
    const soon = AbortSignal.timeout(CLEAN_UP_MS);
    await Promise.allSettled([abortUntilGone(bucket, key, uploadId, soon)]);
    throw error;
  }
}

/**
 * A part that was on its way when the upload was aborted may be stored all the same, and is one to be aborted again
 * (S3's documentation of AbortMultipartUpload).
 */
async function abortUntilGone(
  bucket: Bucket,
  key: string,
  uploadId: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await abortMultipart(bucket, key, uploadId, signal);
    try {
      await listParts(bucket, key, uploadId, 1);
    } catch (error) {
      if (error instanceof UploadGone) return;
      throw error;
    }
    await sleep(BETWEEN_ABORTS_MS, undefined, { signal });
  }
}
