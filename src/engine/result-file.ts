import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import type { ResultFile } from './ports/batch-results.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { StreamedObject } from './streamed-object.ts';

export interface ResultFileOptions {
  contentType: string;
  signal: AbortSignal;
  expectedBytes?: number;
  /** Called whenever some of it has found its way to the store. */
  alive?: () => void;
}

/** A result file while it is written: streamed to the object store, counted and hashed on the way. */
export class ResultFileWriter {
  readonly #file: Pick<ResultFile, 'kind' | 'format' | 'key'>;
  readonly #object: StreamedObject;
  readonly #alive: () => void;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #records = 0;

  constructor(
    objects: Pick<ObjectStore, 'putStream'>,
    file: Pick<ResultFile, 'kind' | 'format' | 'key'>,
    { alive = () => {}, ...options }: ResultFileOptions,
  ) {
    this.#file = file;
    this.#object = new StreamedObject(objects, file.key, options);
    this.#alive = alive;
  }

  async write(text: string | Buffer, records: number): Promise<void> {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    if (bytes.length === 0) return;
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    this.#records += records;
    await this.#object.write(bytes);
    this.#alive();
  }

  /** The records that a file tells of whose bytes are written to `output`. */
  count(records: number): void {
    this.#records += records;
  }

  /** The file as a stream; its end is not that of the file, which is `finish`. */
  output(): Writable {
    return new Writable({
      write: (piece: Buffer, _, done) => {
        this.write(piece, 0).then(() => done(), done);
      },
    });
  }

  async finish(): Promise<ResultFile> {
    await this.#object.finish();
    return { ...this.#file, bytes: this.#bytes, records: this.#records, sha256: this.#hash.digest('hex') };
  }

  /** Gives the file up; nothing is visible under its key then. */
  async abandon(reason: Error): Promise<void> {
    await this.#object.abandon(reason);
  }
}
