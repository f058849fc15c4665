import { buffer } from 'node:stream/consumers';
import { type BatchStatus, statusesBefore } from '../../core/batch.ts';
import type { ChunkRange } from '../../core/chunk.ts';
import { PermanentFault } from '../../core/errors.ts';
import { ObjectGone, type ObjectStore } from '../ports/object-store.ts';
import { readRange } from '../read-chunk.ts';

/**
 * Reads the private copy of the input again. What cannot be read any more fails a batch that can fail; one that has
 * failed already, or is being cancelled, gets the files that do without.
 */
export class InputReader {
  readonly #objects: Pick<ObjectStore, 'read'>;
  readonly #inputKey: string | null;
  readonly #signal: AbortSignal;
  readonly #mayFail: boolean;
  #lost: string | null = null;

  constructor(
    objects: Pick<ObjectStore, 'read'>,
    claim: { inputKey: string | null; status: BatchStatus },
    signal: AbortSignal,
  ) {
    this.#objects = objects;
    this.#inputKey = claim.inputKey;
    this.#signal = signal;
    this.#mayFail = statusesBefore('failed').includes(claim.status);
  }

  /** Why something could not be read, if that has happened. */
  get lost(): string | null {
    return this.#lost;
  }

  /**
   * The bytes of a chunk, proven to be those that were hashed; `null` when they are not there any more.
   * @throws {PermanentFault} input_gone, input_changed: where the batch can fail
   */
  async chunk(range: ChunkRange): Promise<Buffer | null> {
    return await this.#unlessLost((inputKey) => readRange(this.#objects, { inputKey, range }, this.#signal));
  }

  /** What stands before the first chunk. @throws as `chunk` */
  async head(end: number): Promise<Buffer | null> {
    if (end === 0) return Buffer.alloc(0);
    return await this.#unlessLost(async (inputKey) => {
      const options = { range: { start: 0, end }, signal: this.#signal };
      return await buffer(await this.#objects.read(inputKey, options));
    });
  }

  async #unlessLost(read: (inputKey: string) => Promise<Buffer>): Promise<Buffer | null> {
    try {
      if (this.#inputKey === null) throw new ObjectGone('of the input');
      return await read(this.#inputKey);
    } catch (error) {
      const fault = asFault(error);
      if (!(fault instanceof PermanentFault)) throw fault;
      this.lose(fault);
      return null;
    }
  }

  /** What was read is of no use, and never will be. @throws it, where the batch can fail */
  lose(why: Error): void {
    if (this.#mayFail) throw why;
    this.#lost = why.message;
  }
}

function asFault(error: unknown): unknown {
  if (!(error instanceof ObjectGone)) return error;
  return new PermanentFault('input_gone', 'the private copy of the input is gone', { cause: error });
}
