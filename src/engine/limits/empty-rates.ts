/** Rates that this process found used up lately: nobody need ask the store for them again before their time. */
export class EmptyRates {
  /** By key, until when (monotonic clock, ms). */
  readonly #until = new Map<string, number>();

  note(key: string, seconds: number): void {
    const now = performance.now();
    // There is one of each account: what is over goes, whenever something comes.
    for (const [known, until] of this.#until) if (until <= now) this.#until.delete(known);
    this.#until.set(key, now + seconds * 1000);
  }

  /** 0: it may have some. */
  waitSeconds(key: string): number {
    return Math.max(0, (this.#until.get(key) ?? 0) - performance.now()) / 1000;
  }
}
