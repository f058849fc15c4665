import { RequestError } from '../../core/errors.ts';

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
  /** By whom they are for, in the order of their turns; nobody is here who waits for nothing. */
  readonly #queues = new Map<string, Waiting[]>();
  #waiting = 0;
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
      const next = this.#next();
      if (next === undefined) this.#running -= 1;
      else next.enter();
    }
  }

  async #enter(whose: string): Promise<void> {
    if (this.#running < this.#atOnce) {
      this.#running += 1;
      return;
    }
    const queue = this.#queues.get(whose) ?? [];
    if (this.#waiting >= this.#mostWaiting) this.#makeRoom(queue.length);
    this.#queues.set(whose, queue);
    this.#waiting += 1;
    await new Promise<void>((enter, refuse) => queue.push({ enter, refuse }));
  }

  /** @throws {RequestError} unavailable: nobody has more waiting than whoever has so many and asks for one more */
  #makeRoom(theirs: number): void {
    let longest: Waiting[] = [];
    for (const queue of this.#queues.values()) if (queue.length > longest.length) longest = queue;
    if (longest.length <= theirs + 1) throw busy();
    this.#waiting -= 1;
    longest.pop()?.refuse(busy());
  }

  #next(): Waiting | undefined {
    for (const [whose, queue] of this.#queues) {
      const next = queue.shift();
      this.#waiting -= 1;
      // Behind all others: whoever has more waiting has their turn again after them.
      this.#queues.delete(whose);
      if (queue.length > 0) this.#queues.set(whose, queue);
      return next;
    }
    return undefined;
  }
}

function busy(): RequestError {
  return new RequestError('unavailable', 'too many passwords are being checked; try again in a few seconds');
}
