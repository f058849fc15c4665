import { v7 as uuidv7 } from 'uuid';
import type { Caller } from '../core/access.ts';
import { type FieldProblem, invalidRequest } from '../core/errors.ts';
import { uploadKey } from './keys.ts';
import { LARGEST_PUT, type ObjectStore, type PresignedRequest } from './ports/object-store.ts';
import type { KeepAnswer, NewUpload, UploadStore } from './ports/request-stores.ts';

export interface UploadRequest {
  filename?: string;
  /** In bytes; bound into the signature, so that nothing else can be put. */
  size?: number;
  content_type?: string;
  /** Hex SHA-256; bound into the signature likewise. */
  hash?: string;
}

export interface CreateUpload {
  uploads: UploadStore;
  objects: ObjectStore;
}

/** An upload that takes its file in a single PUT. */
export interface MadeUpload {
  handler: string;
  put: PresignedRequest;
}

/**
 * Makes a place for a file and the presigned request that fills it; the bytes never pass through the API.
 * @param keep with which answer the request is kept, should it come again
 * @throws {RequestError} invalid_request when the stated size is over a limit, storage_full @throws {KeyTaken}
 */
export async function createUpload(
  { uploads, objects }: CreateUpload,
  caller: Caller,
  request: UploadRequest,
  keep?: KeepAnswer<MadeUpload>,
): Promise<MadeUpload> {
  checkSize(caller, request.size);
  if (request.size !== undefined && request.size > LARGEST_PUT) {
    const message = `is more than a single PUT takes, which is ${LARGEST_PUT} bytes: ask for parts`;
    throw invalidRequest({ pointer: '/size', code: 'too_large', message });
  }
  const upload = newUpload(caller, request);
  const put = await objects.presignPut(upload.objectKey, {
    ...(request.size !== undefined && { bytes: request.size }),
    ...(request.hash !== undefined && { sha256: request.hash }),
    ...(request.content_type !== undefined && { contentType: request.content_type }),
  });
  const made = { handler: upload.id, put };
  await uploads.create({ ...upload, urlExpiresAt: put.expiresAt }, keeping(keep, made));
  return made;
}

/** @throws {RequestError} invalid_request */
export function checkSize({ limits }: Caller, size: number | undefined): void {
  if (size === undefined || size <= limits.fileBytes) return;
  const problem: FieldProblem = {
    pointer: '/size',
    code: 'too_large',
    message: `must be at most ${limits.fileBytes} bytes`,
  };
  throw invalidRequest(problem);
}

/** The row of an upload, but for what is not known before its URLs are. */
export function newUpload(caller: Caller, request: UploadRequest): Omit<NewUpload, 'urlExpiresAt'> {
  const id = uuidv7();
  return {
    id,
    objectKey: uploadKey(caller.accountId, id),
    ...(request.filename !== undefined && { filename: request.filename }),
    ...(request.content_type !== undefined && { contentType: request.content_type }),
    ...(request.size !== undefined && { size: request.size }),
    ...(request.hash !== undefined && { hash: request.hash }),
    keepSeconds: caller.limits.uploadSeconds,
  };
}

/** What is made is known here before it is written; so the store need not know how it is answered. */
export function keeping<Made>(keep: KeepAnswer<Made> | undefined, made: Made): KeepAnswer<void> | undefined {
  return keep && { request: keep.request, answer: () => keep.answer(made) };
}
