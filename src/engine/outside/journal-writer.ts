import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { RetryableFault } from '../../core/errors.ts';
import type { JournalEntry } from '../ports/chunk-outcome.ts';
import type { ChunkSession } from '../ports/chunk-session.ts';
import type { ChunkClaim } from '../ports/claims.ts';

type JournalSession = Pick<ChunkSession, 'noteStarted' | 'noteOutcomes'>;

/** What may be sent, and since when (ms, monotonic clock) nobody knows any more whether the lease is held. */
export interface Begun {
  records: ReadonlySet<number>;
  askedAt: number;
}

interface Start {
  entries: readonly JournalEntry[];
  resolve: (begun: Begun) => void;
  reject: (error: unknown) => void;
}

/** After which waits (ms) outcomes are written again that could not be: without them their records are sent again. */
const AGAIN_AFTER_MS = [100, 400, 1500];

/**
 * Writes the journal of a chunk for all calls that are made at once. One statement is under way at a time, as the
 * session has one connection; what comes meanwhile goes together with the next, so that many quick calls wait for few
 * commits.
 */
export class JournalWriter {
  readonly #session: JournalSession;
  readonly #claim: ChunkClaim;
  #starts: Start[] = [];
  #outcomes: JournalEntry[] = [];
  #writing: Promise<void> | null = null;
  #fault: { error: unknown } | null = null;

  constructor(session: JournalSession, claim: ChunkClaim) {
    this.#session = session;
    this.#claim = claim;
  }

  /**
   * Notes that records are about to be sent.
   * @returns those that may be: of others a result has become known meanwhile
   * @throws {LeaseLost} @throws whatever kept earlier outcomes from being noted
   */
  async start(entries: readonly JournalEntry[]): Promise<Begun> {
    this.#check();
    return await new Promise((resolve, reject) => {
      this.#starts.push({ entries, resolve, reject });
      this.#write();
    });
  }

  /** Nobody waits for it: whether it was written is told by what comes next. */
  note(outcomes: readonly JournalEntry[]): void {
    this.#outcomes.push(...outcomes);
    this.#write();
  }

  /** Waits until everything is written. @throws what kept outcomes from being noted */
  async drained(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    this.#check();
  }

  #check(): void {
    if (this.#fault !== null) throw this.#fault.error;
  }

  #write(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
      // What came between the last look and here found a writer that had ended.
      if (this.#outcomes.length > 0 || this.#starts.length > 0) this.#write();
    });
  }

  async #writeAll(): Promise<void> {
    // What several calls come to in the same moment goes together from the first.
    await turn();
    while (this.#outcomes.length > 0 || this.#starts.length > 0) {
      const outcomes = this.#outcomes.splice(0);
      const starts = this.#starts.splice(0);
      if (outcomes.length > 0) await this.#writeOutcomes(outcomes);
      if (starts.length > 0) await this.#writeStarts(starts);
    }
  }

  async #writeOutcomes(outcomes: readonly JournalEntry[]): Promise<void> {
    for (const wait of [...AGAIN_AFTER_MS, null]) {
      try {
        return await this.#session.noteOutcomes(this.#claim, outcomes);
      } catch (error) {
        if (wait === null || !(error instanceof RetryableFault)) {
          this.#fault ??= { error };
          return;
        }
        await sleep(wait);
      }
    }
  }

  async #writeStarts(starts: readonly Start[]): Promise<void> {
    try {
      this.#check();
      const entries = starts.flatMap((start) => start.entries);
      const askedAt = performance.now();
      const records = await this.#session.noteStarted(this.#claim, entries);
      for (const { resolve } of starts) resolve({ records, askedAt });
    } catch (error) {
      for (const { reject } of starts) reject(error);
    }
  }
}
