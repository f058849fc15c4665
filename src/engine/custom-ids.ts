import { createHash } from 'node:crypto';
import { REPEATED_ID } from '../core/repeated-id.ts';
import { type RecordError, shortened } from '../core/result.ts';
import type { CheckedRecord } from './checked-record.ts';
import type { CustomId } from './ports/chunk-outcome.ts';
import type { ChunkClaim } from './ports/claims.ts';

const DIGEST_BYTES = 16;

/**
 * Adds what is wrong with the records' custom ids, if the batch names a column for them: a blank one, and, once all
 * records are checked, one that an earlier record has.
 */
export function checkCustomIds(claim: ChunkClaim, records: readonly CheckedRecord[]): CheckedRecord[] {
  if (claim.customId === null) return [...records];
  const column = claim.customId;
  // An object or array of NDJSON is given, and still no id.
  const mustBe =
    claim.read.format === 'ndjson'
      ? 'must be a text that is not blank, a number or true/false: it is the custom_id'
      : 'must be given: it is the custom_id';
  const repeated = new Set(claim.repeatedIds);
  return records.map((record): CheckedRecord => {
    // A record that could not be read at all has no id to be missed.
    if (record.unreadable || record.skipped) return record;
    if (record.customId === undefined) {
      return broken(record, {
        code: 'custom_id_missing',
        message: mustBe,
        column,
      });
    }
    if (!repeated.has(record.number)) return record;
    return broken(record, { ...REPEATED_ID, column, value: shortened(record.customId) });
  });
}

function broken(record: CheckedRecord, error: RecordError): CheckedRecord {
  const { number, customId } = record;
  const errors = [...(record.errors ?? []), error];
  return customId === undefined ? { number, errors } : { number, customId, errors };
}

/** What is kept of the custom ids of checked records, to find those that repeat. */
export function customIdsOf(records: readonly CheckedRecord[]): CustomId[] {
  return records.flatMap(({ number, customId, errors, skipped }) => {
    if (customId === undefined || skipped) return [];
    const digest = createHash('sha256').update(customId).digest().subarray(0, DIGEST_BYTES);
    return [{ record: number, digest, valid: errors === undefined }];
  });
}
