/**
 * Which record of its lineage each record of a retry is. The record keeps the number that it has in the first file that
 * it came in, and the generation of its idempotency key, however often it is tried again.
 */
export interface Source {
  /** The first batch that had the record. */
  batch: string;
  /** Its number there. */
  record: number;
  /** Rises only after a definite answer: what was sent without one is sent again under the same key. */
  generation: number;
}

/**
 * The sources of a chunk's records, in order, as they are stored: records that follow each other are one run of four
 * numbers (the first record, how many, the generation, the place of the batch in `origins`).
 */
export interface Sources {
  origins: string[];
  runs: number[];
  /** Of a correction: the places in the chunk, from 0, of records whose original has succeeded already. */
  skipped?: number[];
  /** Of a correction: the places of records whose `_record` names none, or one that an earlier row has. */
  refused?: RefusedPlace[];
}

export interface RefusedPlace {
  place: number;
  code: 'record_unknown' | 'record_repeated';
}

const NUMBERS_OF_A_RUN = 4;

export function packSources(sources: readonly Source[]): Sources {
  const origins: string[] = [];
  const runs: number[] = [];
  let last: Source | undefined;
  for (const source of sources) {
    if (last !== undefined && follows(source, last)) {
      runs[runs.length - 3]! += 1;
    } else {
      if (!origins.includes(source.batch)) origins.push(source.batch);
      runs.push(source.record, 1, source.generation, origins.indexOf(source.batch));
    }
    last = source;
  }
  return { origins, runs };
}

function follows(source: Source, last: Source): boolean {
  const { batch, record, generation } = last;
  return source.batch === batch && source.generation === generation && source.record === record + 1;
}

export function unpackSources({ origins, runs }: Sources): Source[] {
  const sources: Source[] = [];
  for (let at = 0; at < runs.length; at += NUMBERS_OF_A_RUN) {
    const [first, records, generation, origin] = runs.slice(at, at + NUMBERS_OF_A_RUN) as [
      number,
      number,
      number,
      number,
    ];
    const batch = origins[origin];
    if (batch === undefined) throw new Error(`the sources name no batch at place ${origin}`);
    for (let more = 0; more < records; more += 1) sources.push({ batch, record: first + more, generation });
  }
  return sources;
}
