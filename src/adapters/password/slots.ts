import { RequestError } from '../../core/errors.ts';

/** So many run at once, so many wait; whoever comes then is told to come again. */
export class Slots {
  readonly #atOnce: number;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor({ atOnce, mostWaiting }: { atOnce: number; mostWaiting: number }) {
    this.#atOnce = atOnce;
    this.#mostWaiting = mostWaiting;
  }

  /** @throws {RequestError} unavailable: as many wait as may */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await work();
    } finally {
      // The place is handed on without ever being free, so that nobody who comes now takes it before those who wait.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#atOnce) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= this.#mostWaiting) {
      throw new RequestError(
        'unavailable',
        'too many passwords are being checked; try again in a few seconds',
      );
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
