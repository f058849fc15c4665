import { RECORD_ERRORS } from '../../core/errors.ts';
import { RECORD_COLUMN } from '../../core/our-columns.ts';
import type { CheckedRecord } from '../checked-record.ts';
import type { ChunkClaim } from '../ports/claims.ts';

/** What was found out about the records of a correction when it was copied: some are skipped, some are refused. */
export function applyCorrections(
  { range }: Pick<ChunkClaim, 'range'>,
  records: readonly CheckedRecord[],
): CheckedRecord[] {
  const { skipped = [], refused = [] } = range.sources ?? {};
  const checked = [...records];
  for (const place of skipped) {
    const { number, customId } = checked[place]!;
    checked[place] = { number, ...(customId !== undefined && { customId }), skipped: true };
  }
  for (const { place, code } of refused) {
    const { number, customId } = checked[place]!;
    const error = { code, message: RECORD_ERRORS[code], column: RECORD_COLUMN };
    checked[place] = { number, ...(customId !== undefined && { customId }), errors: [error] };
  }
  return checked;
}
