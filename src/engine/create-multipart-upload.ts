import type { Caller } from '../core/access.ts';
import { invalidRequest } from '../core/errors.ts';
import { type CreateUpload, checkSize, keeping, newUpload, type UploadRequest } from './create-upload.ts';
import { MULTIPART } from './ports/object-store.ts';
import type { KeepAnswer } from './ports/request-stores.ts';

export interface MultipartRequest extends UploadRequest {
  parts: number;
}

/** An upload that takes its file in parts. */
export interface MadeMultipartUpload {
  handler: string;
  /** In order: the URL of part n is at n − 1. */
  urls: string[];
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** The length of each part but the last, where the size is stated. */
  partBytes: number | null;
}

/**
 * Makes a place for a file that comes in parts, and a presigned PUT for each of them. The row is written first: should
 * the process die before it knows the parts' upload in the store, the row still leads the sweep there.
 * @param keep with which answer the request is kept, should it come again
 * @throws {RequestError} invalid_request when size and parts do not go together, storage_full @throws {KeyTaken}
 */
export async function createMultipartUpload(
  { uploads, objects }: CreateUpload,
  caller: Caller,
  request: MultipartRequest,
  keep?: KeepAnswer<MadeMultipartUpload>,
): Promise<MadeMultipartUpload> {
  const { parts, size, content_type: contentType } = request;
  checkSize(caller, size);
  const partBytes = size === undefined ? null : bytesOfParts(size, parts);
  const { id, objectKey, ...upload } = newUpload(caller, request);
  await uploads.create({ id, objectKey, ...upload, partCount: parts, urlExpiresAt: Date.now() });
  const multipartId = await objects.createMultipart(objectKey, {
    ...(contentType !== undefined && { contentType }),
  });
  const { urls, expiresAt } = await objects.presignParts(objectKey, multipartId, parts);
  const made = { handler: id, urls, expiresAt, partBytes };
  await uploads.openParts(id, { multipartId, urlExpiresAt: expiresAt }, keeping(keep, made));
  return made;
}

/**
 * How long each part but the last is, so that none is too small or too large for S3.
 * @throws {RequestError} invalid_request when there is no such length
 */
export function bytesOfParts(size: number, parts: number): number {
  const bytes = Math.max(MULTIPART.leastBytes, Math.ceil(size / parts));
  const refuse = (message: string) => invalidRequest({ pointer: '/parts', code: 'out_of_range', message });
  if (size === 0) throw refuse('must be left out for an empty file, which is sent in one PUT');
  if (bytes > MULTIPART.mostBytes) {
    const least = Math.ceil(size / MULTIPART.mostBytes);
    throw refuse(`must be at least ${least} for ${size} bytes: a part has at most ${MULTIPART.mostBytes}`);
  }
  // The last one may be smaller than the others, but not empty.
  if ((parts - 1) * bytes >= size) {
    const most = Math.ceil(size / MULTIPART.leastBytes);
    throw refuse(
      `must be at most ${most} for ${size} bytes: a part that is not the last has at least ${MULTIPART.leastBytes}`,
    );
  }
  return Math.min(bytes, size);
}
