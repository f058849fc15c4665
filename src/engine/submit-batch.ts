import { v7 as uuidv7 } from 'uuid';
import { type Caller, isAllowed } from '../core/access.ts';
import { copyStage } from '../core/batch.ts';
import { RequestError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { OperationRegistry } from '../core/operation.ts';
import { type BatchRequest, checkRequest, optionsOf } from './batch-request.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { BatchRow, BatchStore, KeepAnswer, UploadStore } from './ports/request-stores.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import type { EngineSettings } from './settings.ts';
import { usableUpload } from './usable-upload.ts';
import { wake } from './wake.ts';

export interface SubmitBatch {
  operations: OperationRegistry;
  uploads: UploadStore;
  batches: BatchStore;
  objects: ObjectStore;
  queue: WorkQueue;
  settings: EngineSettings;
  log: Log;
}

/**
 * Accepts a batch: everything that the request and a HEAD of the upload can tell is told here; the rest shows while
 * the batch runs.
 * @returns the batch, which is committed in `new`
 * @param keep with which answer the request is kept, should it come again
 * @throws {RequestError} invalid_request, forbidden, handler_not_found, upload_missing, upload_used, upload_in_use,
 *   upload_expired, upload_invalidated, file_too_large, too_many_batches, storage_full, duplicate_file
 * @throws {KeyTaken} the same request took effect before
 */
export async function submitBatch(
  engine: SubmitBatch,
  caller: Caller,
  request: BatchRequest,
  keep?: KeepAnswer<BatchRow>,
): Promise<BatchRow> {
  const operation = checkRequest(engine.operations, caller, request);
  if (!isAllowed(caller.statements, operation.name)) {
    throw new RequestError('forbidden', `the role of ${caller.user} does not allow ${operation.name}`);
  }
  const upload = await usableUpload(engine, caller, request);

  const id = uuidv7();
  const batch = await engine.batches.create(
    {
      id,
      operation: operation.name,
      operationVersion: operation.version,
      effects: operation.effects,
      ...upload,
      ...optionsOf(engine.settings, caller, operation, request),
    },
    keep,
  );
  wake(engine, id, [{ stage: copyStage({ ...batch, isRetry: false }), batchId: id, tickets: 1 }]);
  return batch;
}
