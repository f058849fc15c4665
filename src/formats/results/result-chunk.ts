import type { ChunkResults } from './chunk-results.ts';
import type { ClientChunk } from './client-chunk.ts';

/** Several times the rows of a usual chunk, in UTF-16 units: those of a wide table are made anew for each file. */
const MOST_KEPT = 4 * 1024 * 1024;

/** A chunk as the result files are made of it. */
export class ResultChunk {
  readonly results: ChunkResults;
  readonly #client: ClientChunk | null;
  readonly #tableRows: string[] = [];
  #kept = 0;

  /** @param client `null` where no file repeats anything of it */
  constructor(results: ChunkResults, client: ClientChunk | null) {
    this.results = results;
    this.#client = client;
  }

  /** A row of the result table: several files hold the same one, so it is kept while there is room. */
  tableRow(index: number, make: () => string): string {
    const known = this.#tableRows[index];
    if (known !== undefined) return known;
    const row = make();
    if (this.#kept + row.length <= MOST_KEPT) {
      this.#tableRows[index] = row;
      this.#kept += row.length;
    }
    return row;
  }

  get client(): ClientChunk {
    if (this.#client === null) throw new Error('what the client sent of this chunk was not read');
    return this.#client;
  }

  get hasClient(): boolean {
    return this.#client !== null;
  }
}
