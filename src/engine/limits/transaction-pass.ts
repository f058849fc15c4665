import type { LimitStore } from '../ports/limit-store.ts';
import type { EmptyRates } from './empty-rates.ts';
import { type KeyedRate, namedRate } from './keys.ts';
import type { Pass } from './pass.ts';

/** Where a rate gives back little by little, it is not asked for more often than this. */
const LEAST_WAIT_SECONDS = 1;

export interface TransactionLimits {
  limits: Pick<LimitStore, 'take'>;
  emptyRates: EmptyRates;
  /** All of them hold; what others share stands last, so that little of it is taken in vain. */
  rates: readonly KeyedRate[];
}

/** Leave to work on a chunk in a transaction: one call. */
export class TransactionPass implements Pass {
  readonly calls = 1;
  readonly #limits: TransactionLimits;
  readonly #release: () => Promise<void>;
  #released: Promise<void> | undefined;

  constructor(limits: TransactionLimits, release: () => Promise<void>) {
    this.#limits = limits;
    this.#release = release;
  }

  async take(records: number): Promise<{ records: number; waitSeconds: number }> {
    const { limits, emptyRates, rates } = this.#limits;
    let allowed = records;
    let waitSeconds = 0;
    for (const [index, { key, rate }] of rates.entries()) {
      if (allowed === 0) break;
      const most = Math.min(allowed, ...rates.slice(index + 1).map((later) => later.rate.records));
      const taken = await limits.take(key, rate, { least: 1, most });
      if (taken.records < most) {
        const wait = Math.max(LEAST_WAIT_SECONDS, taken.waitSeconds);
        emptyRates.note(namedRate({ key, rate }), wait);
        waitSeconds = Math.max(waitSeconds, wait);
      }
      allowed = taken.records;
    }
    if (allowed === records) return { records, waitSeconds: 0 };
    return { records: allowed, waitSeconds: Math.max(LEAST_WAIT_SECONDS, waitSeconds) };
  }

  async call(): Promise<null> {
    return null;
  }

  told(): void {}

  async release(): Promise<void> {
    this.#released ??= this.#release();
    await this.#released;
  }
}
