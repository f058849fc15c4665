import { OUTSIDE_TIMEOUT_SECONDS } from '../core/limits.ts';
import type { Operation, OutsideOperation, TransactionOperation } from '../core/operation.ts';
import { AccountRates } from './limits/account-rates.ts';
import { EmptyRates } from './limits/empty-rates.ts';
import { type KeyedRate, limitedAs, namedRate } from './limits/keys.ts';
import { comeBackSeconds, OutsidePass, PATIENCE_MS } from './limits/outside-pass.ts';
import type { Pass } from './limits/pass.ts';
import { RateStock } from './limits/rate-stock.ts';
import { SharedParts } from './limits/shared-parts.ts';
import { TargetWatch, type TargetWatchParts } from './limits/target-watch.ts';
import { TransactionPass } from './limits/transaction-pass.ts';
import type { AccountStore } from './ports/admin-store.ts';

export type { Pass } from './limits/pass.ts';

/** Calls at once that a chunk makes of an operation without `limits.concurrency`. */
export const DEFAULT_CALLS = 16;

/** A chunk in a transaction that waits for a slot keeps others from computing: it is given back soon. */
const BRIEFLY_MS = 250;

/** Calls at once that one chunk makes at the most: more chunks make more of them. */
const MOST_CALLS = 256;

export interface GateParts extends TargetWatchParts {
  accounts: Pick<AccountStore, 'limitSettings'>;
}

/**
 * Keeps the limits of operations, together with the gates of all other processes. An operation in transactions without
 * `concurrency` and `rate` costs no statement; one with outside effects costs one a chunk and a few a second for all,
 * since whatever its target asks for holds for everybody who calls it.
 */
export class Gate {
  readonly #parts: GateParts;
  readonly #accountRates: AccountRates;
  readonly #watch: TargetWatch;
  readonly #stocks = new SharedParts<RateStock>();
  readonly #emptyRates = new EmptyRates();
  readonly #passes = new Set<Pass>();

  constructor(parts: GateParts) {
    this.#parts = parts;
    this.#accountRates = new AccountRates(parts.accounts);
    this.#watch = new TargetWatch(parts);
  }

  /**
   * Leave to begin with a chunk; a number of seconds to come back after, when there is none soon.
   * @param options.rateTaken its records are counted already, as those of single calls are
   */
  async enter(
    operation: Operation,
    accountId: string,
    signal: AbortSignal,
    options: { rateTaken?: boolean } = {},
  ): Promise<Pass | { waitSeconds: number }> {
    const rates = options.rateTaken ? [] : await this.#accountRates.of(operation, accountId);
    return operation.effects === 'outside'
      ? await this.#enterOutside(operation, rates, signal)
      : await this.#enterTransaction(operation, rates, signal);
  }

  /** Gives everything back. */
  async close(): Promise<void> {
    await Promise.all([...this.#passes].map((pass) => pass.release()));
  }

  async #enterTransaction(
    operation: TransactionOperation,
    rates: readonly KeyedRate[],
    signal: AbortSignal,
  ): Promise<Pass | { waitSeconds: number }> {
    const { concurrency } = operation.limits;
    const { limits } = this.#parts;
    const waitSeconds = Math.max(0, ...rates.map((rate) => this.#emptyRates.waitSeconds(namedRate(rate))));
    if (waitSeconds > 0) return { waitSeconds };
    const slot =
      concurrency === undefined
        ? null
        : this.#watch.openShare(limitedAs(operation), { of: concurrency, most: 1 });
    const emptyRates = this.#emptyRates;
    const pass: Pass = new TransactionPass({ limits, emptyRates, rates }, async () => {
      this.#passes.delete(pass);
      if (slot !== null) await this.#watch.closeShare(slot);
    });
    return await this.#admit(pass, async () => {
      if (slot === null || (await slot.enter(performance.now() + BRIEFLY_MS, signal))) return 0;
      return comeBackSeconds();
    });
  }

  async #enterOutside(
    operation: OutsideOperation,
    rates: readonly KeyedRate[],
    signal: AbortSignal,
  ): Promise<Pass | { waitSeconds: number }> {
    const { concurrency, breaker, timeoutSeconds = OUTSIDE_TIMEOUT_SECONDS } = operation.limits;
    const name = limitedAs(operation);
    const target = this.#watch.open(name);
    const slots =
      concurrency === undefined
        ? null
        : this.#watch.openShare(name, { of: concurrency, most: Math.min(concurrency, MOST_CALLS) });
    const stocks = rates.map((rate) => this.#openStock(rate));
    const limits = { target, slots, breaker, timeoutSeconds, unlimitedCalls: DEFAULT_CALLS };
    const pass: Pass = new OutsidePass({ ...limits, rates: stocks }, async () => {
      this.#passes.delete(pass);
      for (const rate of rates) this.#stocks.leave(namedRate(rate));
      if (slots !== null) await this.#watch.closeShare(slots);
      await this.#watch.close(target);
    });
    return await this.#admit(pass, async () => {
      await this.#watch.look(target);
      const closedMs = target.closedMs(breaker);
      if (closedMs > 0) return closedMs / 1000;
      if (slots === null) return 0;
      if (!(await slots.enter(performance.now() + PATIENCE_MS, signal))) return comeBackSeconds();
      slots.leave();
      return 0;
    });
  }

  #openStock({ key, rate }: KeyedRate): RateStock {
    return this.#stocks.take(namedRate({ key, rate }), () => new RateStock(this.#parts.limits, key, rate));
  }

  /** @param wait answers 0 when the pass may begin, else the seconds after which to come back */
  async #admit(pass: Pass, wait: () => Promise<number>): Promise<Pass | { waitSeconds: number }> {
    this.#passes.add(pass);
    try {
      const waitSeconds = await wait();
      if (waitSeconds === 0) return pass;
      await pass.release();
      return { waitSeconds };
    } catch (error) {
      await pass.release();
      throw error;
    }
  }
}
