import type { FileFault } from '../../core/errors.ts';
import type { Operation } from '../../core/operation.ts';
import { bindColumns, bindKeys } from '../../core/record.ts';
import type { InputDescription } from '../../formats/description.ts';
import type { BatchClaim } from '../ports/claims.ts';

/** The input of a retry is read as that of the batch that it retries; which column fills which field may have changed. */
export function bindAgain(
  operation: Operation,
  { mapping, customId }: Pick<BatchClaim, 'mapping' | 'customId'>,
  read: InputDescription,
  fault: FileFault | undefined,
): { read: InputDescription; fault: FileFault | null } {
  const names = read.columns.map(({ name }) => name);
  if (read.format === 'ndjson' || read.format === 'json') {
    return { read: { ...read, ...bindKeys(names, mapping, operation) }, fault: fault ?? null };
  }
  const bound = bindColumns(names, mapping, operation, customId, read);
  if ('code' in bound) return { read, fault: fault ?? bound };
  return { read: { ...read, ...bound }, fault: fault ?? null };
}
