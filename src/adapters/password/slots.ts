import { RequestError } from '../../core/errors.ts';
import { TurnQueue } from '../../core/turn-queue.ts';

interface Waiting {
  enter(): void;
  refuse(error: RequestError): void;
}

/**
 * So many run at once, so many wait; whoever comes then is told to come again. Those who wait take turns, and where
 * there is no room left whoever has most waiting gives way: so nobody, however much they ask for, keeps others out.
 */
export class Slots {
  readonly #atOnce: number;
  readonly #mostWaiting: number;
  /** By whom they are for. */
  readonly #queue = new TurnQueue<Waiting>();
  #running = 0;

  constructor({ atOnce, mostWaiting }: { atOnce: number; mostWaiting: number }) {
    this.#atOnce = atOnce;
    this.#mostWaiting = mostWaiting;
  }

  /**
   * @param whose turn it takes
   * @throws {RequestError} unavailable: as many wait as may
   */
  async run<T>(whose: string, work: () => Promise<T>): Promise<T> {
    await this.#enter(whose);
    try {
      return await work();
    } finally {
      // The place is handed on without ever being free, so that nobody who comes now takes it before those who wait.
      const next = this.#queue.next();
      if (next === undefined) this.#running -= 1;
      else next.enter();
    }
  }

  async #enter(whose: string): Promise<void> {
    if (this.#running < this.#atOnce) {
      this.#running += 1;
      return;
    }
    if (this.#queue.size >= this.#mostWaiting) this.#makeRoom(this.#queue.sizeOf(whose));
    await new Promise<void>((enter, refuse) => this.#queue.add(whose, { enter, refuse }));
  }

  /** @throws {RequestError} unavailable: nobody has more waiting than whoever has so many and asks for one more */
  #makeRoom(theirs: number): void {
    const last = this.#queue.lastOfMost(theirs + 1);
    if (last === undefined) throw busy();
    last.refuse(busy());
  }
}

function busy(): RequestError {
  return new RequestError('unavailable', 'too many passwords are being checked; try again in a few seconds');
}
