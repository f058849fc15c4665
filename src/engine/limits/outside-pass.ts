import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Breaker } from '../../core/limits.ts';
import type { Pass, TargetOutcome } from './pass.ts';
import type { RateStock } from './rate-stock.ts';
import type { SlotShare } from './slot-share.ts';
import type { Target } from './target.ts';

/** How long a call waits for its leave before the chunk is told to come back. */
export const PATIENCE_MS = 2000;

/** When those come back for whom there was no slot; spread, so that they do not all come at once. */
export function comeBackSeconds(random: () => number = Math.random): number {
  return 1 + random();
}

export interface OutsideLimits {
  target: Target;
  /** `null`: as many calls at once as there are chunks for, each so many. */
  slots: SlotShare | null;
  /** All of them hold; what others share stands last, so that nothing of it is taken in vain. */
  rates: readonly RateStock[];
  breaker: Breaker | undefined;
  /** How long one call may take. */
  timeoutSeconds: number;
  /** Calls at once that a chunk makes where the operation sets no limit. */
  unlimitedCalls: number;
}

/** Leave to call a target. */
export class OutsidePass implements Pass {
  readonly #limits: OutsideLimits;
  readonly #release: () => Promise<void>;
  #released: Promise<void> | undefined;

  constructor(limits: OutsideLimits, release: () => Promise<void>) {
    this.#limits = limits;
    this.#release = release;
  }

  get calls(): number {
    const { slots, unlimitedCalls } = this.#limits;
    return slots === null ? unlimitedCalls : Math.max(1, slots.usable);
  }

  async take(records: number): Promise<{ records: number; waitSeconds: number }> {
    return { records, waitSeconds: 0 };
  }

  async call(records: number, signal: AbortSignal): Promise<number | null> {
    signal.throwIfAborted();
    // As many calls wait with a chunk's signal as it makes at once.
    setMaxListeners(0, signal);
    const until = performance.now() + PATIENCE_MS;
    const { slots } = this.#limits;
    if (slots !== null && !(await slots.enter(until, signal))) return comeBackSeconds();
    try {
      const waitMs = await this.#waitFor(records, until, signal);
      if (waitMs === 0) return null;
      slots?.leave();
      return waitMs / 1000;
    } catch (error) {
      slots?.leave();
      throw error;
    }
  }

  told(outcome: TargetOutcome): void {
    const { slots, target, breaker } = this.#limits;
    slots?.leave();
    target.told(outcome, breaker);
  }

  async release(): Promise<void> {
    this.#released ??= this.#release();
    await this.#released;
  }

  /** @returns 0: the call may be made; else after how many milliseconds to ask again, which is not soon */
  async #waitFor(records: number, until: number, signal: AbortSignal): Promise<number> {
    for (;;) {
      const waitMs = await this.#look(records);
      signal.throwIfAborted();
      if (waitMs === 0 || performance.now() + waitMs > until) return waitMs;
      await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  async #look(records: number): Promise<number> {
    const { target, slots, rates, breaker, timeoutSeconds } = this.#limits;
    const closedMs = target.closedMs(breaker);
    if (closedMs > 0) return closedMs;
    const known = Math.max(0, ...rates.map(({ emptyMs }) => emptyMs));
    if (known > 0) return known;
    for (const rate of rates) {
      const emptyMs = await rate.take(records);
      if (emptyMs > 0) return emptyMs;
    }
    // What was asked for may have taken its time.
    if (slots !== null && !slots.isGood) return comeBackSeconds() * 1000;
    if (target.closedMs(breaker) > 0) return target.closedMs(breaker);
    if (await target.mayTry(breaker, timeoutSeconds)) return 0;
    return Math.max(1, target.closedMs(breaker));
  }
}
