import type { Caller } from '../core/access.ts';
import { invalidRequest, RequestError } from '../core/errors.ts';
import type { BatchRequest } from './batch-request.ts';
import type { ObjectHead, ObjectStore } from './ports/object-store.ts';
import type { NewBatch, Upload, UploadStore } from './ports/request-stores.ts';

interface UploadLook {
  uploads: Pick<UploadStore, 'find'>;
  objects: Pick<ObjectStore, 'head'>;
}

/**
 * The upload that a batch is to be made of, as it is now: it is only looked at, and taken where the batch is written.
 * @throws {RequestError} handler_not_found, invalid_request, upload_missing, upload_used, upload_expired,
 *   upload_invalidated, file_too_large
 */
export async function usableUpload(
  engine: UploadLook,
  caller: Caller,
  request: Pick<BatchRequest, 'handler' | 'hash'>,
): Promise<Pick<NewBatch, 'uploadId' | 'statedHash' | 'uploadKey' | 'upload'>> {
  const upload = await engine.uploads.find(request.handler);
  if (upload === null) throw new RequestError('handler_not_found', `there is no upload ${request.handler}`);
  if (request.hash !== undefined && upload.hash !== null && request.hash !== upload.hash) {
    const message = `is not the hash that the upload was made with, ${upload.hash}`;
    throw invalidRequest({ pointer: '/hash', code: 'not_allowed', message });
  }
  const head = await checkUpload(engine, caller, upload);
  // Some stores ignore the checksum that the upload's URL was signed with: then the copy finds the difference.
  const statedHash = request.hash ?? upload.hash;
  return {
    uploadId: upload.id,
    ...(statedHash !== null && { statedHash }),
    uploadKey: upload.objectKey,
    upload: head,
  };
}

async function checkUpload(
  { objects }: Pick<UploadLook, 'objects'>,
  { limits }: Caller,
  upload: Upload,
): Promise<ObjectHead> {
  const now = Date.now() / 1000;
  if (upload.invalidatedAt !== null) {
    throw new RequestError('upload_invalidated', 'the upload was taken back; make a new one');
  }
  if (upload.usedBy !== null) {
    throw new RequestError('upload_used', `batch ${upload.usedBy} has used this upload up; make a new one`);
  }
  if (upload.expiresAt < now)
    throw new RequestError('upload_expired', 'the upload has expired; make a new one');
  const head = await objects.head(upload.objectKey);
  if (head === null) {
    if (upload.partCount !== null) {
      const message = `put the parts, then complete them with POST /uploads/${upload.id}/complete, then create the batch`;
      throw new RequestError('upload_missing', message);
    }
    if (upload.urlExpiresAt < now) {
      throw new RequestError('upload_expired', 'nothing was uploaded before the URL expired; make a new one');
    }
    throw new RequestError('upload_missing', 'put the file to the URL first, then create the batch');
  }
  if (head.bytes > limits.fileBytes) {
    const message = `the file has ${head.bytes} bytes; at most ${limits.fileBytes} are taken`;
    throw new RequestError('file_too_large', message);
  }
  return head;
}
