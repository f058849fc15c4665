import type { ChunkResults } from './chunk-results.ts';
import type { ClientChunk } from './client-chunk.ts';

/** A chunk as the result files are made of it. */
export class ResultChunk {
  readonly results: ChunkResults;
  readonly #client: ClientChunk | null;
  /** Rows of the result table, by place: several files hold the same ones. */
  readonly tableRows: string[] = [];

  /** @param client `null` where no file repeats anything of it */
  constructor(results: ChunkResults, client: ClientChunk | null) {
    this.results = results;
    this.#client = client;
  }

  get client(): ClientChunk {
    if (this.#client === null) throw new Error('what the client sent of this chunk was not read');
    return this.#client;
  }

  get hasClient(): boolean {
    return this.#client !== null;
  }
}
