import type { RecordFault } from '../../core/chunk.ts';
import type { InputDescription } from '../description.ts';
import { parseChunk, type Row, recordSlices } from '../parse-chunk.ts';
import type { ChunkPlace } from '../row.ts';
import { sheetCells } from './sheet-line.ts';

/** Rows that are read one by one; whoever wants more of them wants all. */
const MOST_ALONE = 64;

/** Where a chunk is, and how many records were cut into it. */
interface ClientPlace extends ChunkPlace {
  records: number;
}

/** What the client sent of one chunk, read again only as far as a result file repeats it. */
export class ClientChunk {
  readonly #bytes: Buffer;
  readonly #description: InputDescription;
  readonly #place: ClientPlace;
  readonly #fault: RecordFault | undefined;
  #rows: readonly Row[] | undefined;
  #alone = 0;
  #slices: readonly Buffer[] | undefined;

  /** @param fault of a chunk of one record that cannot be read at all: then `bytes` are none, whatever it was */
  constructor(bytes: Buffer, description: InputDescription, place: ClientPlace, fault?: RecordFault) {
    this.#bytes = bytes;
    this.#description = description;
    this.#place = place;
    this.#fault = fault;
  }

  /** The record at this place in the chunk, from 0. */
  row(index: number): Row {
    if (this.#fault !== undefined) return { fault: this.#fault, offset: 0 };
    if (this.#rows === undefined && this.#alone < MOST_ALONE) {
      this.#alone += 1;
      return this.#rowAlone(index);
    }
    this.#rows ??= this.#allRows();
    return found(this.#rows[index], index);
  }

  /** Not as they were cut, whatever reads them: then each is what its own bytes are. */
  #allRows(): Row[] {
    const rows = parseChunk(this.#bytes, this.#description, this.#place);
    const { records } = this.#place;
    return rows.length === records
      ? rows
      : Array.from({ length: records }, (_, index) => this.#rowAlone(index));
  }

  #rowAlone(index: number): Row {
    const bytes = this.slice(index);
    const { firstRecord, start, limits } = this.#place;
    const offset = bytes.byteOffset - this.#bytes.byteOffset;
    const place = { firstRecord: firstRecord + index, start: start + offset, limits };
    return found(parseChunk(bytes, this.#description, place)[0], index);
  }

  /**
   * What speaks against repeating it, asked before anything of it is: read in another way than it was cut, a chunk would
   * lose records without a word.
   */
  get mismatch(): string | null {
    if (this.#fault !== undefined) return null;
    const { firstRecord, records } = this.#place;
    const { length } = this.#allSlices();
    return length === records
      ? null
      : `of the ${records} records from ${firstRecord} the input has ${length}`;
  }

  /** Its bytes in the file, with their line end. */
  slice(index: number): Buffer {
    if (this.mismatch !== null) throw new Error(this.mismatch);
    return found(this.#allSlices()[index], index);
  }

  #allSlices(): readonly Buffer[] {
    this.#slices ??= recordSlices(this.#bytes, this.#description);
    return this.#slices;
  }

  /**
   * Its text in the file, without the line end; what is no UTF-8 is shown as U+FFFD. Of a workbook the cells of its row, as
   * JSON. `null` when it was never read whole, as there is too much of it or it has no end.
   */
  text(index: number): string | null {
    if (this.#fault !== undefined) return null;
    const line = this.slice(index)
      .toString('utf8')
      .replace(/\r?\n$/, '');
    return this.#description.format === 'xlsx' ? sheetCells(line) : line;
  }
}

function found<T>(value: T | undefined, index: number): T {
  if (value === undefined) throw new Error(`the input has no record at place ${index} of its chunk`);
  return value;
}
