/** PostgreSQL's protocol, as far as one has to know it to tell where a message ends and what it is. */

export interface Message {
  /** Its letter; '' of the first one of a connection, which has none. */
  type: string;
  bytes: Buffer;
}

/** Cuts a stream of bytes into messages. */
export class Messages {
  #rest: Buffer = Buffer.alloc(0);
  #first: boolean;

  /** @param first whether a message without a letter comes first, as a client sends it */
  constructor({ first }: { first: boolean }) {
    this.#first = first;
  }

  take(piece: Buffer): Message[] {
    this.#rest = Buffer.concat([this.#rest, piece]);
    const messages: Message[] = [];
    for (let message = this.#next(); message !== null; message = this.#next()) messages.push(message);
    return messages;
  }

  #next(): Message | null {
    const letter = this.#first ? 0 : 1;
    if (this.#rest.length < letter + 4) return null;
    const length = letter + this.#rest.readInt32BE(letter);
    if (this.#rest.length < length) return null;
    const bytes = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    this.#first = false;
    return { type: letter === 0 ? '' : String.fromCharCode(bytes[0]!), bytes };
  }
}

/** Tells which statement is executed: the one that was last prepared under the name that is bound. */
export class Statements {
  readonly #texts = new Map<string, string>();
  #bound = '';

  note({ type, bytes }: Message): void {
    if (type === 'P') {
      const [name, text] = textsOf(bytes, 5);
      this.#texts.set(name, text);
    }
    if (type === 'B') this.#bound = textsOf(bytes, 5)[1];
    if (type === 'Q') this.#texts.set('', textsOf(bytes, 5)[0]);
  }

  /** After an Execute, or a Query. */
  executed({ type }: Message): string {
    return this.#texts.get(type === 'Q' ? '' : this.#bound) ?? 'a statement';
  }
}

/** The first two texts in a message, each ended by a zero. */
function textsOf(bytes: Buffer, start: number): [string, string] {
  const end = bytes.indexOf(0, start);
  const second = bytes.indexOf(0, end + 1);
  return [bytes.toString('utf8', start, end), bytes.toString('utf8', end + 1, Math.max(second, end + 1))];
}
