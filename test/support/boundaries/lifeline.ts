import type { Duplex } from 'node:stream';

/** When a process dies: at its nth message to the outside, before that is sent, or once it was done and before the answer comes. */
export interface Doom {
  nth: number;
  moment: 'before' | 'after';
}

/** What becomes of a message: it is passed on, or it is the last one, whose answer nobody gets, or it never leaves. */
export type Fate = 'passes' | 'last' | 'lost';

/**
 * All that connects a process with the outside, in one place: messages are counted here, whatever they go to, and at the
 * one that is set everything is cut for ever, as the kernel does with what belonged to a process that was killed.
 */
export class Lifeline {
  /** What was sent, message by message, without what differs from run to run. */
  readonly sent: string[] = [];
  readonly died: Promise<void>;
  readonly #doom: Doom | null;
  readonly #sockets = new Set<Duplex>();
  #counts = false;
  #isLast = false;
  #dead = false;
  #die: () => void = () => undefined;

  constructor(doom: Doom | null) {
    this.#doom = doom;
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Nothing gets out any more, though the last answer may still be on its way. */
  get ending(): boolean {
    return this.#dead || this.#isLast;
  }

  /** What is sent before is the process’s start, which changes nothing. */
  startCounting(): void {
    this.#counts = true;
  }

  hold(socket: Duplex): void {
    if (this.#dead) return void socket.destroy();
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** A message wants to get out. */
  begins(message: string): Fate {
    if (this.ending) return 'lost';
    if (!this.#counts) return 'passes';
    this.sent.push(nameOf(message));
    if (this.sent.length !== this.#doom?.nth) return 'passes';
    if (this.#doom.moment === 'before') {
      this.cut();
      return 'lost';
    }
    this.#isLast = true;
    return 'last';
  }

  cut(): void {
    this.#dead = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#die();
  }
}

/** Ids, tokens and hashes are others each time. */
function nameOf(message: string): string {
  return message
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}/g, '…')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 100);
}
