import type { Log } from '../core/log.ts';
import type { OperationContext, OperationRecord, OperationRegistry } from '../core/operation.ts';
import { MOST_CRASHES_ALONE } from '../core/probes.ts';
import { RecordReader } from '../core/record.ts';
import {
  failedLine,
  type RecordError,
  type RecordFailure,
  type ResultLine,
  shortened,
  skippedLine,
  succeededLine,
} from '../core/result.ts';
import { summarise } from '../core/tally.ts';
import { operationOf } from './bind-input.ts';
import type { CheckedRecord } from './checked-record.ts';
import type { Gate } from './gate.ts';
import { keysOf } from './idempotency-key.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { PrincipalStore } from './ports/access-stores.ts';
import type { JournalEntry, ProcessingOutcome } from './ports/chunk-outcome.ts';
import type { ChunkClaim } from './ports/claims.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { putPart } from './put-part.ts';
import type { EngineSettings } from './settings.ts';

export interface RunChunk {
  operations: OperationRegistry;
  objects: ObjectStore;
  /** What may be done on whose behalf, at the moment that it is asked. */
  principals: Pick<PrincipalStore, 'rightsOf'>;
  gate: Gate;
  settings: EngineSettings;
  log: Log;
}

/** A chunk that has to wait before it can go on. */
export interface Pause {
  delaySeconds: number;
}

export function goodOf(checked: readonly CheckedRecord[]): OperationRecord<unknown>[] {
  return checked.flatMap((record): OperationRecord<unknown>[] =>
    record.errors === undefined && !record.skipped ? [record] : [],
  );
}

/**
 * Stores the part of a chunk of which every record has its result.
 * @param journal of every good record, each of them final
 */
export async function settled(
  engine: RunChunk,
  claim: ChunkClaim,
  lease: HeldLease,
  checked: readonly CheckedRecord[],
  journal: ReadonlyMap<number, JournalEntry>,
): Promise<ProcessingOutcome> {
  const operation = operationOf(engine.operations, claim);
  const lines = linesOf(checked, journal, new RecordReader(operation, claim.read));
  const part = await putPart(engine.objects, claim, lines, {
    signal: lease.signal,
    leaseSeconds: engine.settings.leaseSeconds,
  });
  const succeeded = lines.filter((line) => line.status === 'succeeded').length;
  const failed = lines.filter((line) => line.status === 'failed').length;
  return { part, succeeded, failed, failures: summarise(lines) };
}

export function contextOf(
  engine: Pick<RunChunk, 'log'>,
  claim: ChunkClaim,
  signal: AbortSignal,
): OperationContext<unknown> {
  return {
    accountId: claim.accountId,
    user: claim.userName,
    batchId: claim.batchId,
    settings: claim.settings,
    idempotencyKey: keysOf(claim),
    signal,
    log: engine.log,
  };
}

function linesOf(
  checked: readonly CheckedRecord[],
  journal: ReadonlyMap<number, JournalEntry>,
  reader: RecordReader,
): ResultLine[] {
  return checked.map((record): ResultLine => {
    const { number, customId } = record;
    if (record.skipped) return skippedLine(number, customId);
    const { state, result, attempts } = journal.get(number) ?? {};
    // What was given up may have its result: of a commit that its process made with its last breath, or told late.
    if (record.errors !== undefined && !(record.crashed && state === 'final')) {
      return failedLine(number, record.errors, triesOfBad(record), customId);
    }
    if (result == null || attempts === undefined) throw new Error(`record ${number} has no result`);
    if (result.status === 'succeeded') return succeededLine(number, result.output, attempts, customId);
    const input = record.errors === undefined ? record.input : undefined;
    return failedLine(number, [told(result.error, input, reader)], attempts, customId);
  });
}

/** What is bad is not tried, but for what was found to be bad by trying. */
export function triesOfBad({ crashed }: { crashed?: true }): number {
  return crashed ? MOST_CRASHES_ALONE : 0;
}

/** What a handler says of a record, with the column that the field has in the file, and the value that it has there. */
function told(error: RecordFailure, input: unknown, reader: RecordReader): RecordError {
  const { field } = error;
  if (field === undefined) return error;
  const column = reader.columnOf(field);
  const value = valueAt(input, field);
  return {
    ...error,
    ...(column !== undefined && { column }),
    ...(value !== undefined && { value: shortened(value) }),
  };
}

function valueAt(input: unknown, field: string): unknown {
  let at: unknown = input;
  for (const name of field.split('.')) at = (at as Record<string, unknown> | undefined)?.[name];
  return typeof at === 'object' ? undefined : at;
}
