import { CopyObjectCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3';
import {
  type CopyOptions,
  ObjectChanged,
  type ObjectHead,
  type UploadedPart,
} from '../../engine/ports/object-store.ts';
import { at, type Bucket } from './client.ts';
import { aboutObject, statusOf } from './faults.ts';
import { head } from './head.ts';
import { inFlight } from './in-flight.ts';
import { createMultipart, withMultipart } from './multipart.ts';
import { type PartRange, partRanges } from './part-size.ts';

const COPIES_IN_FLIGHT = 4;

/** From when on an object is copied in parts, and in which. */
export interface CopyLimits {
  wholeBytes: number;
  partBytes: number;
}

/**
 * Copies what HEAD has seen, and nothing else. Some servers ignore `x-amz-copy-source-if-match`, so the copy is looked
 * at as well; and where its ETag tells nothing, which is that of an object in parts, so is the source once more.
 */
export async function copyObject(
  bucket: Bucket,
  from: string,
  to: string,
  source: ObjectHead,
  { limits, signal, onPart }: CopyOptions & { limits: CopyLimits },
): Promise<void> {
  const copySource = {
    CopySource: `${bucket.name}/${from.split('/').map(encodeURIComponent).join('/')}`,
    CopySourceIfMatch: source.etag,
  };
  try {
    if (source.bytes > limits.wholeBytes) {
      signal?.throwIfAborted();
      // Not to be aborted itself: an upload whose id nobody has learned could not be removed.
      const uploadId = await createMultipart(bucket, to);
      const copyPart = async (range: PartRange) => {
        const part = await copyRange(bucket, to, uploadId, copySource, range, signal);
        onPart?.();
        return part;
      };
      const copyAll = () => inFlight(COPIES_IN_FLIGHT, partRanges(source.bytes, limits.partBytes), copyPart);
      await withMultipart(bucket, to, uploadId, copyAll, signal);
    } else {
      await bucket.client.send(new CopyObjectCommand({ ...at(bucket, to), ...copySource }), {
        abortSignal: signal,
      });
    }
  } catch (error) {
    // A source that has become shorter does not have the range.
    throw statusOf(error) === 416 ? new ObjectChanged(from) : aboutObject(from, error);
  }
  await checkCopy(bucket, from, to, source);
}

async function checkCopy(bucket: Bucket, from: string, to: string, source: ObjectHead): Promise<void> {
  const copied = await head(bucket, to);
  const comparable = !source.etag.includes('-') && copied?.etag.includes('-') === false;
  const etag = comparable ? copied.etag : (await head(bucket, from))?.etag;
  if (copied?.bytes !== source.bytes || etag !== source.etag) throw new ObjectChanged(from);
}

async function copyRange(
  bucket: Bucket,
  to: string,
  uploadId: string,
  copySource: { CopySource: string; CopySourceIfMatch: string },
  { number, start, end }: PartRange,
  signal: AbortSignal | undefined,
): Promise<UploadedPart> {
  const { CopyPartResult } = await bucket.client.send(
    new UploadPartCopyCommand({
      ...at(bucket, to),
      ...copySource,
      UploadId: uploadId,
      PartNumber: number,
      CopySourceRange: `bytes=${start}-${end - 1}`,
    }),
    { abortSignal: signal },
  );
  return { number, etag: CopyPartResult?.ETag ?? '' };
}
