import type { Log } from '../core/log.ts';
import { eachUpload } from './each-upload.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { RemovableUpload } from './ports/request-stores.ts';
import type { UploadSweep } from './ports/sweep-stores.ts';

export interface RemoveUploads {
  uploads: Pick<UploadSweep, 'toRemove' | 'removed'>;
  objects: Pick<ObjectStore, 'abortMultipart' | 'removeAll'>;
  log: Log;
}

/**
 * Removes what was uploaded and is not needed any more: expired, taken back, or copied by a batch. The object goes before
 * the row says so, so a worker that dies in between leaves only work that is done once more.
 * @returns how many were removed
 */
export async function removeUploads(engine: RemoveUploads, stop?: AbortSignal): Promise<number> {
  const { uploads, log } = engine;
  return await eachUpload(
    (most) => uploads.toRemove(most),
    (upload, signal) => removeUpload(engine, upload, signal),
    { log, step: 'removed', stop },
  );
}

/**
 * First the parts, so that nobody can make an object of them any more. All that has the key is looked for, since
 * a process may have died before it could note the id of the upload in parts that it had begun.
 */
async function removeUpload(
  { uploads, objects }: RemoveUploads,
  upload: RemovableUpload,
  signal: AbortSignal,
): Promise<void> {
  const { id, objectKey, multipartId } = upload;
  if (multipartId !== null) await objects.abortMultipart(objectKey, multipartId, signal);
  await objects.removeAll(objectKey, { signal });
  await uploads.removed(id);
}
