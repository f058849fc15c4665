import { RequestError } from '../../src/core/errors.ts';
import type { Actor } from '../../src/engine/ports/actor.ts';
import { type ObjectHead, type ObjectStore, UploadGone } from '../../src/engine/ports/object-store.ts';
import type { BatchRow, NewUpload, Upload, UploadStore } from '../../src/engine/ports/request-stores.ts';
import { type KeptAnswers, underKeyInMemory } from './api-memory-batches.ts';

/** What the stores of the API say of uploads and their objects, on maps; `asked` may throw in their place. */

export interface UploadWorld {
  uploads: Map<string, Upload>;
  batches: Map<string, BatchRow>;
  answers: KeptAnswers;
  objects: Map<string, ObjectHead>;
}

export function uploadsInMemory(world: UploadWorld, actor: Actor, asked: () => void): UploadStore {
  const { accountId } = actor;
  return {
    create: async (upload, keep) => {
      asked();
      underKeyInMemory(
        world.answers,
        actor,
        keep,
        () => void world.uploads.set(upload.id, uploadRow(accountId, upload)),
      );
    },
    find: async (id) => {
      asked();
      const found = world.uploads.get(id);
      return found?.accountId === accountId ? found : null;
    },
    openParts: async (id, { multipartId, urlExpiresAt }, keep) => {
      asked();
      const change = { multipartId, urlExpiresAt: urlExpiresAt / 1000 };
      underKeyInMemory(world.answers, actor, keep, () => void Object.assign(world.uploads.get(id)!, change));
    },
    completed: async (id) => {
      const upload = world.uploads.get(id)!;
      if (upload.invalidatedAt !== null || upload.removedAt !== null) return false;
      upload.multipartId = null;
      return true;
    },
    invalidate: async (id) => {
      asked();
      const upload = world.uploads.get(id);
      if (upload?.accountId !== accountId)
        throw new RequestError('handler_not_found', `there is no upload ${id}`);
      for (const batch of world.batches.values()) {
        if (batch.uploadId === id && ['new', 'copying'].includes(batch.status))
          throw new RequestError('upload_in_use', `batch ${batch.id} has not copied this upload yet`);
      }
      upload.invalidatedAt ??= Date.now() / 1000;
      return upload;
    },
  };
}

function uploadRow(accountId: string, upload: NewUpload): Upload {
  const now = Date.now() / 1000;
  return {
    id: upload.id,
    accountId,
    objectKey: upload.objectKey,
    filename: upload.filename ?? null,
    size: upload.size ?? null,
    hash: upload.hash ?? null,
    partCount: upload.partCount ?? null,
    multipartId: null,
    createdAt: now,
    urlExpiresAt: upload.urlExpiresAt / 1000,
    expiresAt: now + upload.keepSeconds,
    usedBy: null,
    invalidatedAt: null,
    removedAt: null,
  };
}

/** In the year 2100: no test may depend on the day on which it runs. */
const EXPIRES_AT = 4_102_444_800_123;

export function objectsInMemory(world: UploadWorld): ObjectStore {
  const never = () => {
    throw new Error('the API reads and writes no objects');
  };
  return {
    presignPut: async (key, bind) => ({
      url: `http://store/${key}`,
      method: 'PUT',
      headers: { 'content-length': String(bind.bytes ?? 0) },
      expiresAt: EXPIRES_AT,
    }),
    presignGet: async (key, filename) => ({
      url: `http://store/${key}?as=${filename}`,
      method: 'GET',
      headers: {},
      expiresAt: EXPIRES_AT,
    }),
    head: async (key) => world.objects.get(key) ?? null,
    read: never,
    copy: never,
    put: never,
    putStream: never,
    createMultipart: async (key) => `parts of ${key}`,
    presignParts: async (key, _uploadId, count) => ({
      urls: Array.from({ length: count }, (_, index) => `http://store/${key}?part=${index + 1}`),
      expiresAt: EXPIRES_AT,
    }),
    // Whoever wants parts to be there needs a store that keeps them.
    listParts: async (key) => Promise.reject(new UploadGone(key)),
    completeMultipart: async (key) => Promise.reject(new UploadGone(key)),
    abortMultipart: async () => undefined,
    remove: async (key) => void world.objects.delete(key),
    removeAll: never,
    bytesOf: never,
    list: never,
    unfinished: never,
    removeListed: never,
  };
}
