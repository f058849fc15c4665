import type { Rate } from '../../core/limits.ts';
import { type LimitStore, leewaySeconds } from '../ports/limit-store.ts';

interface Waiting {
  needed: number;
  /** 0: they are taken; else after how many milliseconds to ask again. */
  resolve(waitMs: number): void;
  reject(error: unknown): void;
}

/**
 * What this process has taken of a rate and not used yet: as much as its calls use in the next moment, going by the
 * last one, so that the store is not asked for each of them. What is left after that is let go, and counts as used:
 * it could not be given back without more being sent in some stretch of time than the rate allows.
 */
export class RateStock {
  readonly #limits: Pick<LimitStore, 'take'>;
  readonly #key: string;
  readonly #rate: Rate;
  readonly #keepMs: number;
  #waiting: Waiting[] = [];
  #filling = false;
  #left = 0;
  #used = 0;
  /** Monotonic clock (ms), as all times here. */
  #takenAt = Number.NEGATIVE_INFINITY;
  #emptyUntil = Number.NEGATIVE_INFINITY;

  constructor(limits: Pick<LimitStore, 'take'>, key: string, rate: Rate) {
    this.#limits = limits;
    this.#key = key;
    this.#rate = rate;
    this.#keepMs = leewaySeconds(rate) * 1000;
  }

  /** For how many milliseconds it is known that there is nothing to have. */
  get emptyMs(): number {
    return Math.max(0, this.#emptyUntil - performance.now());
  }

  /** @returns 0: they are taken; else after how many milliseconds to ask again */
  async take(records: number): Promise<number> {
    // More than there ever is counts as all of it.
    const needed = Math.min(records, this.#rate.records);
    const now = performance.now();
    if (now < this.#emptyUntil) return this.#emptyUntil - now;
    if (now - this.#takenAt > this.#keepMs) this.#left = 0;
    if (this.#waiting.length === 0 && this.#use(needed)) return 0;
    return await new Promise<number>((resolve, reject) => {
      this.#waiting.push({ needed, resolve, reject });
      if (!this.#filling) void this.#fill();
    });
  }

  #use(needed: number): boolean {
    if (this.#left < needed) return false;
    this.#left -= needed;
    this.#used += needed;
    return true;
  }

  async #fill(): Promise<void> {
    this.#filling = true;
    // All who come in the same moment are asked for together.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) await this.#ask(this.#waiting[0]!.needed);
    } catch (error) {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    } finally {
      this.#filling = false;
    }
  }

  async #ask(least: number): Promise<void> {
    const all = this.#waiting.reduce((sum, { needed }) => sum + needed, 0);
    const most = Math.max(all, Math.floor(this.#expected()));
    const asked = performance.now();
    const { records, waitSeconds } = await this.#limits.take(this.#key, this.#rate, { least, most });
    if (records < least) {
      this.#emptyUntil = performance.now() + waitSeconds * 1000;
      for (const { resolve } of this.#waiting.splice(0)) resolve(waitSeconds * 1000);
      return;
    }
    this.#left = records;
    this.#used = 0;
    this.#takenAt = asked;
    while (this.#waiting.length > 0 && this.#use(this.#waiting[0]!.needed)) this.#waiting.shift()!.resolve(0);
  }

  /** As many as were used lately, in the time for which they may be kept. */
  #expected(): number {
    const ms = Math.max(1, performance.now() - this.#takenAt);
    return (this.#used / ms) * this.#keepMs;
  }
}
