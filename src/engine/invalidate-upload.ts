import type { Log } from '../core/log.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { UploadStore } from './ports/request-stores.ts';

export interface InvalidateUpload {
  uploads: Pick<UploadStore, 'invalidate'>;
  objects: Pick<ObjectStore, 'abortMultipart' | 'remove'>;
  log: Log;
}

/** The client need not wait for a store that is slow: the row says that the object is to go. */
const PATIENCE_MS = 5_000;

/**
 * Takes an upload back: no batch can be made of it any more. The object goes at once if the store answers, and in any
 * case when nobody can put it anew (removeUploads). May be repeated.
 * @throws {RequestError} handler_not_found, upload_in_use
 */
export async function invalidateUpload(
  { uploads, objects, log }: InvalidateUpload,
  handler: string,
): Promise<void> {
  const { objectKey, multipartId } = await uploads.invalidate(handler);
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    if (multipartId !== null) await objects.abortMultipart(objectKey, multipartId, signal);
    await objects.remove(objectKey, signal);
  } catch (error) {
    log.warn({ err: error, upload: handler }, 'the upload’s object is still there; the sweep removes it');
  }
}
