/** Copies of the pieces of one record, given up as soon as they are more than a limit. */
export class HeldRecord {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#limit) this.#parts = [];
    else this.#parts.push(Buffer.from(part));
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }

  /** The whole record, null when it was over the limit. Holds nothing afterwards. */
  take(): Buffer | null {
    const record = this.#bytes > this.#limit ? null : Buffer.concat(this.#parts);
    this.clear();
    return record;
  }
}
