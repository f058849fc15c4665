import type { CellLiteral } from './texts.ts';

const BYTES_PER_END = Uint32Array.BYTES_PER_ELEMENT;

/** Some strings in a row, as they are kept outside of memory: how many, where each ends, and their bytes. */
export class StringBlock {
  /** What it takes in memory. */
  readonly bytes: number;
  /** Whether it was needed again. */
  used = false;
  readonly #first: number;
  /** Of each string the place after its end, after how many there are. */
  readonly #ends: Uint32Array;
  readonly #text: string;

  /** @param first number of its first string */
  constructor(first: number, bytes: Buffer) {
    this.bytes = bytes.length;
    this.#first = first;
    const start = (bytes.readUInt32LE(0) + 1) * BYTES_PER_END;
    this.#ends = new Uint32Array(start / BYTES_PER_END);
    bytes.copy(new Uint8Array(this.#ends.buffer), 0, 0, start);
    this.#text = bytes.toString('latin1', start);
  }

  /** @param text all of the strings */
  static bytesOf(text: string, literals: readonly CellLiteral[]): Buffer {
    const ends = new Uint32Array(literals.length + 1);
    ends[0] = literals.length;
    let end = 0;
    for (const [index, literal] of literals.entries()) {
      end += literal.length;
      ends[index + 1] = end;
    }
    return Buffer.concat([new Uint8Array(ends.buffer), Buffer.from(text, 'latin1')]);
  }

  has(index: number): boolean {
    return index >= this.#first && index - this.#first < this.#ends.length - 1;
  }

  get(index: number): CellLiteral {
    const place = index - this.#first;
    return this.#text.slice(place === 0 ? 0 : this.#ends[place], this.#ends[place + 1]);
  }
}
