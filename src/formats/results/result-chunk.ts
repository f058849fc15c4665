import type { ChunkResults } from './chunk-results.ts';
import type { ClientChunk } from './client-chunk.ts';
import type { TableRow } from './table-row.ts';

/** Several times the rows of a usual chunk, in UTF-16 units: those of a wide table are made anew for each file. */
const MOST_KEPT = 4 * 1024 * 1024;

/** A chunk as the result files are made of it. Several files hold the same rows, so they are kept while there is room. */
export class ResultChunk {
  readonly results: ChunkResults;
  readonly #client: ClientChunk | null;
  readonly #tableRows = new Kept<TableRow>();
  readonly #csvRows = new Kept<string>();

  /** @param client `null` where no file repeats anything of it */
  constructor(results: ChunkResults, client: ClientChunk | null) {
    this.results = results;
    this.#client = client;
  }

  /** A row of the result table as workbooks hold it. */
  tableRow(index: number, make: () => TableRow): TableRow {
    return this.#tableRows.at(index, make, roomOf);
  }

  /** The same as CSV. */
  csvRow(index: number, make: () => string): string {
    return this.#csvRows.at(index, make, (row) => row.length);
  }

  get client(): ClientChunk {
    if (this.#client === null) throw new Error('what the client sent of this chunk was not read');
    return this.#client;
  }

  get hasClient(): boolean {
    return this.#client !== null;
  }
}

/** A cell takes a reference, of four units; its text is mostly that of the chunk, which is in memory in any case. */
function roomOf({ cells, rest }: TableRow): number {
  return 4 * cells.length + rest.length;
}

/** What is made of records, by their place in the chunk. */
class Kept<Made> {
  readonly #made: Made[] = [];
  #taken = 0;

  at(index: number, make: () => Made, room: (made: Made) => number): Made {
    const known = this.#made[index];
    if (known !== undefined) return known;
    const made = make();
    const more = room(made);
    if (this.#taken + more <= MOST_KEPT) {
      this.#made[index] = made;
      this.#taken += more;
    }
    return made;
  }
}
