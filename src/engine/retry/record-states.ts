import type { Source } from '../../core/sources.ts';
import type { ChunkResults } from '../../formats/results/chunk-results.ts';

const SUCCEEDED = 0x80;
/**
 * What a byte has room for. A record that later batches were refused more often is sent under the last of these keys again,
 * which brings the answer that it has brought before.
 */
const MOST_GENERATIONS = 0x7f;
const LEAST_ROOM = 1024;

/** What the later batches of a lineage have made of its records: a byte for each, by the batch that first had it. */
export class RecordStates {
  readonly #states = new Map<string, Uint8Array>();

  /** Notes what became of a chunk's records. */
  note(results: ChunkResults, sources: readonly Source[]): void {
    for (const [index, source] of sources.entries()) {
      const done = results.status(index) === 'succeeded' || results.status(index) === 'skipped';
      const succeeded = done ? SUCCEEDED : 0;
      const generation = Math.min(generationAfter(results, index, source), MOST_GENERATIONS);
      const states = this.#roomFor(source);
      const before = states[source.record] ?? 0;
      states[source.record] =
        ((before & SUCCEEDED) | succeeded) + Math.max(before & MOST_GENERATIONS, generation);
    }
  }

  hasSucceeded({ batch, record }: Source): boolean {
    return ((this.#states.get(batch)?.[record] ?? 0) & SUCCEEDED) !== 0;
  }

  /** The same record under the key that it is to be tried with next. */
  next(source: Source): Source {
    const known = (this.#states.get(source.batch)?.[source.record] ?? 0) & MOST_GENERATIONS;
    return known > source.generation ? { ...source, generation: known } : source;
  }

  #roomFor({ batch, record }: Source): Uint8Array {
    const had = this.#states.get(batch);
    if (had !== undefined && record < had.length) return had;
    const states = new Uint8Array(Math.max(LEAST_ROOM, 2 * (record + 1)));
    if (had !== undefined) states.set(had);
    this.#states.set(batch, states);
    return states;
  }
}

/** Failures that are no answer: what was sent may have taken effect. */
const NO_ANSWER: readonly string[] = ['outcome_unknown', 'output_invalid', 'worker_crashed'];

/** The generation of a record’s key after what became of it: only a definite answer lets it rise. */
export function generationAfter(results: ChunkResults, index: number, { generation }: Source): number {
  if (results.status(index) !== 'failed') return generation;
  const line = JSON.parse(results.failedLine(index)) as { error: { code: string }; attempts: number };
  const answered = line.attempts > 0 && !NO_ANSWER.includes(line.error.code);
  return answered ? generation + 1 : generation;
}
