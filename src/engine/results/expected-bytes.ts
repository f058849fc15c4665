import { isConverted } from '../../formats/description.ts';
import type { FileContent } from '../../formats/results/file-content.ts';
import type { BatchClaim } from '../ports/claims.ts';

/** More than messages, codes, a status and a record's number take in any file of some size. */
const LINE_BYTES = 4096;
/** A control character takes one byte in a cell and six in JSON. */
const GROWTH = 6;

/**
 * The most that may come of a file, where anybody can say it: not how much a handler answers, nor how long what was
 * converted became. What is left out is stored in parts that grow with it. A workbook is smaller than the same as text: it
 * is compressed.
 */
export function expectedBytes(
  { kind, format, cells }: FileContent,
  claim: Pick<BatchClaim, 'read' | 'upload' | 'total'>,
): { expectedBytes?: number } {
  if (format === 'ndjson' && (kind === 'all' || kind === 'succeeded')) return {};
  if (claim.read === null || isConverted(claim.read)) return {};
  const names = claim.read.columns.reduce((sum, { name }) => sum + GROWTH * (name.length + 1), 0);
  const repeatsNames = format === 'ndjson' && (kind === 'failed' || kind === 'unprocessed');
  // A record has all columns of the file there, whatever was sent of it.
  const line = LINE_BYTES + cells + (repeatsNames ? names : 0);
  return { expectedBytes: GROWTH * claim.upload.bytes + names + line * (1 + (claim.total ?? 0)) };
}
