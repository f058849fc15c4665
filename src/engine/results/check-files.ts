import type { Counts } from '../../core/batch.ts';
import type { ResultFile } from '../ports/batch-results.ts';

/**
 * The accounting, before anybody is told: every record in exactly one count, each file with as many records as are
 * counted of its kind, and as many in all as there were in the input.
 * @throws {Error} when they do not add up
 */
export function checkFiles(
  files: readonly ResultFile[],
  counts: Counts,
  { total, nothingProcessed }: { total: number; nothingProcessed: boolean },
): void {
  const expected: Record<ResultFile['kind'], number> = {
    all: total,
    succeeded: counts.succeeded,
    failed: counts.failed,
    errors: counts.failed,
    unprocessed: counts.unprocessed,
    manifest: total,
  };
  // The workbook of errors is the client's own table: whole, as long as none of its records was processed.
  const expectedIn = ({ kind, format }: ResultFile) =>
    kind === 'errors' && format === 'xlsx' && nothingProcessed ? total : expected[kind];
  const counted = counts.succeeded + counts.failed + counts.skipped + counts.unprocessed;
  if (counts.total !== total || counted !== total || files.some((it) => it.records !== expectedIn(it))) {
    throw new Error(`the result files do not add up: ${JSON.stringify({ total, counts, files })}`);
  }
}
