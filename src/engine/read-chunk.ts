import { PermanentFault } from '../core/errors.ts';
import type { Operation } from '../core/operation.ts';
import { parseChunk } from '../formats/parse-chunk.ts';
import { ChunkInput } from './chunk-input.ts';
import type { ChunkClaim } from './ports/claims.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { ObjectGone } from './ports/object-store.ts';
import { readProven } from './read-proven.ts';
import type { EngineSettings } from './settings.ts';

export interface ReadChunk {
  objects: ObjectStore;
  settings: EngineSettings;
}

/**
 * Reads one chunk's range and proves that it is what was hashed; its records are checked as they are asked for.
 * Validation and processing both read through here, so a record cannot pass the one and break in the other.
 * @throws {PermanentFault} input_changed, input_gone
 */
export async function readChunk(
  engine: ReadChunk,
  claim: ChunkClaim,
  operation: Operation,
  signal: AbortSignal,
): Promise<ChunkInput> {
  const { range } = claim;
  if (range.fault !== undefined) return new ChunkInput(claim, operation, [{ fault: range.fault, offset: 0 }]);

  const bytes = await readRange(engine.objects, claim, signal);
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
  return new ChunkInput(claim, operation, rows);
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
    const bytes = await readProven(objects, inputKey, sha256, { range: { start, end }, signal });
    if (bytes !== null) return bytes;
    throw new PermanentFault(
      'input_changed',
      `bytes ${start}–${end} (chunk ${number}) are not what was hashed`,
    );
  } catch (error) {
    if (error instanceof ObjectGone) {
      throw new PermanentFault('input_gone', 'the private copy of the input is gone', { cause: error });
    }
    throw error;
  }
}
