import { LeaseLost, RetryableFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { LeaseRef } from './ports/claims.ts';
import type { WorkStore } from './ports/work-store.ts';

/** A lease while its work runs. */
export interface HeldLease {
  /** Fires when the lease is lost, and when the worker must stop at once. */
  signal: AbortSignal;
  /** Shown on the batch with the next renewal; a step that calls it is not given up as stuck. */
  progress(done: number): void;
  /** A sign of progress that is not shown. */
  alive(): void;
}

interface Holding {
  ref: LeaseRef;
  abort: AbortController;
  /** Monotonic clock (ms) after which nobody guarantees that the lease is still ours. */
  goodUntil: number;
  /** How long (ms) the process has been awake since the last sign of progress. */
  idleMs: number;
}

/** Renewals carry the progress of copying and of writing results, which people watch. */
const LONGEST_INTERVAL_MS = 2000;

/**
 * Renews every lease of this process, all in one statement on a connection that does nothing else, so that a long
 * handler or a full pool never lets one run out. The deadline itself is kept by the database's clock; the monotonic
 * one here only decides when to stop believing, should the database not answer.
 */
export class LeaseKeeper {
  readonly #store: Pick<WorkStore, 'renew'>;
  readonly #seconds: number;
  readonly #stepMs: number;
  readonly #log: Log;
  readonly #held = new Map<string, Holding>();
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;

  /** @param times.stepSeconds after how long without progress a step loses its lease */
  constructor(
    store: Pick<WorkStore, 'renew'>,
    times: { leaseSeconds: number; stepSeconds: number },
    log: Log,
  ) {
    this.#store = store;
    this.#seconds = times.leaseSeconds;
    this.#stepMs = times.stepSeconds * 1000;
    this.#log = log;
  }

  /**
   * Runs `work` under a lease that was just claimed, and renews it until the work ends.
   * @throws {LeaseLost | RetryableFault} whatever the work failed with, if the lease was lost before: mostly that is an
   *   AbortError
   */
  async hold<T>(ref: LeaseRef, work: (lease: HeldLease) => Promise<T>): Promise<T> {
    const holding: Holding = {
      ref,
      abort: new AbortController(),
      goodUntil: this.#deadline(),
      idleMs: 0,
    };
    this.#held.set(ref.lease, holding);
    this.#schedule();
    try {
      return await work({
        signal: holding.abort.signal,
        progress: (done) => {
          if (done !== holding.ref.progressDone) holding.idleMs = 0;
          holding.ref = { ...holding.ref, progressDone: done };
        },
        alive: () => {
          holding.idleMs = 0;
        },
      });
    } catch (error) {
      const told = holding.abort.signal.aborted ? holding.abort.signal.reason : error;
      // What failed may go on behind, such as a handler whose database session was lost: it is told to stop.
      holding.abort.abort(told);
      throw told;
    } finally {
      this.#held.delete(ref.lease);
    }
  }

  /** Aborts whatever is still held: the worker is going away and hands its work back. */
  abortAll(): void {
    for (const holding of this.#held.values()) holding.abort.abort(new LeaseLost(describe(holding.ref)));
  }

  /** What was begun and has not ended, told to stop or not. */
  held(): LeaseRef[] {
    return [...this.#held.values()].map(({ ref }) => ref);
  }

  async close(): Promise<void> {
    this.abortAll();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#renewing;
  }

  get #intervalMs(): number {
    return Math.min((this.#seconds * 1000) / 3, LONGEST_INTERVAL_MS);
  }

  #deadline(): number {
    return performance.now() + this.#seconds * 1000;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#held.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#loseStuck();
      // A database that went away without a word answers neither yes nor no: the clock must go on beside it.
      if (this.#renewing !== undefined) this.#loseOverdue();
      else {
        this.#renewing = this.#renew().finally(() => {
          this.#renewing = undefined;
        });
      }
      this.#schedule();
    }, this.#intervalMs);
  }

  async #renew(): Promise<void> {
    // What was lost is not renewed, whether its work has ended or not: then its session is ended for it.
    const asked = [...this.#held.values()].filter((holding) => !holding.abort.signal.aborted);
    if (asked.length === 0) return;
    const goodUntil = this.#deadline();
    try {
      const still = await this.#store.renew(asked.map((holding) => holding.ref));
      for (const holding of asked) {
        if (still.has(holding.ref.lease)) holding.goodUntil = goodUntil;
        else if (this.#held.has(holding.ref.lease))
          this.#lose(holding, 'it was taken over or its batch moved on');
      }
    } catch (error) {
      this.#log.warn({ err: error }, 'leases could not be renewed; trying again');
      this.#loseOverdue();
    }
  }

  #loseStuck(): void {
    for (const holding of this.#held.values()) {
      holding.idleMs += this.#intervalMs;
      if (holding.idleMs < this.#stepMs) continue;
      // Unlike a lease that somebody else has, this speaks against the step: it costs an attempt.
      const stuck = new RetryableFault(`no progress within ${this.#stepMs / 1000} seconds`);
      this.#lose(holding, stuck.message, stuck);
    }
  }

  #loseOverdue(): void {
    for (const holding of this.#held.values()) {
      if (performance.now() >= holding.goodUntil) this.#lose(holding, 'the database did not answer in time');
    }
  }

  #lose(holding: Holding, why: string, reason: Error = new LeaseLost(describe(holding.ref))): void {
    if (holding.abort.signal.aborted) return;
    this.#log.warn({ ...holding.ref, why }, 'lease lost');
    holding.abort.abort(reason);
  }
}

function describe(ref: LeaseRef): string {
  return ref.kind === 'chunk' ? `chunk ${ref.number} of batch ${ref.batchId}` : `batch ${ref.batchId}`;
}
