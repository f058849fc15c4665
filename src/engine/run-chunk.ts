import { v5 as uuidv5 } from 'uuid';
import { PermanentFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Operation, OperationContext, OperationRecord, OperationRegistry } from '../core/operation.ts';
import { RecordReader } from '../core/record.ts';
import { failedLine, type RecordResult, type ResultLine, succeededLine } from '../core/result.ts';
import type { TransactionSql } from '../core/sql.ts';
import { summarise } from '../core/tally.ts';
import { operationOf } from './bind-input.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { ObjectStore } from './ports/object-store.ts';
import type { ChunkClaim, ChunkSession } from './ports/work-store.ts';
import { putPart } from './put-part.ts';
import { type CheckedRecord, readChunk } from './read-chunk.ts';
import type { EngineSettings } from './settings.ts';

export interface RunChunk {
  operations: OperationRegistry;
  objects: ObjectStore;
  settings: EngineSettings;
  log: Log;
}

/**
 * Processes a chunk: reads it, and in one transaction runs the handler, stores the part and settles. Whatever
 * happens before the commit, the handler's writes and the results are there together or not at all.
 */
export async function runChunk(
  engine: RunChunk,
  session: ChunkSession,
  claim: ChunkClaim,
  lease: HeldLease,
): Promise<void> {
  const operation = operationOf(engine.operations, claim);
  const { records: checked } = await readChunk(engine, claim, operation, lease.signal);
  const good = checked.flatMap((record): OperationRecord<unknown>[] =>
    record.errors === undefined ? [record] : [],
  );
  await session.settleProcessing(claim, async (sql) => {
    const results = good.length === 0 ? [] : await operation.run(good, contextFor(engine, claim, lease, sql));
    checkAnswers(operation, good, results);
    const lines = linesOf(claim, checked, results, new RecordReader(operation, claim.read));
    const part = await putPart(engine.objects, claim, lines, {
      signal: lease.signal,
      leaseSeconds: engine.settings.leaseSeconds,
    });
    const succeeded = lines.filter((line) => line.status === 'succeeded').length;
    return { part, succeeded, failed: lines.length - succeeded, failures: summarise(lines) };
  });
}

function contextFor(
  engine: RunChunk,
  claim: ChunkClaim,
  lease: HeldLease,
  sql: TransactionSql,
): OperationContext<unknown> {
  return {
    accountId: claim.accountId,
    user: claim.userName,
    batchId: claim.batchId,
    settings: claim.settings,
    sql,
    idempotencyKey: (record) => uuidv5(String(record), claim.batchId),
    signal: lease.signal,
    log: engine.log,
  };
}

/** @throws {PermanentFault} handler_broken: going on would give some record somebody else's result. */
function checkAnswers(
  operation: Operation,
  records: readonly OperationRecord<unknown>[],
  results: readonly RecordResult<unknown>[],
): void {
  const broken = (what: string) => new PermanentFault('handler_broken', `${operation.name} ${what}`);
  if (!Array.isArray(results) || results.length !== records.length) {
    throw broken(`was given ${records.length} records and answered ${results?.length ?? 'no'} results`);
  }
  for (const result of results) {
    if (result.status === 'failed' && !Object.hasOwn(operation.failures, result.error.code)) {
      throw broken(`failed a record with the code ${result.error.code}, which it does not declare`);
    }
  }
}

function linesOf(
  claim: ChunkClaim,
  checked: readonly CheckedRecord[],
  results: readonly RecordResult<unknown>[],
  reader: RecordReader,
): ResultLine[] {
  let next = 0;
  return checked.map((record): ResultLine => {
    const { number, customId } = record;
    if (record.errors !== undefined) return failedLine(number, record.errors, 0, customId);
    const result = results[next++]!;
    if (result.status === 'succeeded') return succeededLine(number, result.output, claim.attempts, customId);
    const column = reader.columnOf(result.error.field);
    const error = column === undefined ? result.error : { ...result.error, column };
    return failedLine(number, [error], claim.attempts, customId);
  });
}
