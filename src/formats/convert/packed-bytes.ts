/** The bytes of a compressed file in turn, of which single ones and whole pieces can be taken. */
export class PackedBytes {
  readonly #pieces: AsyncIterator<Buffer>;
  #piece: Buffer = Buffer.alloc(0);
  /** How many bytes were taken. */
  taken = 0;

  constructor(pieces: AsyncIterable<Buffer>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next bytes, as many as there are at hand, without taking them; `null`: there are no more. */
  async peek(): Promise<Buffer | null> {
    while (this.#piece.length === 0) {
      const next = await this.#pieces.next();
      if (next.done) return null;
      this.#piece = next.value;
    }
    return this.#piece;
  }

  /** Takes so many of the bytes that were peeked at. */
  skip(bytes: number): void {
    this.taken += bytes;
    this.#piece = this.#piece.subarray(bytes);
  }

  /** Takes so many bytes, few enough to be held; `null`: there are not so many. */
  async take(count: number): Promise<Buffer | null> {
    const parts: Buffer[] = [];
    for (let missing = count; missing > 0; ) {
      const piece = await this.peek();
      if (piece === null) return null;
      const part = piece.subarray(0, missing);
      parts.push(part);
      missing -= part.length;
      this.skip(part.length);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /** Nothing more will be taken. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
