import type { Caller } from '../core/access.ts';
import { invalidRequest, RequestError } from '../core/errors.ts';
import { checkParts } from './check-parts.ts';
import {
  type ObjectHead,
  type ObjectStore,
  PartsRefused,
  type UploadedPart,
  UploadGone,
} from './ports/object-store.ts';
import type { Upload, UploadStore } from './ports/request-stores.ts';

export interface CompleteUpload {
  uploads: Pick<UploadStore, 'find' | 'completed'>;
  objects: Pick<ObjectStore, 'listParts' | 'completeMultipart' | 'head' | 'remove'>;
}

/**
 * Makes the parts of an upload one object. May be repeated, also when an earlier run died between the store and the
 * row: what is complete is answered as it is.
 * @throws {RequestError} handler_not_found, upload_not_multipart, upload_invalidated, upload_expired, upload_used,
 *   file_too_large, invalid_request
 */
export async function completeUpload(
  engine: CompleteUpload,
  caller: Caller,
  handler: string,
  parts: readonly UploadedPart[],
): Promise<ObjectHead> {
  const upload = await usableUpload(engine, handler);
  const most = caller.limits.fileBytes;
  const object = await joinParts(engine, upload, parts, most);
  if (object !== null) checkLength(object.bytes, most);
  if (
    object !== null &&
    (upload.multipartId === null || (await engine.uploads.completed(upload.id, object.bytes)))
  ) {
    return object;
  }
  // Taken back or expired while the store was busy; then nobody else removes what has come of it.
  if (object !== null) await engine.objects.remove(upload.objectKey);
  const now = await usableUpload(engine, handler);
  if (now.usedBy !== null) {
    throw new RequestError('upload_used', `batch ${now.usedBy} has used this upload up; make a new one`);
  }
  throw new RequestError('upload_expired', 'the object store has nothing of this upload; make a new one');
}

/** @throws {RequestError} handler_not_found, upload_not_multipart, upload_invalidated, upload_expired */
async function usableUpload({ uploads }: Pick<CompleteUpload, 'uploads'>, handler: string): Promise<Upload> {
  const upload = await uploads.find(handler);
  if (upload === null) throw new RequestError('handler_not_found', `there is no upload ${handler}`);
  if (upload.partCount === null) {
    throw new RequestError('upload_not_multipart', 'it takes a single PUT: there is nothing to complete');
  }
  if (upload.invalidatedAt !== null) {
    throw new RequestError('upload_invalidated', 'the upload was taken back; make a new one');
  }
  if (upload.usedBy === null && (upload.removedAt !== null || upload.expiresAt < Date.now() / 1000)) {
    throw new RequestError('upload_expired', 'the upload has expired; make a new one');
  }
  return upload;
}

/** `null`: the store has neither the parts nor the object. */
async function joinParts(
  { objects }: CompleteUpload,
  { objectKey, multipartId, ...upload }: Upload,
  parts: readonly UploadedPart[],
  mostBytes: number,
): Promise<ObjectHead | null> {
  if (multipartId === null) return await objects.head(objectKey);
  try {
    const stored = await objects.listParts(objectKey, multipartId);
    checkLength(
      stored.reduce((sum, part) => sum + part.bytes, 0),
      mostBytes,
    );
    const checked = checkParts(upload, parts, stored);
    return await objects.completeMultipart(objectKey, multipartId, checked);
  } catch (error) {
    if (error instanceof UploadGone) return await objects.head(objectKey);
    if (!(error instanceof PartsRefused)) throw error;
    const message = 'a part was put again meanwhile; list the parts once more, each with its last ETag';
    throw invalidRequest({ pointer: '', code: 'part_changed', message });
  }
}

/** @throws {RequestError} file_too_large */
function checkLength(bytes: number, most: number): void {
  if (bytes <= most) return;
  throw new RequestError('file_too_large', `the file has ${bytes} bytes; at most ${most} are taken`);
}
