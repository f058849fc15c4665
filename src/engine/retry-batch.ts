import { v7 as uuidv7 } from 'uuid';
import { type Caller, isAllowed } from '../core/access.ts';
import { RequestError } from '../core/errors.ts';
import type { RetryRecords } from '../core/lineage.ts';
import { formatRequestOf } from './file-format.ts';
import type { BatchRow, KeepAnswer } from './ports/request-stores.ts';
import { type BatchRequest, checkRequest, optionsOf, type SubmitBatch } from './submit-batch.ts';
import { wake } from './wake.ts';

/** What may differ from the batch that is retried; the file is read as it was. */
export type RetryRequest = Omit<BatchRequest, 'handler' | 'operation' | 'hash' | 'format'> & {
  records?: RetryRecords;
};

export type RetryBatch = Omit<SubmitBatch, 'uploads'>;

/**
 * Makes a batch of just those records of an ended one that failed, or that were not processed. Its input is copied from
 * that batch by a worker; what the request leaves out is as it was there.
 * @returns the batch, which is committed in `new`
 * @throws {RequestError} batch_not_found, forbidden, invalid_request, not_retriable, already_retried, results_not_ready,
 *   results_expired, too_many_batches, storage_full
 * @throws {KeyTaken} the same request took effect before
 */
export async function retryBatch(
  engine: RetryBatch,
  caller: Caller,
  batchId: string,
  { records = 'failed', ...request }: RetryRequest,
  keep?: KeepAnswer<BatchRow>,
): Promise<BatchRow> {
  const parent = await engine.batches.look(batchId);
  if (parent === null) {
    throw new RequestError('batch_not_found', 'there is no batch with this id in the account');
  }
  if (!isAllowed(caller.statements, parent.operation)) {
    throw new RequestError('forbidden', `the role of ${caller.user} does not allow ${parent.operation}`);
  }
  if (engine.operations.get(parent.operation) === undefined) {
    throw new RequestError('not_retriable', `the operation ${parent.operation} is not served any more`);
  }
  const whole = { ...requestOf(parent), ...request };
  const operation = checkRequest(engine.operations, whole);
  const batch = await engine.batches.create(
    {
      id: uuidv7(),
      uploadId: parent.uploadId,
      operation: operation.name,
      operationVersion: operation.version,
      effects: operation.effects,
      // It reads none: how many bytes it is to copy is found out with the lineage locked.
      uploadKey: '',
      upload: { etag: '', bytes: 0 },
      retry: { of: parent.id, records },
      ...optionsOf(engine.settings, operation, whole),
    },
    keep,
  );
  wake(engine, batch.id, [{ stage: 'copy', batchId: batch.id, tickets: 1 }]);
  return batch;
}

/** The batch as it would be asked for once more; whether it was only a trial is its own matter. */
function requestOf(batch: BatchRow): Omit<BatchRequest, 'handler'> {
  return {
    operation: batch.operation,
    metadata: batch.metadata,
    format: formatRequestOf(batch.format),
    mapping: batch.mapping,
    on_invalid: batch.onInvalid,
    settings: batch.settings,
    stop_after: batch.stopAfter,
    execution: batch.execution,
    ...(batch.customId !== null && { custom_id: batch.customId }),
    priority: batch.priority,
    results_format: batch.resultsFormats,
    expires_after: batch.expiresAfter,
  };
}
