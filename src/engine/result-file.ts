import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { ObjectStore } from './ports/object-store.ts';
import type { ResultFile } from './ports/work-store.ts';

/** A result file while it is written: streamed to the object store, counted and hashed on the way. */
export class ResultFileWriter {
  readonly #file: Pick<ResultFile, 'kind' | 'format' | 'key'>;
  readonly #stream = new PassThrough({ highWaterMark: 1024 * 1024 });
  readonly #hash = createHash('sha256');
  readonly #stored: Promise<void>;
  #bytes = 0;
  #records = 0;

  constructor(
    objects: Pick<ObjectStore, 'putStream'>,
    file: Pick<ResultFile, 'kind' | 'format' | 'key'>,
    options: { contentType: string; signal: AbortSignal; expectedBytes?: number },
  ) {
    this.#file = file;
    this.#stored = objects.putStream(file.key, this.#stream, options);
    // A failed store ends the stream, so that a writer that waits for room in it hears of it; `finish` throws it too.
    this.#stored.catch((error: unknown) => this.#stream.destroy(error as Error));
    this.#stream.on('error', () => this.#stream.destroy());
  }

  async write(text: string | Buffer, records: number): Promise<void> {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    if (bytes.length === 0) return;
    if (this.#stream.destroyed) await this.#stored;
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    this.#records += records;
    if (!this.#stream.write(bytes)) await Promise.race([once(this.#stream, 'drain'), this.#stored]);
  }

  async finish(): Promise<ResultFile> {
    this.#stream.end();
    await this.#stored;
    return { ...this.#file, bytes: this.#bytes, records: this.#records, sha256: this.#hash.digest('hex') };
  }

  /** Gives the file up; nothing is visible under its key then. */
  async abandon(reason: Error): Promise<void> {
    this.#stream.destroy(reason);
    await Promise.allSettled([this.#stored]);
  }
}
