import type { OpenScratch, Scratch } from '../../scratch.ts';
import { StringBlock } from './string-block.ts';
import type { CellLiteral } from './texts.ts';

/** A table that takes no more than this is kept in memory. */
const MOST_IN_MEMORY = 16 * 1024 * 1024;
/** What a string takes besides its characters. */
const BYTES_PER_STRING = 48;
/** Small: where cells name their strings in no order, one is read for each string. */
const BLOCK_BYTES = 8 * 1024;
const BLOCK_STRINGS = 2048;
/** What is read of the scratch and kept. */
const CACHED_BYTES = 32 * 1024 * 1024;

/**
 * The literals of shared strings, by number. Many are kept outside of memory in blocks of neighbours, and the blocks that
 * were needed last in it: cells name their strings mostly in order. A block takes 16 bytes of memory.
 */
export class StringTable {
  readonly #openScratch: OpenScratch;
  #count = 0;
  /** All of them, as long as they are few. */
  #all: CellLiteral[] | null = [];
  #bytes = 0;
  #scratch: Scratch | null = null;
  /** Of each block on the scratch the number of its first string, and where it begins. */
  readonly #firsts: number[] = [];
  readonly #starts: number[] = [];
  /** The block that is being filled. */
  #open: CellLiteral[] = [];
  #openBytes = 0;
  readonly #cache = new Map<number, StringBlock>();
  #cachedBytes = 0;
  #last: StringBlock | null = null;

  constructor(openScratch: OpenScratch) {
    this.#openScratch = openScratch;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds the next string. @returns whether `settle` must be called before another is added */
  add(literal: CellLiteral): boolean {
    this.#count += 1;
    this.#open.push(literal);
    this.#openBytes += literal.length;
    return this.#openBytes >= BLOCK_BYTES || this.#open.length === BLOCK_STRINGS;
  }

  /** Puts away what was added. */
  async settle(): Promise<void> {
    const literals = this.#open;
    if (literals.length === 0) return;
    // One text of all: single literals may be views of the part that they were found in, and would hold all of that.
    const text = literals.join('');
    this.#open = [];
    this.#openBytes = 0;
    if (this.#all === null) return await this.#keep(this.#count - literals.length, text, literals);
    let start = 0;
    for (const { length } of literals) {
      this.#all.push(text.slice(start, start + length));
      start += length;
    }
    this.#bytes += text.length + literals.length * BYTES_PER_STRING;
    if (this.#bytes > MOST_IN_MEMORY) await this.#leaveMemory(this.#all);
  }

  /** The string, if it is in memory; else call `load`. All must have been added and settled. */
  get(index: number): CellLiteral | undefined {
    if (this.#all !== null) return this.#all[index];
    if (this.#last?.has(index)) return this.#last.get(index);
    const block = this.#cache.get(this.#blockOf(index));
    if (block === undefined) return undefined;
    block.used = true;
    this.#last = block;
    return block.get(index);
  }

  /** The string, wherever it is. */
  async load(index: number): Promise<CellLiteral> {
    const held = this.get(index);
    if (held !== undefined) return held;
    const number = this.#blockOf(index);
    const [start = 0, end = this.#scratch?.bytes ?? 0] = this.#starts.slice(number, number + 2);
    const first = this.#firsts[number];
    if (this.#scratch === null || first === undefined) throw new RangeError(`there is no string ${index}`);
    const block = new StringBlock(first, await this.#scratch.read(start, end));
    this.#cache.set(number, block);
    this.#cachedBytes += block.bytes;
    this.#last = block;
    this.#makeRoom();
    return block.get(index);
  }

  async close(): Promise<void> {
    await this.#scratch?.close();
  }

  async #leaveMemory(all: readonly CellLiteral[]): Promise<void> {
    this.#all = null;
    this.#scratch = await this.#openScratch();
    for (let first = 0; first < all.length; first += BLOCK_STRINGS) {
      const literals = all.slice(first, first + BLOCK_STRINGS);
      await this.#keep(first, literals.join(''), literals);
    }
  }

  async #keep(first: number, text: string, literals: readonly CellLiteral[]): Promise<void> {
    if (this.#scratch === null) throw new Error('strings are in memory');
    this.#firsts.push(first);
    this.#starts.push(this.#scratch.bytes);
    await this.#scratch.append(StringBlock.bytesOf(text, literals));
  }

  /** Gives up the blocks that came first, but those that were needed again since they were looked at last. */
  #makeRoom(): void {
    for (const [number, block] of this.#cache) {
      if (this.#cachedBytes <= CACHED_BYTES || block === this.#last) break;
      this.#cache.delete(number);
      if (block.used) {
        block.used = false;
        this.#cache.set(number, block);
      } else this.#cachedBytes -= block.bytes;
    }
  }

  /** The last block that begins at or before the string. */
  #blockOf(index: number): number {
    let low = 0;
    let high = this.#firsts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#firsts[middle] ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
