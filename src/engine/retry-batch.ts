import { v7 as uuidv7 } from 'uuid';
import { type Caller, isAllowed } from '../core/access.ts';
import { copyStage } from '../core/batch.ts';
import { type FieldProblem, invalidRequest, RequestError } from '../core/errors.ts';
import type { RetryRecords } from '../core/lineage.ts';
import { type BatchRequest, checkRequest, optionsOf } from './batch-request.ts';
import { formatRequestOf } from './file-format.ts';
import type { BatchRow, KeepAnswer } from './ports/request-stores.ts';
import type { SubmitBatch } from './submit-batch.ts';
import { usableUpload } from './usable-upload.ts';
import { wake } from './wake.ts';

/** What may differ from the batch that is retried. */
export type RetryRequest = Omit<BatchRequest, 'handler' | 'operation' | 'on_duplicate_file'> & {
  /** Which of its records; those that failed, if nothing is said. */
  records?: RetryRecords;
  /** The upload of a corrected file, in place of `records`. */
  handler?: string;
};

/**
 * Makes a batch of just those records of an ended one that failed, or that were not processed, or of a corrected file.
 * Without a file its input is copied from that batch by a worker; what the request leaves out is as it was there.
 * @returns the batch, which is committed in `new`
 * @throws {RequestError} batch_not_found, forbidden, invalid_request, not_retriable, already_retried, results_not_ready,
 *   results_expired, too_many_batches, storage_full; with a file also what `usableUpload` throws
 * @throws {KeyTaken} the same request took effect before
 */
export async function retryBatch(
  engine: SubmitBatch,
  caller: Caller,
  batchId: string,
  { records, handler, hash, ...request }: RetryRequest,
  keep?: KeepAnswer<BatchRow>,
): Promise<BatchRow> {
  checkKind({ records, handler, hash, format: request.format });
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
  const whole = { ...requestOf(parent, caller, handler !== undefined), ...request };
  const operation = checkRequest(engine.operations, caller, whole);
  const source =
    handler === undefined
      ? // It reads no upload: how many bytes it is to copy is found out with the lineage locked.
        { uploadId: parent.uploadId, uploadKey: '', upload: { etag: '', bytes: 0 } }
      : await usableUpload(engine, caller, { handler, ...(hash !== undefined && { hash }) });
  const batch = await engine.batches.create(
    {
      id: uuidv7(),
      operation: operation.name,
      operationVersion: operation.version,
      effects: operation.effects,
      ...source,
      retry: { of: parent.id, records: handler === undefined ? (records ?? 'failed') : 'corrected' },
      ...optionsOf(engine.settings, caller, operation, whole),
    },
    keep,
  );
  wake(engine, batch.id, [{ stage: copyStage({ ...batch, isRetry: true }), batchId: batch.id, tickets: 1 }]);
  return batch;
}

/** What goes with a file, and what goes without. @throws {RequestError} invalid_request */
function checkKind(request: Pick<RetryRequest, 'records' | 'handler' | 'hash' | 'format'>): void {
  const isCorrected = request.handler !== undefined;
  const wrong = isCorrected ? (['records'] as const) : (['hash', 'format'] as const);
  const message = isCorrected
    ? 'does not go with handler: the file says which records it corrects'
    : 'goes with handler only: without a corrected file the records are read as they were';
  const problems = wrong.flatMap((name): FieldProblem[] =>
    request[name] === undefined ? [] : [{ pointer: `/${name}`, code: 'not_allowed', message }],
  );
  if (problems.length > 0) throw invalidRequest(...problems);
}

/** The batch as it would be asked for once more; whether it was only a trial is its own matter. */
function requestOf(batch: BatchRow, { limits }: Caller, isCorrected: boolean): Omit<BatchRequest, 'handler'> {
  const { values } = batch.format;
  return {
    operation: batch.operation,
    metadata: batch.metadata,
    // A corrected file is another file; what its cells mean is the same.
    format: formatRequestOf(isCorrected ? { values } : batch.format),
    mapping: batch.mapping,
    on_invalid: batch.onInvalid,
    settings: batch.settings,
    stop_after: batch.stopAfter,
    execution: batch.execution,
    ...(batch.customId !== null && { custom_id: batch.customId }),
    priority: batch.priority,
    results_format: batch.resultsFormats,
    // The account may be allowed less than it was.
    expires_after: Math.min(batch.expiresAfter, limits.keepSeconds ?? batch.expiresAfter),
  };
}
