import { type Source, unpackSources } from '../../core/sources.ts';
import { csvDescription } from '../../formats/description.ts';
import type { ChunkResults } from '../../formats/results/chunk-results.ts';
import type { ResultChunk } from '../../formats/results/result-chunk.ts';
import type { SourceBatch } from '../ports/batch-input.ts';
import type { ChunkLines } from '../ports/batch-results.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { readResultChunk } from '../results/chunk-reader.ts';
import { InputReader } from '../results/input-reader.ts';
import { readAhead } from '../results/read-ahead.ts';

export interface ReadSources {
  objects: Pick<ObjectStore, 'read'>;
  work: Pick<WorkStore, 'chunkLines'>;
  cellBytes: number;
  signal: AbortSignal;
}

/** A chunk of an ended batch: what became of its records, and which of the lineage they are. */
export interface SourceChunk {
  lines: ChunkLines;
  chunk: ResultChunk;
  sources: readonly Source[];
}

const CHUNKS_AT_ONCE = 4;
const NO_COLUMNS = csvDescription({ bom: false, columns: [] });

/**
 * Reads a batch that has ended chunk by chunk, as its result files were made of it.
 * @param wanted whether what the client sent of a chunk with these results is needed too
 * @throws {PermanentFault} input_gone, input_changed
 */
export function readSources(
  { objects, work, cellBytes, signal }: ReadSources,
  batch: SourceBatch,
  wanted: (results: ChunkResults) => boolean = () => false,
): AsyncGenerator<SourceChunk> {
  const reader = {
    batchId: batch.batchId,
    objects,
    // Whoever reads is being copied, and fails with what is not there any more.
    input: new InputReader(objects, { inputKey: batch.inputKey, status: 'copying' }, signal),
    description: batch.read ?? NO_COLUMNS,
    customId: null,
    cellBytes,
    signal,
    repeatsInput: wanted,
    failedWithoutPart: () => {},
  };
  return readAhead(work.chunkLines(batch.batchId), CHUNKS_AT_ONCE, async (lines) => {
    const chunk = await readResultChunk(reader, lines);
    return { lines, chunk, sources: sourcesOf(batch, lines) };
  });
}

/** Of the first batch of a lineage the records are their own source. */
function sourcesOf({ batchId }: SourceBatch, { range }: ChunkLines): Source[] {
  if (range.sources !== undefined) return unpackSources(range.sources);
  const { firstRecord, records } = range;
  return Array.from({ length: records }, (_, at) => {
    return { batch: batchId, record: firstRecord + at, generation: 0 };
  });
}
