import type { Caller } from '../core/access.ts';
import type { AccountLimits } from '../core/account-limits.ts';
import type { Execution, OnDuplicateFile, OnInvalid, ResultsFormat } from '../core/batch.ts';
import { type FieldProblem, invalidRequest } from '../core/errors.ts';
import { leafFields } from '../core/field.ts';
import { tokenOf } from '../core/json-pointer.ts';
import type { Operation, OperationRegistry } from '../core/operation.ts';
import { isOurColumn } from '../core/our-columns.ts';
import { type FormatRequest, fileFormatOf, formatProblems } from './file-format.ts';
import { metadataProblems } from './metadata.ts';
import type { BatchOptions } from './ports/request-stores.ts';
import type { EngineSettings } from './settings.ts';
import { type StopAfterRequest, stopAfterOf, stopAfterProblems } from './stop-after.ts';

/** A batch as a client asks for it. */
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

/** Operations that a message names before it points to the list. */
const MOST_NAMES = 20;

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
