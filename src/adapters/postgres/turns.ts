interface Waiting {
  begin(): void;
}

/** Lets so many at once, and the others in the order in which they came. */
export class Turns {
  readonly #most: number;
  #running = 0;
  readonly #waiting = new Set<Waiting>();

  /** @param most how many at once */
  constructor(most: number) {
    this.#most = most;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Waits for a turn, and takes it.
   * @returns what ends it; `null`: it did not come in time
   */
  async take(withinMs: number): Promise<(() => void) | null> {
    if (this.#running < this.#most) this.#running += 1;
    else if (!(await this.#wait(withinMs))) return null;
    return () => {
      // Handed on as it is: nobody who comes at this moment may take it.
      const [next] = this.#waiting;
      if (next === undefined) this.#running -= 1;
      else next.begin();
    };
  }

  #wait(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        begin: () => {
          clearTimeout(timer);
          this.#waiting.delete(waiting);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        resolve(false);
      }, withinMs);
      this.#waiting.add(waiting);
    });
  }
}
