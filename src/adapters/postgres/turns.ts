interface Waiting {
  begin(): void;
}

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
  /** In the order of their turns; nobody is here who waits for nothing. */
  readonly #queues = new Map<string, Set<Waiting>>();

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.size, 0);
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
    this.#next()?.begin();
  }

  #next(): Waiting | undefined {
    for (const [whose, queue] of this.#queues) {
      if (!this.#mayRun(whose)) continue;
      const [next] = queue;
      if (next === undefined) continue;
      // Behind all others: whoever has more waiting has their turn again after them.
      this.#queues.delete(whose);
      this.#queues.set(whose, queue);
      return next;
    }
    return undefined;
  }

  async #wait(whose: string, withinMs: number): Promise<boolean> {
    const queue = this.#queues.get(whose) ?? new Set();
    if (queue.size >= this.#limits.waitingOfOne) return false;
    this.#queues.set(whose, queue);
    return await new Promise((resolve) => {
      const leave = () => {
        clearTimeout(timer);
        queue.delete(waiting);
        if (queue.size === 0) this.#queues.delete(whose);
      };
      const waiting: Waiting = {
        begin: () => {
          leave();
          this.#begin(whose);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        leave();
        resolve(false);
      }, withinMs);
      queue.add(waiting);
    });
  }
}
