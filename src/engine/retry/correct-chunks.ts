import type { ChunkRange } from '../../core/chunk.ts';
import { textAt } from '../../core/json-record.ts';
import { RECORD_COLUMN } from '../../core/our-columns.ts';
import { packSources, type RefusedPlace, type Source, type Sources } from '../../core/sources.ts';
import type { InputDescription } from '../../formats/description.ts';
import { parseChunk, type Row } from '../../formats/parse-chunk.ts';
import type { HeldLease } from '../lease-keeper.ts';
import type { CutInput } from '../ports/batch-input.ts';
import type { BatchClaim } from '../ports/claims.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { readRange } from '../read-chunk.ts';
import type { EngineSettings } from '../settings.ts';
import { type Corrected, readCorrected } from './corrected-records.ts';

export interface CorrectChunks {
  objects: Pick<ObjectStore, 'read'>;
  work: Pick<WorkStore, 'retrySources' | 'chunkLines'>;
  settings: Pick<EngineSettings, 'cellBytes'>;
}

/**
 * Finds out of each record of a file that was sent back which one it corrects, by its `_record`: what has succeeded
 * already is skipped, and what has no number is a record of its own. Any other input stays as it is.
 */
export async function correctChunks<Cut extends CutInput>(
  engine: CorrectChunks,
  claim: BatchClaim,
  lease: HeldLease,
  input: Cut,
): Promise<Cut> {
  const { read, fault } = input;
  if (claim.retry?.records !== 'corrected' || read === null || fault !== null) return input;
  const { objects, work, settings } = engine;
  const reading = { objects, work, cellBytes: settings.cellBytes, signal: lease.signal };
  const corrected = await readCorrected(reading, await work.retrySources(claim), lease);
  const seen = new Seen(corrected.total);
  const chunks: ChunkRange[] = [];
  for (const range of input.chunks) {
    lease.signal.throwIfAborted();
    const rows = await readRows(engine, { inputKey: input.inputKey, range, read }, lease.signal);
    chunks.push({ ...range, sources: sourcesOf(claim.batchId, range, rows, { read, corrected, seen }) });
    lease.alive();
  }
  return { ...input, chunks };
}

async function readRows(
  { objects, settings }: CorrectChunks,
  { inputKey, range, read }: { inputKey: string; range: ChunkRange; read: InputDescription },
  signal: AbortSignal,
): Promise<readonly Row[]> {
  const { firstRecord, start, fault } = range;
  if (fault !== undefined) return [{ fault, offset: 0 }];
  const bytes = await readRange(objects, { inputKey, range }, signal);
  return parseChunk(bytes, read, { firstRecord, start, limits: { cellBytes: settings.cellBytes } });
}

function sourcesOf(
  batch: string,
  { firstRecord }: ChunkRange,
  rows: readonly Row[],
  { read, corrected, seen }: { read: InputDescription; corrected: Corrected; seen: Seen },
): Sources {
  const column = read.columns.findIndex(({ name }) => name === RECORD_COLUMN);
  const skipped: number[] = [];
  const refused: RefusedPlace[] = [];
  const sources = rows.map((row, place): Source => {
    const own = { batch, record: firstRecord + place, generation: 0 };
    const text = (row.cells?.[column] ?? (row.value && textAt(row, RECORD_COLUMN)) ?? '').trim();
    if (text === '') return own;
    const number = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : 0;
    const original = corrected.find(number);
    if (original === null) {
      refused.push({ place, code: 'record_unknown' });
      return own;
    }
    if (original.succeeded) skipped.push(place);
    else if (seen.before(number)) {
      refused.push({ place, code: 'record_repeated' });
      return own;
    }
    return original.source;
  });
  return {
    ...packSources(sources),
    ...(skipped.length > 0 && { skipped }),
    ...(refused.length > 0 && { refused }),
  };
}

/** Which records of the corrected batch a row was found for. */
class Seen {
  readonly #seen: Uint8Array;

  constructor(total: number) {
    this.#seen = new Uint8Array(total + 1);
  }

  /** Whether there was a row of this record already; there is one now. */
  before(record: number): boolean {
    const had = this.#seen[record] === 1;
    this.#seen[record] = 1;
    return had;
  }
}
