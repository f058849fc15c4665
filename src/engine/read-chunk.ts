import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { RecordFault } from '../core/chunk.ts';
import { FILE_ERRORS, PermanentFault } from '../core/errors.ts';
import type { Operation } from '../core/operation.ts';
import { RecordReader } from '../core/record.ts';
import type { CoercionCounts } from '../core/tally.ts';
import { customIdReader } from '../formats/custom-id.ts';
import { parseChunk } from '../formats/parse-chunk.ts';
import type { CheckedRecord } from './checked-record.ts';
import { checkCustomIds } from './custom-ids.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { ObjectGone } from './ports/object-store.ts';
import type { ChunkClaim } from './ports/work-store.ts';
import { applyCorrections } from './retry/apply-corrections.ts';
import type { EngineSettings } from './settings.ts';

export type { CheckedRecord };

/** The records of a chunk, and by which rules their cells were coerced. */
export interface CheckedChunk {
  records: CheckedRecord[];
  coerced: CoercionCounts;
}

export interface ReadChunk {
  objects: ObjectStore;
  settings: EngineSettings;
}

/**
 * Reads one chunk's range, proves that it is what was hashed, and checks every record. Validation and processing
 * both read through here, so a record cannot pass the one and break in the other.
 * @throws {PermanentFault} input_changed, input_gone
 */
export async function readChunk(
  engine: ReadChunk,
  claim: ChunkClaim,
  operation: Operation,
  signal: AbortSignal,
): Promise<CheckedChunk> {
  const { range } = claim;
  if (range.fault !== undefined) return { records: [faulty(range.firstRecord, range.fault)], coerced: {} };

  const bytes = await readRange(engine.objects, claim, signal);
  const customIdOf = claim.customId === null ? null : customIdReader(claim.read, claim.customId);
  const reader = new RecordReader(operation, claim.read);
  const rows = parseChunk(bytes, claim.read, {
    firstRecord: range.firstRecord,
    start: range.start,
    limits: { cellBytes: engine.settings.cellBytes },
  });
  if (rows.length !== range.records) {
    throw new Error(
      `chunk ${range.number} was cut with ${range.records} records and parsed with ${rows.length}`,
    );
  }
  const records = rows.map((row, index): CheckedRecord => {
    const number = range.firstRecord + index;
    if (row.fault !== undefined) return faulty(number, row.fault);
    const customId = customIdOf?.(row);
    const known = customId === undefined ? { number } : { number, customId };
    const { input, errors } =
      row.cells === undefined ? reader.read(row) : reader.read(row.cells, row.problems);
    return errors.length === 0 ? { ...known, input } : { ...known, errors };
  });
  return { records: checkCustomIds(claim, applyCorrections(claim, records)), coerced: reader.coerced };
}

function faulty(number: number, fault: RecordFault): CheckedRecord {
  const unreadable = {
    number,
    errors: [{ code: fault.code, message: fault.message }],
    unreadable: true as const,
  };
  return fault.code in FILE_ERRORS ? { ...unreadable, fileFault: fault } : unreadable;
}

/**
 * The bytes of a chunk, which are what was hashed.
 * @throws {PermanentFault} input_changed, input_gone
 */
export async function readRange(
  objects: Pick<ObjectStore, 'read'>,
  { inputKey, range }: Pick<ChunkClaim, 'inputKey' | 'range'>,
  signal: AbortSignal,
): Promise<Buffer> {
  const { start, end, sha256, number } = range;
  try {
    const bytes = await buffer(await objects.read(inputKey, { range: { start, end }, signal }));
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
      throw new PermanentFault(
        'input_changed',
        `bytes ${start}–${end} (chunk ${number}) are not what was hashed`,
      );
    }
    return bytes;
  } catch (error) {
    if (error instanceof ObjectGone) {
      throw new PermanentFault('input_gone', 'the private copy of the input is gone', { cause: error });
    }
    throw error;
  }
}
