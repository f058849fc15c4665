import { damaged } from './broken.ts';

const LEAST_WINDOW = 64 * 1024;

/** A window that slides over the text of a part, as bytes in a string. */
export class PartWindow {
  window = '';
  /** Whether the part ends where the window does. */
  isLast = false;
  readonly #part: string;
  readonly #pieces: AsyncGenerator<Buffer>;
  readonly #least: number;
  /** The window as it came. */
  #bytes: Buffer = Buffer.alloc(0);
  #trouble: { error: unknown } | null = null;

  /**
   * @param part its name, for messages
   * @param least how many bytes the window holds at least, but at the end
   */
  constructor(part: string, pieces: AsyncGenerator<Buffer>, least = LEAST_WINDOW) {
    this.#part = part;
    this.#pieces = pieces;
    this.#least = least;
  }

  /** Moves the window on to that place in it, and takes at least as much to it as is left. */
  async slide(at: number): Promise<void> {
    if (this.#trouble !== null) throw this.#trouble.error;
    const held = [this.#bytes.subarray(at)];
    let wanted = Math.max(this.#least, this.#bytes.length - at);
    try {
      while (wanted > 0 && !this.isLast) {
        const { value, done } = await this.#pieces.next();
        if (done === true) this.isLast = true;
        else {
          held.push(value);
          wanted -= value.length;
        }
      }
    } catch (error) {
      // What came before is read first.
      this.#trouble = { error };
      if (held.length === 1) throw error;
    }
    // One string of its own, and not two that are joined: each look at a character of those takes twice as long.
    this.#bytes = Buffer.concat(held);
    this.window = this.#bytes.toString('latin1');
  }

  /** Nothing more is read of the part. */
  async close(): Promise<void> {
    await this.#pieces.return(undefined);
  }

  /** What is wrong with the part, where it is being read. */
  damaged(what: string) {
    return damaged(`${this.#part} in the workbook ${what}`);
  }
}
