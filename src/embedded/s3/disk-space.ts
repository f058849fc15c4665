import { freeBytes } from '../free-bytes.ts';
import { S3Error } from './errors.ts';

/** A disk that others write to as well: so much of it is never taken for objects. */
export class DiskSpace {
  readonly #directory: string;
  readonly #reservedBytes: number;

  constructor(directory: string, reservedBytes: number) {
    this.#directory = directory;
    this.#reservedBytes = reservedBytes;
  }

  /**
   * To be asked before bytes are written, and again and again while many are: others write at the same time.
   * @throws S3Error InsufficientStorage
   */
  async need(bytes: number): Promise<void> {
    if (this.#reservedBytes === 0) return;
    if ((await freeBytes(this.#directory)) - bytes < this.#reservedBytes)
      throw new S3Error('InsufficientStorage');
  }
}
