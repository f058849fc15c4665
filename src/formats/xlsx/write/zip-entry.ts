import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { EntryStream } from 'exceljs/lib/stream/xlsx/workbook-writer.js';

/** What may wait for the compressor; the pieces that it is given are smaller. */
const BUFFERED_BYTES = 256 * 1024;

/**
 * A file inside the ZIP while it is written. Stands in for exceljs's own stream, which keeps whatever has not found its
 * way out; exceljs writes the few bytes around the rows to it, we write the rows and wait.
 */
export class ZipEntry implements EntryStream {
  readonly source = new PassThrough({ highWaterMark: BUFFERED_BYTES });
  readonly #signal: AbortSignal;

  /** @param signal aborted when the workbook is given up, with the reason */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    // Whoever waits for it hears of it by the signal.
    this.source.on('error', () => {});
  }

  /** For exceljs: a few bytes, at once. It uses its buffer again, `toBuffer` copies. */
  write(piece: string | { toBuffer(): Buffer }): void {
    this.source.write(typeof piece === 'string' ? piece : piece.toBuffer());
  }

  /** Resolves when there is room for more. */
  async send(text: string): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.source.write(text)) return;
    try {
      await once(this.source, 'drain', { signal: this.#signal });
    } catch (error) {
      this.#signal.throwIfAborted();
      throw error;
    }
  }

  end(): void {
    this.source.end();
  }

  /** exceljs pauses its streams so that nothing is lost before they are read; this one keeps what it has. */
  pause(): void {}
}
