import { v7 as uuidv7 } from 'uuid';
import { type Caller, isAllowed } from '../core/access.ts';
import type { AccountLimits } from '../core/account-limits.ts';
import {
  copyStage,
  type Execution,
  type OnDuplicateFile,
  type OnInvalid,
  type ResultsFormat,
} from '../core/batch.ts';
import { type FieldProblem, invalidRequest, RequestError } from '../core/errors.ts';
import { leafFields } from '../core/field.ts';
import { tokenOf } from '../core/json-pointer.ts';
import type { Log } from '../core/log.ts';
import type { Operation, OperationRegistry } from '../core/operation.ts';
import { isOurColumn } from '../core/our-columns.ts';
import { type FormatRequest, fileFormatOf, formatProblems } from './file-format.ts';
import { metadataProblems } from './metadata.ts';
import type { ObjectHead, ObjectStore } from './ports/object-store.ts';
import type {
  BatchOptions,
  BatchRow,
  BatchStore,
  KeepAnswer,
  NewBatch,
  Upload,
  UploadStore,
} from './ports/request-stores.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import type { EngineSettings } from './settings.ts';
import { type StopAfterRequest, stopAfterOf, stopAfterProblems } from './stop-after.ts';
import { wake } from './wake.ts';

export interface BatchRequest {
  handler: string;
  operation: string;
  hash?: string;
  metadata?: Record<string, unknown>;
  format?: FormatRequest;
  mapping?: Record<string, string>;
  on_invalid?: OnInvalid;
  settings?: Record<string, unknown>;
  dry_run?: boolean;
  stop_after?: StopAfterRequest | null;
  on_duplicate_file?: OnDuplicateFile;
  execution?: Execution;
  /** The column whose value is repeated in the results. */
  custom_id?: string;
  /** Higher ones of the account come first. */
  priority?: number;
  results_format?: readonly ResultsFormat[];
  /** Seconds from the terminal status until the batch's objects are removed. */
  expires_after?: number;
}

/** Operations that a message names before it points to the list. */
const MOST_NAMES = 20;

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
  const upload = await takeUpload(engine, caller, request);

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

/** What the request asks for, with the defaults of what it leaves out. */
export function optionsOf(
  { keepSeconds }: Pick<EngineSettings, 'keepSeconds'>,
  { limits }: Pick<Caller, 'limits'>,
  operation: Operation,
  request: Omit<BatchRequest, 'handler'>,
): BatchOptions {
  const ofOperation = { ...request.settings };
  operation.checkSettings(ofOperation);
  return {
    settings: ofOperation,
    mapping: request.mapping ?? {},
    onInvalid: request.on_invalid ?? 'reject',
    dryRun: request.dry_run ?? false,
    stopAfter: request.stop_after ? stopAfterOf(request.stop_after) : null,
    onDuplicateFile: request.on_duplicate_file ?? 'allow',
    execution: request.execution ?? 'parallel',
    customId: request.custom_id ?? null,
    priority: request.priority ?? 0,
    resultsFormats: request.results_format ?? ['ndjson'],
    expiresAfter: request.expires_after ?? limits.keepSeconds ?? keepSeconds,
    format: fileFormatOf(request.format ?? {}),
    metadata: request.metadata ?? {},
  };
}

/** @throws {RequestError} invalid_request */
export function checkRequest(
  operations: OperationRegistry,
  { limits }: Pick<Caller, 'limits'>,
  request: Omit<BatchRequest, 'handler'>,
): Operation {
  const operation = operations.get(request.operation);
  if (operation === undefined) {
    const names = operations.list().map(({ name }) => name);
    const known = names.length > MOST_NAMES ? [...names.slice(0, MOST_NAMES), '…'] : names;
    throw invalidRequest({
      pointer: '/operation',
      code: 'unknown_operation',
      message: `is not an operation; there are ${known.join(', ')}`,
    });
  }
  const problems = [
    ...metadataProblems(request.metadata ?? {}),
    ...mappingProblems(operation, request.mapping ?? {}),
    ...customIdProblems(request.custom_id),
    ...formatProblems(request.format ?? {}),
    ...stopAfterProblems(request.stop_after ?? null),
    ...keepProblems(limits, request.expires_after),
    ...operation.checkSettings({ ...request.settings }).map((error) => ({
      pointer: `/settings/${tokenOf(error.field ?? '')}`,
      code: error.code,
      message: error.message,
    })),
  ];
  if (problems.length > 0) throw invalidRequest(...problems);
  return operation;
}

function keepProblems({ keepSeconds }: AccountLimits, asked: number | undefined): FieldProblem[] {
  if (asked === undefined || keepSeconds === null || asked <= keepSeconds) return [];
  const message = `must be at most ${keepSeconds}, as long as files of the account are kept`;
  return [{ pointer: '/expires_after', code: 'out_of_range', message }];
}

const OURS = 'is a column that result files have of their own, where it would be lost; rename it in the file';

function customIdProblems(column: string | undefined): FieldProblem[] {
  if (column === undefined || !isOurColumn(column)) return [];
  return [{ pointer: '/custom_id', code: 'reserved_name', message: OURS }];
}

function mappingProblems(operation: Operation, mapping: Record<string, string>): FieldProblem[] {
  const fields = leafFields(operation.input).map((field) => field.name);
  const problems: FieldProblem[] = [];
  const columnOf = new Map<string, string>();
  for (const [column, field] of Object.entries(mapping)) {
    const at = `/mapping/${tokenOf(column)}`;
    if (isOurColumn(column)) problems.push({ pointer: at, code: 'reserved_name', message: OURS });
    const earlier = columnOf.get(field);
    if (!fields.includes(field)) {
      const message = `"${field}" is not a field of ${operation.name}; it has ${fields.join(', ')}`;
      problems.push({ pointer: at, code: 'unknown_field', message });
    } else if (earlier !== undefined) {
      const message = `"${field}" is filled by the column "${earlier}" already`;
      problems.push({ pointer: at, code: 'field_mapped_twice', message });
    }
    columnOf.set(field, column);
  }
  return problems;
}

/**
 * The upload that a batch is to be made of, as it is now.
 * @throws {RequestError} handler_not_found, invalid_request, upload_missing, upload_used, upload_expired,
 *   upload_invalidated, file_too_large
 */
export async function takeUpload(
  engine: Pick<SubmitBatch, 'uploads' | 'objects'>,
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
  engine: Pick<SubmitBatch, 'objects'>,
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
  const head = await engine.objects.head(upload.objectKey);
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
