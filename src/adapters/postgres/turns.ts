import { TurnQueue } from '../../core/turn-queue.ts';

export interface TurnLimits {
  atOnce: number;
  /** Of those at once, how many may be of one: with one less than all there is always a place for another. */
  ofOne: number;
  /** How many of one may wait. */
  waitingOfOne: number;
}

/**
 * Lets so many at once. The others take turns by whose they are, and of one's own come in their order: so whoever asks
 * for a great deal waits for themselves, and not others for them.
 */
export class Turns {
  readonly #limits: TurnLimits;
  #running = 0;
  readonly #runningOf = new Map<string, number>();
  /** What begins each. */
  readonly #queue = new TurnQueue<() => void>();

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /**
   * Waits for a turn, and takes it.
   * @returns what ends it; `null`: it did not come in time, or too many of theirs wait
   */
  async take(whose: string, withinMs: number): Promise<(() => void) | null> {
    if (this.#mayRun(whose)) this.#begin(whose);
    else if (!(await this.#wait(whose, withinMs))) return null;
    return () => this.#end(whose);
  }

  #mayRun(whose: string): boolean {
    return this.#running < this.#limits.atOnce && (this.#runningOf.get(whose) ?? 0) < this.#limits.ofOne;
  }

  #begin(whose: string): void {
    this.#running += 1;
    this.#runningOf.set(whose, (this.#runningOf.get(whose) ?? 0) + 1);
  }

  /** Handed on at once: nobody who comes at this moment takes it before those who wait. */
  #end(whose: string): void {
    this.#running -= 1;
    const left = (this.#runningOf.get(whose) ?? 1) - 1;
    if (left === 0) this.#runningOf.delete(whose);
    else this.#runningOf.set(whose, left);
    this.#queue.next((other) => this.#mayRun(other))?.();
  }

  async #wait(whose: string, withinMs: number): Promise<boolean> {
    if (this.#queue.sizeOf(whose) >= this.#limits.waitingOfOne) return false;
    return await new Promise((resolve) => {
      const begin = () => {
        clearTimeout(timer);
        this.#begin(whose);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#queue.remove(whose, begin);
        resolve(false);
      }, withinMs);
      this.#queue.add(whose, begin);
    });
  }
}
