import { LF } from '../line-ends.ts';
import type { CsvDialect } from './dialect.ts';

const RECORD_START = 0;
const CELL_START = 1;
const PLAIN = 2;
const QUOTED = 3;
/** After a quote inside a quoted cell: it closed the cell, unless another quote follows. */
const QUOTE_SEEN = 4;

type State = typeof RECORD_START | typeof CELL_START | typeof PLAIN | typeof QUOTED | typeof QUOTE_SEEN;

/**
 * Finds where the lines of a CSV file end (RFC 4180, section 2), in pieces that may be cut anywhere.
 *
 * A line ends at an LF outside quotes. A quote opens a quoted cell only as the very first byte of a cell; anywhere
 * else it is an ordinary byte, and so is whatever follows a closing quote up to the next delimiter. So a misplaced
 * quote spoils its own row and never its neighbours. `read-row.ts` follows the same rules on decoded text.
 */
export class BoundaryScanner {
  readonly #delimiter: number;
  readonly #quote: number;
  #piece: Buffer = Buffer.alloc(0);
  /** Offset of the piece in everything that was fed. */
  #base = 0;
  #pos = 0;
  #state: State = RECORD_START;
  /** Where the next quote of the piece is, the piece's length if there is none; stale while below `#pos`. */
  #nextQuote = -1;
  #openedAt = -1;

  constructor(dialect: CsvDialect) {
    this.#delimiter = dialect.delimiter;
    this.#quote = dialect.quote;
  }

  /** Goes on with the next piece. `next` must have returned -1 for the one before. */
  feed(piece: Buffer): void {
    this.#base += this.#piece.length;
    this.#piece = piece;
    this.#pos = 0;
    this.#nextQuote = -1;
  }

  /** The index in the piece after the next line's LF; -1 when the piece holds no further end of a line. */
  next(): number {
    const piece = this.#piece;
    const start = this.#pos;
    if (this.#state >= QUOTED) return this.#walk(start);
    const lf = piece.indexOf(LF, start);
    if (this.#nextQuote < start) this.#nextQuote = indexOrEnd(piece, this.#quote, start);
    const quote = this.#nextQuote;
    if (lf !== -1 && lf < quote) {
      this.#state = RECORD_START;
      this.#pos = lf + 1;
      return this.#pos;
    }
    if (quote > start) this.#state = piece[quote - 1] === this.#delimiter ? CELL_START : PLAIN;
    if (quote < piece.length) return this.#walk(quote);
    this.#pos = piece.length;
    return -1;
  }

  /** Offset of the opening quote of the cell that everything fed so far ends in; -1 outside quotes. */
  get unclosedQuote(): number {
    return this.#state === QUOTED ? this.#openedAt : -1;
  }

  /**
   * Byte by byte from the first quote of a line to its end: cells are short, and a native call for each quote
   * costs more than the bytes between two.
   */
  #walk(from: number): number {
    const piece = this.#piece;
    const delimiter = this.#delimiter;
    const quote = this.#quote;
    const length = piece.length;
    let state = this.#state;
    let at = from;
    while (at < length) {
      if (state === QUOTED) {
        while (at < length && piece[at] !== quote) at += 1;
        if (at === length) break;
        at += 1;
        state = QUOTE_SEEN;
        continue;
      }
      const byte = piece[at];
      at += 1;
      if (byte === delimiter) {
        state = CELL_START;
      } else if (byte === LF) {
        this.#state = RECORD_START;
        this.#pos = at;
        return at;
      } else if (byte === quote && state !== PLAIN) {
        if (state !== QUOTE_SEEN) this.#openedAt = this.#base + at - 1;
        state = QUOTED;
      } else {
        state = PLAIN;
      }
    }
    this.#state = state;
    this.#pos = piece.length;
    return -1;
  }
}

function indexOrEnd(piece: Buffer, byte: number, from: number): number {
  const at = piece.indexOf(byte, from);
  return at === -1 ? piece.length : at;
}
