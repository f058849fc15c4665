import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { RecordFault } from '../core/chunk.ts';
import { FILE_ERRORS, PermanentFault } from '../core/errors.ts';
import type { Operation } from '../core/operation.ts';
import { RecordReader } from '../core/record.ts';
import type { RecordError } from '../core/result.ts';
import { parseCsvChunk } from '../formats/csv/parse.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { ObjectGone } from './ports/object-store.ts';
import type { ChunkClaim } from './ports/work-store.ts';
import type { EngineSettings } from './settings.ts';

/** A record that was read and checked: its input, or every rule that it breaks. */
export type CheckedRecord =
  | { number: number; input: unknown; errors?: undefined }
  | { number: number; errors: RecordError[]; fileFault?: RecordFault };

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
): Promise<CheckedRecord[]> {
  const { range } = claim;
  if (range.fault !== undefined) return [faulty(range.firstRecord, range.fault)];

  const bytes = await readRange(engine.objects, claim, signal);
  const reader = new RecordReader(operation, claim.read);
  const rows = parseCsvChunk(bytes, {
    dialect: { delimiter: claim.read.delimiter.charCodeAt(0), quote: claim.read.quote.charCodeAt(0) },
    columns: claim.read.columns.length,
    firstRecord: range.firstRecord,
    start: range.start,
    limits: { cellBytes: engine.settings.cellBytes },
  });
  if (rows.length !== range.records) {
    throw new Error(
      `chunk ${range.number} was cut with ${range.records} records and parsed with ${rows.length}`,
    );
  }
  return rows.map((row, index): CheckedRecord => {
    const number = range.firstRecord + index;
    if (row.fault !== undefined) return faulty(number, row.fault);
    const { input, errors } = reader.read(row.cells);
    return errors.length === 0 ? { number, input } : { number, errors };
  });
}

function faulty(number: number, fault: RecordFault): CheckedRecord {
  const errors = [{ code: fault.code, message: fault.message }];
  return fault.code in FILE_ERRORS ? { number, errors, fileFault: fault } : { number, errors };
}

async function readRange(objects: ObjectStore, claim: ChunkClaim, signal: AbortSignal): Promise<Buffer> {
  const { start, end, sha256, number } = claim.range;
  try {
    const bytes = await buffer(await objects.read(claim.inputKey, { range: { start, end }, signal }));
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
