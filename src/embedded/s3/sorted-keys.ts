/**
 * Ordered set of strings in blocks, so that an insertion moves at most one block: with 100,000 keys a put costs
 * microseconds, where one sorted array would move 800 KB each time.
 */
export class SortedKeys {
  readonly #blocks: string[][] = [];
  readonly #blockSize: number;

  constructor(blockSize = 512) {
    this.#blockSize = blockSize;
  }

  add(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (!block) {
      this.#blocks.push([key]);
      return;
    }
    const position = lowerBound(block, key);
    if (block[position] === key) return;
    block.splice(position, 0, key);
    if (block.length > this.#blockSize) this.#blocks.splice(at + 1, 0, block.splice(block.length >> 1));
  }

  delete(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (!block) return;
    const position = lowerBound(block, key);
    if (block[position] !== key) return;
    block.splice(position, 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  /** The least key that is not below `bound`. */
  ceiling(bound: string): string | undefined {
    const at = this.#blockOf(bound);
    const block = this.#blocks[at];
    if (!block) return undefined;
    return block[lowerBound(block, bound)] ?? this.#blocks[at + 1]?.[0];
  }

  /** The last block whose first key is not above `key`, or the first block. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle]?.[0] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function lowerBound(block: readonly string[], key: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((block[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A key's UTF-8 bytes, one a char: JavaScript compares strings by UTF-16 units, S3 lists by UTF-8 bytes, and the
 * two differ beyond U+FFFF. Compared like this `<` is S3's order, and for ASCII it is the key itself.
 */
export function toByteOrder(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The inverse of `toByteOrder`. */
export function fromByteOrder(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}
