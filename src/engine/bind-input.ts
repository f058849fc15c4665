import { limitsOf } from '../core/account-limits.ts';
import type { FileFault } from '../core/errors.ts';
import { leafFields } from '../core/field.ts';
import type { Operation, OperationRegistry } from '../core/operation.ts';
import { bindColumns, bindKeys, type ColumnBinding } from '../core/record.ts';
import type { ReadingOptions } from '../formats/conversion.ts';
import type { FileLayout, InputDescription } from '../formats/description.ts';
import type { RecordIndex } from '../formats/record-indexer.ts';
import type { BatchClaim } from './ports/claims.ts';
import type { EngineSettings } from './settings.ts';

/** The operation of a batch that was claimed, in the version that it was made with: only a worker does that has it. */
export function operationOf(
  operations: OperationRegistry,
  claim: { operation: string; operationVersion: number },
): Operation {
  const operation = operations.get(claim.operation, claim.operationVersion);
  if (operation === undefined) {
    throw new Error(
      `claimed work of the unknown operation ${claim.operation}, version ${claim.operationVersion}`,
    );
  }
  return operation;
}

/** How the file of a batch is to be read: what the client says of it, what its header may name, and the limits. */
export function readingOptions(
  operation: Operation,
  claim: Pick<BatchClaim, 'format' | 'mapping' | 'customId' | 'accountLimits'>,
  { chunk, recordBytes, cellBytes, accountLimits }: EngineSettings,
): ReadingOptions {
  const fields = leafFields(operation.input).map(({ name }) => name);
  const ids = claim.customId === null ? [] : [claim.customId];
  return {
    limits: {
      records: Math.min(chunk.records, operation.limits.chunkRecords ?? chunk.records),
      bytes: chunk.bytes,
      recordBytes,
      cellBytes,
      fileRecords: limitsOf(accountLimits, claim.accountLimits).records,
    },
    format: claim.format,
    known: new Set([...fields, ...Object.keys(claim.mapping), ...ids]),
  };
}

/**
 * As what a file was read, which column of it fills which field, and what is wrong with it as a whole. The first is told
 * of a file that is at fault too, as far as it is known: its records are in the result files.
 */
export function bindInput(
  operation: Operation,
  claim: Pick<BatchClaim, 'mapping' | 'customId' | 'format'>,
  index: RecordIndex & { layout: FileLayout | null },
): { read: InputDescription | null; fault: FileFault | null } {
  const { layout, columns } = index;
  const fault = index.fault === undefined || carriedByRecord(index.fault) ? null : index.fault;
  // A batch without columns and without a reason would run through and process nothing.
  if (layout === null && fault === null) throw new Error('the file has neither a layout nor a fault');
  if (layout === null) return { read: null, fault };
  const { mapping, customId, format } = claim;
  const { values } = format;
  if (layout.format === 'ndjson' || layout.format === 'json') {
    return { read: { ...layout, values, ...bindKeys(columns ?? [], mapping, operation) }, fault };
  }
  const read = (columns: ColumnBinding['columns']) => ({ ...layout, values, columns });
  if (columns === null && fault === null) throw new Error('the table has neither columns nor a fault');
  if (columns === null || isOfHeader(fault)) return { read: read([]), fault };
  const binding = bindColumns(columns, mapping, operation, customId, layout);
  if (!('code' in binding)) return { read: read(binding.columns), fault };
  return { read: read(columns.map((name) => ({ name, field: null }))), fault: fault ?? binding };
}

/** Then its names are none: two are the same, or one is blank. */
function isOfHeader(fault: FileFault | null): boolean {
  return fault?.record === 0;
}

/** A quote that is never closed is the last record's trouble, and the others are checked; the header row has no others. */
function carriedByRecord(fault: FileFault): boolean {
  return fault.code === 'file_unclosed_quote' && fault.record !== 0;
}
