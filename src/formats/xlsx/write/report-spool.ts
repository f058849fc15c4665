import type { OpenScratch, Scratch } from '../../scratch.ts';

const BLOCK_LENGTH = 256 * 1024;

/** Rows that are written only after all others: kept outside of memory until then, as JSON lines in blocks. */
export class ReportSpool {
  readonly #openScratch: OpenScratch;
  #scratch: Scratch | null = null;
  #blocks: [start: number, end: number][] = [];
  #lines: string[] = [];
  #length = 0;
  #closed = false;

  constructor(openScratch: OpenScratch) {
    this.#openScratch = openScratch;
  }

  async add(cells: readonly string[]): Promise<void> {
    const line = JSON.stringify(cells);
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#length >= BLOCK_LENGTH) await this.#append();
  }

  async *rows(): AsyncGenerator<string[]> {
    for (const [start, end] of this.#blocks) {
      const block = await this.#scratch!.read(start, end);
      for (const line of block.toString().split('\n')) yield JSON.parse(line) as string[];
    }
    for (const line of this.#lines) yield JSON.parse(line) as string[];
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#lines = [];
    await this.#scratch?.close();
  }

  async #append(): Promise<void> {
    const block = Buffer.from(this.#lines.join('\n'));
    this.#lines = [];
    this.#length = 0;
    this.#scratch ??= await this.#opened();
    const start = this.#scratch.bytes;
    await this.#scratch.append(block);
    this.#blocks.push([start, start + block.length]);
  }

  /** It may have been closed while the scratch was being opened. */
  async #opened(): Promise<Scratch> {
    const scratch = await this.#openScratch();
    if (!this.#closed) return scratch;
    await scratch.close();
    throw new Error('the report was given up');
  }
}
