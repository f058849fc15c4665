import { OUTSIDE_TIMEOUT_SECONDS, type Rate } from '../core/limits.ts';
import type { Operation, OutsideOperation, TransactionOperation } from '../core/operation.ts';
import { EmptyRates } from './limits/empty-rates.ts';
import { limitedAs, rateKey } from './limits/keys.ts';
import { comeBackSeconds, OutsidePass, PATIENCE_MS } from './limits/outside-pass.ts';
import type { Pass } from './limits/pass.ts';
import { RateStock } from './limits/rate-stock.ts';
import { SharedParts } from './limits/shared-parts.ts';
import { TargetWatch, type TargetWatchParts } from './limits/target-watch.ts';
import { TransactionPass } from './limits/transaction-pass.ts';

export type { Pass } from './limits/pass.ts';

/** Calls at once that a chunk makes of an operation without `limits.concurrency`. */
export const DEFAULT_CALLS = 16;

/** A chunk in a transaction that waits for a slot keeps others from computing: it is given back soon. */
const BRIEFLY_MS = 250;

/** Calls at once that one chunk makes at the most: more chunks make more of them. */
const MOST_CALLS = 256;

/**
 * Keeps the limits of operations, together with the gates of all other processes. An operation in transactions without
 * `concurrency` and `rate` costs no statement; one with outside effects costs one a chunk and a few a second for all,
 * since whatever its target asks for holds for everybody who calls it.
 */
export class Gate {
  readonly #parts: TargetWatchParts;
  readonly #watch: TargetWatch;
  readonly #stocks = new SharedParts<RateStock>();
  readonly #emptyRates = new EmptyRates();
  readonly #passes = new Set<Pass>();

  constructor(parts: TargetWatchParts) {
    this.#parts = parts;
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
    const limits = options.rateTaken ? { ...operation.limits, rate: undefined } : operation.limits;
    return operation.effects === 'outside'
      ? await this.#enterOutside({ ...operation, limits }, accountId, signal)
      : await this.#enterTransaction({ ...operation, limits }, accountId, signal);
  }

  /** Gives everything back. */
  async close(): Promise<void> {
    await Promise.all([...this.#passes].map((pass) => pass.release()));
  }

  async #enterTransaction(
    operation: TransactionOperation,
    accountId: string,
    signal: AbortSignal,
  ): Promise<Pass | { waitSeconds: number }> {
    const { concurrency, rate } = operation.limits;
    const { limits } = this.#parts;
    const kept = rate === undefined ? null : { key: rateKey(operation, rate, accountId), rate };
    const waitSeconds = kept === null ? 0 : this.#emptyRates.waitSeconds(kept.key);
    if (waitSeconds > 0) return { waitSeconds };
    const slot =
      concurrency === undefined
        ? null
        : this.#watch.openShare(limitedAs(operation), { of: concurrency, most: 1 });
    const emptyRates = this.#emptyRates;
    const pass: Pass = new TransactionPass({ limits, emptyRates, rate: kept }, async () => {
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
    accountId: string,
    signal: AbortSignal,
  ): Promise<Pass | { waitSeconds: number }> {
    const { concurrency, rate, breaker, timeoutSeconds = OUTSIDE_TIMEOUT_SECONDS } = operation.limits;
    const name = limitedAs(operation);
    const target = this.#watch.open(name);
    const slots =
      concurrency === undefined
        ? null
        : this.#watch.openShare(name, { of: concurrency, most: Math.min(concurrency, MOST_CALLS) });
    const stock = rate === undefined ? null : this.#openStock(rateKey(operation, rate, accountId), rate);
    const limits = { target, slots, breaker, timeoutSeconds, unlimitedCalls: DEFAULT_CALLS };
    const pass: Pass = new OutsidePass({ ...limits, rate: stock }, async () => {
      this.#passes.delete(pass);
      if (stock !== null) this.#stocks.leave(stock.key);
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

  #openStock(key: string, rate: Rate): RateStock {
    return this.#stocks.take(key, () => new RateStock(this.#parts.limits, key, rate));
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
