import { RetryableFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { RemovableUpload } from './ports/request-stores.ts';
import type { UploadSweep } from './ports/sweep-stores.ts';

export interface RemoveUploads {
  uploads: Pick<UploadSweep, 'toRemove' | 'removed'>;
  objects: Pick<ObjectStore, 'abortMultipart' | 'removeAll'>;
  log: Log;
}

/** In one sweep; the next one goes on. */
const MOST_AT_ONCE = 100;

/** A store that neither answers nor refuses must not keep the sweep from its other steps. */
const MOST_MS = 10_000;

/**
 * Removes what was uploaded and is not needed any more: expired, taken back, or copied by a batch. The object goes before
 * the row says so, so a worker that dies in between leaves only work that is done once more.
 * @returns how many were removed
 */
export async function removeUploads(engine: RemoveUploads): Promise<number> {
  const due = await engine.uploads.toRemove(MOST_AT_ONCE);
  const signal = AbortSignal.timeout(MOST_MS);
  let removed = 0;
  for (const upload of due) {
    if (signal.aborted) break;
    try {
      await removeUpload(engine, upload, signal);
      removed += 1;
    } catch (error) {
      if (signal.aborted) break;
      // A store that is away is away for all of them; what is wrong with one is not to keep the others.
      if (error instanceof RetryableFault) throw error;
      engine.log.error(
        { err: error, upload: upload.id },
        'an upload could not be removed; the next sweep tries again',
      );
    }
  }
  return removed;
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
