import type { Rate } from '../../core/limits.ts';
import type { LimitStore } from '../ports/limit-store.ts';
import type { EmptyRates } from './empty-rates.ts';
import type { Pass } from './pass.ts';

/** Where a rate gives back little by little, it is not asked for more often than this. */
const LEAST_WAIT_SECONDS = 1;

export interface TransactionLimits {
  limits: Pick<LimitStore, 'take'>;
  emptyRates: EmptyRates;
  /** `null`: no limit. */
  rate: { key: string; rate: Rate } | null;
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
    const { limits, emptyRates, rate } = this.#limits;
    if (rate === null || records === 0) return { records, waitSeconds: 0 };
    const taken = await limits.take(rate.key, rate.rate, { least: 1, most: records });
    if (taken.records === records) return { records, waitSeconds: 0 };
    const waitSeconds = Math.max(LEAST_WAIT_SECONDS, taken.waitSeconds);
    emptyRates.note(rate.key, waitSeconds);
    return { records: taken.records, waitSeconds };
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
