import { packSources, type Source, type Sources, unpackSources } from '../../core/sources.ts';
import type { HeldLease } from '../lease-keeper.ts';
import type { RetrySources } from '../ports/batch-input.ts';
import { RecordStates } from './record-states.ts';
import { type ReadSources, readSources } from './source-reader.ts';

/** The records of a batch that is corrected, and what its lineage has made of them since. */
export interface Corrected {
  total: number;
  /** By its number in that batch; `null`: it has no such record. */
  find(record: number): { source: Source; succeeded: boolean } | null;
}

interface KnownChunk {
  firstRecord: number;
  records: number;
  sources: Sources;
}

export async function readCorrected(
  reading: ReadSources,
  { parent, later }: RetrySources,
  lease: HeldLease,
): Promise<Corrected> {
  const states = new RecordStates();
  const chunks: KnownChunk[] = [];
  for (const batch of [parent, ...later]) {
    for await (const { lines, chunk, sources } of readSources(reading, batch)) {
      states.note(chunk.results, sources);
      lease.alive();
      const { firstRecord, records } = lines.range;
      if (batch === parent) chunks.push({ firstRecord, records, sources: packSources(sources) });
    }
  }
  const sourceOf = finder(chunks);
  return {
    total: parent.total ?? 0,
    find(record) {
      const source = sourceOf(record);
      if (source === null) return null;
      return { source: states.next(source), succeeded: states.hasSucceeded(source) };
    },
  };
}

/** Rows mostly come in the order of the file: the chunk of the one before is kept as it is unpacked. */
function finder(chunks: readonly KnownChunk[]): (record: number) => Source | null {
  let open: { chunk: KnownChunk; sources: Source[] } | null = null;
  return (record) => {
    if (open === null || !holds(open.chunk, record)) {
      const chunk = chunkOf(chunks, record);
      if (chunk === null) return null;
      open = { chunk, sources: unpackSources(chunk.sources) };
    }
    return open.sources[record - open.chunk.firstRecord] ?? null;
  };
}

function holds({ firstRecord, records }: KnownChunk, record: number): boolean {
  return record >= firstRecord && record < firstRecord + records;
}

function chunkOf(chunks: readonly KnownChunk[], record: number): KnownChunk | null {
  let from = 0;
  let to = chunks.length - 1;
  while (from <= to) {
    const middle = Math.floor((from + to) / 2);
    const chunk = chunks[middle]!;
    if (holds(chunk, record)) return chunk;
    if (record < chunk.firstRecord) to = middle - 1;
    else from = middle + 1;
  }
  return null;
}
