import type { CsvDialect } from '../csv/dialect.ts';
import { CR, LF } from '../line-ends.ts';
import { NO_BYTES, type TextStep } from './text-step.ts';

const CELL_START = 0;
const PLAIN = 1;
const QUOTED = 2;
/** After a quote inside a quoted cell: it closed the cell, unless another quote follows. */
const QUOTE_SEEN = 3;

/**
 * CSV with the line ends of old Macs: each CR outside of quotes that no LF follows becomes an LF. What is in quotes stays
 * as it is. Quotes open and close as `BoundaryScanner` has it.
 */
export class LoneCrToLf implements TextStep {
  readonly fault = undefined;
  readonly #delimiter: number;
  readonly #quote: number;
  #state = CELL_START;
  /** Whether the last piece ended with a CR outside of quotes, which has not come out yet. */
  #heldCr = false;

  constructor(dialect: CsvDialect) {
    this.#delimiter = dialect.delimiter;
    this.#quote = dialect.quote;
  }

  push(piece: Buffer): Buffer {
    if (piece.length === 0) return piece;
    const first = this.#heldCr ? 1 : 0;
    const text = Buffer.allocUnsafe(piece.length + first);
    if (this.#heldCr) text[0] = CR;
    text.set(piece, first);
    const whole = this.#convert(text, first);
    return text.subarray(0, whole);
  }

  finish(): Buffer {
    return this.#heldCr ? Buffer.of(LF) : NO_BYTES;
  }

  /**
   * @param from where the bytes begin that were not looked at: before them there is nothing but a CR that was held
   * @returns how many of the bytes can come out
   */
  #convert(text: Buffer, from: number): number {
    const delimiter = this.#delimiter;
    const quote = this.#quote;
    let state = this.#state;
    // The byte before is a CR outside of quotes.
    let cr = from === 1;
    for (let at = from; at < text.length; at++) {
      const byte = text[at]!;
      if (cr && byte !== LF) text[at - 1] = LF;
      cr = false;
      if (state === QUOTED) {
        if (byte === quote) state = QUOTE_SEEN;
      } else if (byte === CR) {
        cr = true;
        state = CELL_START;
      } else if (byte === delimiter || byte === LF) {
        state = CELL_START;
      } else if (byte === quote && state !== PLAIN) {
        state = QUOTED;
      } else {
        state = PLAIN;
      }
    }
    this.#state = state;
    this.#heldCr = cr;
    return cr ? text.length - 1 : text.length;
  }
}
