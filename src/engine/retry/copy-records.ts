import { createHash } from 'node:crypto';
import type { ChunkRange } from '../../core/chunk.ts';
import { type FileFault, PermanentFault } from '../../core/errors.ts';
import { type RetryRecords, readsUpload } from '../../core/lineage.ts';
import { packSources, type RefusedPlace, type Source } from '../../core/sources.ts';
import { ChunkCutter } from '../../formats/chunk-cutter.ts';
import { LF } from '../../formats/line-ends.ts';
import type { ChunkResults, RecordStatus } from '../../formats/results/chunk-results.ts';
import { operationOf, readingOptions } from '../bind-input.ts';
import type { CopyUpload } from '../copy-upload.ts';
import { inputKey } from '../keys.ts';
import type { HeldLease } from '../lease-keeper.ts';
import type { SourceBatch } from '../ports/batch-input.ts';
import type { BatchClaim } from '../ports/claims.ts';
import { StreamedObject } from '../streamed-object.ts';
import { bindAgain } from './bind-again.ts';
import { generationAfter, RecordStates } from './record-states.ts';
import { type ReadSources, readSources, type SourceChunk } from './source-reader.ts';

const STATUSES: Record<RetryRecords, readonly RecordStatus[]> = {
  failed: ['failed'],
  unprocessed: ['unprocessed'],
  both: ['failed', 'unprocessed'],
};

const NO_BYTES = Buffer.alloc(0);

/**
 * Makes the input of a retry: of the records of an ended batch those that failed, or were not processed, byte for byte as
 * its own input has them, so that they are read as they were; but for those that have succeeded in a later batch of the
 * lineage. Running twice is harmless, as with an upload.
 */
export async function copyRecords(engine: CopyUpload, claim: BatchClaim, lease: HeldLease): Promise<void> {
  const wanted = claim.retry?.records ?? null;
  if (readsUpload(wanted)) {
    throw new Error(`batch ${claim.batchId} takes no records of another one`);
  }
  const operation = operationOf(engine.operations, claim);
  const { objects, work, settings } = engine;
  const reading = { objects, work, cellBytes: settings.cellBytes, signal: lease.signal };
  const { parent, later } = await work.retrySources(claim);
  if (parent.read === null) throw new PermanentFault('input_gone', 'the batch that is retried was not read');
  const states = await readLater(reading, later, lease);

  const { limits } = readingOptions(operation, claim, settings);
  const key = inputKey(claim.batchId, claim.lease);
  const target = new StreamedObject(objects, key, { signal: lease.signal });
  const input = new RetryInput(new ChunkCutter(limits), parent.read.columns.length);
  try {
    const statuses = STATUSES[wanted];
    const hasWanted = (results: ChunkResults) => statuses.some((status) => results.count(status) > 0);
    for await (const chunk of readSources(reading, parent, hasWanted)) {
      await target.write(input.take(chunk, placesOf(chunk, statuses, states), states));
      lease.progress(input.bytes);
      // Long stretches may have none of the records.
      lease.alive();
    }
    await target.finish();
  } catch (error) {
    await target.abandon(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
  await work.finishCopy(claim, {
    ...input.finish(),
    inputKey: key,
    conversion: null,
    ...bindAgain(operation, claim, parent.read, input.fault),
  });
}

async function readLater(
  reading: ReadSources,
  later: readonly SourceBatch[],
  lease: HeldLease,
): Promise<RecordStates> {
  const states = new RecordStates();
  for (const batch of later) {
    for await (const { chunk, sources } of readSources(reading, batch)) {
      states.note(chunk.results, sources);
      lease.alive();
    }
  }
  return states;
}

function placesOf(
  { chunk, sources }: SourceChunk,
  statuses: readonly RecordStatus[],
  states: RecordStates,
): number[] {
  const places = statuses.flatMap((status) => chunk.results.places(status)).sort((a, b) => a - b);
  return places.filter((place) => !states.hasSucceeded(sources[place]!));
}

interface Taken {
  source: Source;
  refused: RefusedPlace['code'] | undefined;
}

/** The input of a retry while it is written: cut and hashed on the way. */
class RetryInput {
  readonly #cutter: ChunkCutter;
  readonly #hash = createHash('sha256');
  readonly #chunks: ChunkRange[] = [];
  /** Of the records that are not in a closed chunk yet. */
  #open: Taken[] = [];
  #bytes = 0;

  constructor(cutter: ChunkCutter, columns: number) {
    this.#cutter = cutter;
    cutter.limitCells(columns);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What is wrong with it as a whole, once all is taken. */
  get fault(): FileFault | undefined {
    const message = 'all of these records have succeeded since';
    return this.#cutter.records === 0 ? { code: 'file_no_records', message } : this.#cutter.fault;
  }

  /** Takes records of a chunk. @returns their bytes, which follow what was taken before */
  take({ lines, chunk, sources }: SourceChunk, places: readonly number[], states: RecordStates): Buffer {
    const refused = new Map(lines.range.sources?.refused?.map(({ place, code }) => [place, code]));
    for (const place of places) {
      const source = sources[place]!;
      const generation = generationAfter(chunk.results, place, source);
      this.#open.push({ source: states.next({ ...source, generation }), refused: refused.get(place) });
    }
    const { fault } = lines.range;
    const slices =
      fault === undefined ? places.map((place) => withLineEnd(chunk.client.slice(place))) : [NO_BYTES];
    const piece = Buffer.concat(slices);
    this.#cutter.open(piece, this.#bytes);
    if (fault !== undefined && places.length > 0) {
      // Nobody has ever read it: it is as unreadable as it was, and its bytes are not copied.
      this.#cutter.unreadable(this.#bytes, this.#bytes, fault);
    } else if (fault === undefined) {
      let at = this.#bytes;
      for (const slice of slices) {
        this.#cutter.record(at, at + slice.length);
        at += slice.length;
      }
    }
    this.#bytes += piece.length;
    this.#cutter.endPiece(this.#bytes);
    this.#hash.update(piece);
    this.#name();
    return piece;
  }

  /** Tells chunks that are closed whose records theirs are. */
  #name(): void {
    for (const chunk of this.#cutter.chunks.slice(this.#chunks.length)) {
      const taken = this.#open.slice(0, chunk.records);
      this.#open = this.#open.slice(chunk.records);
      // A row that was refused for its number stays so: its record may have been done for another row.
      const refused = taken.flatMap(({ refused: code }, place) =>
        code === undefined ? [] : [{ place, code }],
      );
      const sources = packSources(taken.map(({ source }) => source));
      this.#chunks.push({ ...chunk, sources: refused.length === 0 ? sources : { ...sources, refused } });
    }
  }

  finish(): { hash: string; bytes: number; chunks: readonly ChunkRange[]; total: number } {
    this.#cutter.finish();
    this.#name();
    const { records: total } = this.#cutter;
    return { hash: this.#hash.digest('hex'), bytes: this.#bytes, chunks: this.#chunks, total };
  }
}

/** The last record of a file may lack its own. */
function withLineEnd(slice: Buffer): Buffer {
  return slice.at(-1) === LF ? slice : Buffer.concat([slice, Buffer.from('\n')]);
}
