import { v7 as uuidv7 } from 'uuid';
import type { Caller } from '../core/access.ts';
import { invalidRequest } from '../core/errors.ts';
import { uploadKey } from './keys.ts';
import type { ObjectStore, PresignedRequest } from './ports/object-store.ts';
import type { UploadStore } from './ports/request-stores.ts';
import type { EngineSettings } from './settings.ts';

export interface UploadRequest {
  filename?: string;
  /** In bytes; bound into the signature, so that nothing else can be put. */
  size?: number;
  content_type?: string;
  /** Hex SHA-256; bound into the signature likewise. */
  hash?: string;
}

/** S3 takes at most 5 GB in a single PUT. */
const LARGEST_PUT = 5 * 1024 ** 3;

export interface CreateUpload {
  uploads: UploadStore;
  objects: ObjectStore;
  settings: EngineSettings;
}

/**
 * Makes a place for a file and the presigned request that fills it; the bytes never pass through the API.
 * @throws {RequestError} invalid_request when the stated size is over a limit
 */
export async function createUpload(
  { uploads, objects, settings }: CreateUpload,
  caller: Caller,
  request: UploadRequest,
): Promise<{ handler: string; put: PresignedRequest }> {
  const most = Math.min(LARGEST_PUT, settings.fileBytes);
  if (request.size !== undefined && request.size > most) {
    throw invalidRequest({ pointer: '/size', code: 'too_large', message: `must be at most ${most} bytes` });
  }
  const handler = uuidv7();
  const key = uploadKey(caller.accountId, handler);
  const put = await objects.presignPut(key, {
    ...(request.size !== undefined && { bytes: request.size }),
    ...(request.hash !== undefined && { sha256: request.hash }),
    ...(request.content_type !== undefined && { contentType: request.content_type }),
  });
  await uploads.create({
    id: handler,
    accountId: caller.accountId,
    objectKey: key,
    ...(request.filename !== undefined && { filename: request.filename }),
    ...(request.content_type !== undefined && { contentType: request.content_type }),
    ...(request.size !== undefined && { size: request.size }),
    ...(request.hash !== undefined && { hash: request.hash }),
    urlExpiresAt: put.expiresAt,
    keepSeconds: settings.uploadKeepSeconds,
  });
  return { handler, put };
}
