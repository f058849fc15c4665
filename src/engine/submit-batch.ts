import { v7 as uuidv7 } from 'uuid';
import { type Caller, isAllowed } from '../core/access.ts';
import type { OnInvalid } from '../core/batch.ts';
import { type FieldProblem, invalidRequest, RequestError } from '../core/errors.ts';
import { leafFields } from '../core/field.ts';
import type { Log } from '../core/log.ts';
import type { Operation, OperationRegistry } from '../core/operation.ts';
import type { ObjectHead, ObjectStore } from './ports/object-store.ts';
import type { BatchRow, BatchStore, Upload, UploadStore } from './ports/request-stores.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import type { EngineSettings } from './settings.ts';

export interface BatchRequest {
  handler: string;
  operation: string;
  hash?: string;
  metadata?: Record<string, unknown>;
  mapping?: Record<string, string>;
  on_invalid?: OnInvalid;
  settings?: Record<string, unknown>;
}

/** Operations that a message names before it points to the list. */
const MOST_NAMES = 20;
const LARGEST_METADATA = 16 * 1024;

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
 * @throws {RequestError} invalid_request, forbidden, handler_not_found, upload_missing, upload_used, upload_in_use,
 *   upload_expired, file_too_large
 */
export async function submitBatch(
  engine: SubmitBatch,
  caller: Caller,
  request: BatchRequest,
): Promise<BatchRow> {
  const operation = checkRequest(engine.operations, request);
  if (!isAllowed(caller.statements, operation.name)) {
    throw new RequestError('forbidden', `the role of ${caller.user} does not allow ${operation.name}`);
  }
  const upload = await engine.uploads.find(caller.accountId, request.handler);
  if (upload === null) throw new RequestError('handler_not_found', `there is no upload ${request.handler}`);
  const head = await checkUpload(engine, upload);

  const id = uuidv7();
  // Some stores ignore the checksum that the upload's URL was signed with: then the copy finds the difference.
  const statedHash = request.hash ?? upload.hash;
  const settings = { ...request.settings };
  operation.checkSettings(settings);
  const batch = await engine.batches.create({
    id,
    accountId: caller.accountId,
    uploadId: upload.id,
    userName: caller.user,
    operation: operation.name,
    operationVersion: operation.version,
    settings,
    mapping: request.mapping ?? {},
    onInvalid: request.on_invalid ?? 'reject',
    metadata: request.metadata ?? {},
    ...(statedHash !== null && { statedHash }),
    uploadKey: upload.objectKey,
    upload: head,
  });
  // The batch is committed, and the answer waits for nothing more: should the ticket be lost, the sweep writes another.
  engine.queue
    .enqueue([{ stage: 'copy', batchId: id }])
    .catch((error: unknown) =>
      engine.log.warn({ err: error, batch: id }, 'no ticket; the sweep finds the batch'),
    );
  return batch;
}

function checkRequest(operations: OperationRegistry, request: BatchRequest): Operation {
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
    ...operation.checkSettings({ ...request.settings }).map((error) => ({
      pointer: `/settings/${pointer(error.field ?? '')}`,
      code: error.code,
      message: error.message,
    })),
  ];
  if (problems.length > 0) throw invalidRequest(...problems);
  return operation;
}

function metadataProblems(metadata: Record<string, unknown>): FieldProblem[] {
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  const problems: FieldProblem[] = [];
  if (bytes > LARGEST_METADATA) {
    const message = `takes ${bytes} bytes as JSON; at most ${LARGEST_METADATA} are kept`;
    problems.push({ pointer: '/metadata', code: 'too_large', message });
  }
  // PostgreSQL's jsonb holds no NUL (PostgreSQL documentation, 8.14); `\\u0000` after an escaped backslash is text.
  if (JSON.stringify(metadata).replaceAll('\\\\', '').includes('\\u0000')) {
    problems.push({ pointer: '/metadata', code: 'nul_character', message: 'holds a NUL character' });
  }
  return problems;
}

function mappingProblems(operation: Operation, mapping: Record<string, string>): FieldProblem[] {
  const fields = leafFields(operation.input).map((field) => field.name);
  const problems: FieldProblem[] = [];
  const columnOf = new Map<string, string>();
  for (const [column, field] of Object.entries(mapping)) {
    const at = `/mapping/${pointer(column)}`;
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

/** Escapes a reference token of a JSON pointer (RFC 6901, section 3). */
function pointer(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}

async function checkUpload(engine: SubmitBatch, upload: Upload): Promise<ObjectHead> {
  const now = Date.now() / 1000;
  if (upload.usedBy !== null) {
    throw new RequestError('upload_used', `batch ${upload.usedBy} has used this upload up; make a new one`);
  }
  if (upload.expiresAt < now)
    throw new RequestError('upload_expired', 'the upload has expired; make a new one');
  const head = await engine.objects.head(upload.objectKey);
  if (head === null) {
    if (upload.urlExpiresAt < now) {
      throw new RequestError('upload_expired', 'nothing was uploaded before the URL expired; make a new one');
    }
    throw new RequestError('upload_missing', 'put the file to the URL first, then create the batch');
  }
  if (head.bytes > engine.settings.fileBytes) {
    const message = `the file has ${head.bytes} bytes; at most ${engine.settings.fileBytes} are taken`;
    throw new RequestError('file_too_large', message);
  }
  return head;
}
