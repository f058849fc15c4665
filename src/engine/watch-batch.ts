import { isTerminal } from '../core/batch.ts';
import type { Log } from '../core/log.ts';
import type { BatchRow, BatchStore } from './ports/request-stores.ts';

/** Told of every look at a batch; `null`: it is not there any more, and there is no further look. */
export type Watcher = (batch: BatchRow | null) => void;

interface Watched {
  /** Of the account that the batch is of, whoever of it watches. */
  batches: Pick<BatchStore, 'look'>;
  id: string;
  watchers: Set<Watcher>;
  /** Statuses that some watcher had seen when it came: a look that shows fewer was begun before, and is out of date. */
  seen: number;
  timer: NodeJS.Timeout | undefined;
}

const INTERVAL_MS = 1000;

/** Beyond 200 batches looks become rarer, so that watching never asks more than 200 queries a second of the database. */
const MS_PER_BATCH = 5;

/**
 * Whether nothing more happens to a batch by itself: it has ended, and its files are there or were. One that is to be
 * deleted is still on its way.
 */
export function isOver(batch: BatchRow): boolean {
  return isTerminal(batch.status) && (batch.resultsReady || batch.expired) && !batch.deleting;
}

/**
 * Looks at batches for those who follow them: once a second at each, however many watch it, and only as long as somebody
 * does and the batch is not over. PostgreSQL is asked, as it knows every status with its time: nothing is missed
 * between two looks, whichever process did the work.
 */
export class BatchWatches {
  readonly #log: Log;
  readonly #intervalMs: number;
  readonly #watched = new Map<string, Watched>();
  #failing = false;

  constructor(engine: { log: Log }, intervalMs = INTERVAL_MS) {
    this.#log = engine.log;
    this.#intervalMs = intervalMs;
  }

  /**
   * @param batches where it is looked at: the account’s
   * @param batch as the watcher knows it
   * @returns what to call when it does not want to be told any more
   */
  watch(batches: Pick<BatchStore, 'look'>, batch: BatchRow, watcher: Watcher): () => void {
    const watched = this.#watched.get(batch.id) ?? this.#begin(batches, batch.id);
    watched.seen = Math.max(watched.seen, batch.statuses.length);
    watched.watchers.add(watcher);
    return () => {
      watched.watchers.delete(watcher);
      if (watched.watchers.size === 0) this.#end(watched);
    };
  }

  #begin(batches: Pick<BatchStore, 'look'>, id: string): Watched {
    const watched: Watched = { batches, id, watchers: new Set(), seen: 0, timer: undefined };
    this.#watched.set(id, watched);
    this.#schedule(watched);
    return watched;
  }

  #end(watched: Watched): void {
    clearTimeout(watched.timer);
    // Another may have been begun for the same batch since this one was over.
    if (this.#watched.get(watched.id) === watched) this.#watched.delete(watched.id);
  }

  /** After each look anew, so that a slow database is never asked for the same batch twice at once. */
  #schedule(watched: Watched): void {
    const wait = Math.max(this.#intervalMs, this.#watched.size * MS_PER_BATCH);
    watched.timer = setTimeout(() => void this.#look(watched), wait);
  }

  async #look(watched: Watched): Promise<void> {
    try {
      const batch = await watched.batches.look(watched.id);
      if (watched.watchers.size === 0) return;
      this.#works();
      if (batch === null || batch.statuses.length >= watched.seen) {
        for (const watcher of [...watched.watchers]) watcher(batch);
        if (batch === null || isOver(batch)) this.#end(watched);
      }
    } catch (error) {
      if (watched.watchers.size === 0) return;
      this.#fails(error);
    }
    if (this.#watched.get(watched.id) === watched) this.#schedule(watched);
  }

  /** A database that is away is away for all batches: told once, not for each of them every second. */
  #fails(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#log.warn({ err: error }, 'batches that are followed cannot be looked at; trying again');
  }

  #works(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#log.info({ batches: this.#watched.size }, 'batches that are followed can be looked at again');
  }
}
