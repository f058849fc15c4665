import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { ObjectStore, PutOptions } from './ports/object-store.ts';

/** An object of unknown length while it is written: nothing is visible under its key before it is whole. */
export class StreamedObject {
  readonly #stream = new PassThrough({ highWaterMark: 1024 * 1024 });
  readonly #stored: Promise<void>;

  constructor(
    objects: Pick<ObjectStore, 'putStream'>,
    key: string,
    options: PutOptions & { expectedBytes?: number },
  ) {
    this.#stored = objects.putStream(key, this.#stream, options);
    // A failed store ends the stream, so that a writer that waits for room in it hears of it; `finish` throws it too.
    this.#stored.catch((error: unknown) => this.#stream.destroy(error as Error));
    this.#stream.on('error', () => this.#stream.destroy());
  }

  /** Waits while the store is behind. @throws what the store failed with */
  async write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    if (this.#stream.destroyed) await this.#stored;
    if (!this.#stream.write(bytes)) await Promise.race([once(this.#stream, 'drain'), this.#stored]);
  }

  async finish(): Promise<void> {
    this.#stream.end();
    await this.#stored;
  }

  /** Gives the object up. */
  async abandon(reason: Error): Promise<void> {
    this.#stream.destroy(reason);
    await Promise.allSettled([this.#stored]);
  }
}
