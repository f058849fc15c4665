import type { Writable } from 'node:stream';
import { RequestError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { BatchRow, BatchStore } from '../engine/ports/request-stores.ts';
import { BatchWatches, isOver } from '../engine/watch-batch.ts';
import { BatchFeed } from './batch-feed.ts';

export interface FeedLimits {
  /** Streams that are open at the same time in this process. */
  most: number;
  /** Between two looks at a batch. */
  lookMs: number;
  keepAliveMs: number;
  /** A stream is closed after so long: whoever may not see the batch any more cannot come back. */
  longestMs: number;
  /** For a reader to take what is left for it, before its connection is cut. */
  graceMs: number;
}

const LIMITS: FeedLimits = {
  most: 1000,
  lookMs: 1000,
  keepAliveMs: 15_000,
  longestMs: 3_600_000,
  graceMs: 1000,
};

/** The event streams of this process: how many there may be, how old each may become, and the end of all. */
export class OpenFeeds {
  readonly #limits: FeedLimits;
  readonly #watches: BatchWatches;
  /** What ends each of them. */
  readonly #open = new Set<() => void>();
  #closed = false;

  constructor(services: { batches: BatchStore; log: Log; feeds?: Partial<FeedLimits> }) {
    this.#limits = { ...LIMITS, ...services.feeds };
    this.#watches = new BatchWatches(services, this.#limits.lookMs);
  }

  /** @throws {RequestError} unavailable */
  checkRoom(): void {
    if (this.#closed)
      throw new RequestError('unavailable', 'this server is stopping; send the request again');
    if (this.#open.size < this.#limits.most) return;
    throw new RequestError(
      'unavailable',
      `${this.#limits.most} event streams are open here, which is as many as may be; look at the batch itself, or try again`,
    );
  }

  /** Tells of a batch until it is over, the reader goes, or the time is up; ends `out` with it. */
  open(out: Writable, batch: BatchRow, sent: number): void {
    // Gone while the batch was looked for: there is nobody who would close this any more.
    if (out.destroyed) return;
    const feed = new BatchFeed(out, batch, sent);
    const leave = isOver(batch) ? () => undefined : this.#watches.watch(batch, (seen) => feed.see(seen));
    let grace: NodeJS.Timeout | undefined;
    const finish = () => {
      leave();
      feed.finish();
      grace ??= setTimeout(() => out.destroy(), this.#limits.graceMs);
    };
    const keepAlive = setInterval(() => feed.keepAlive(), this.#limits.keepAliveMs);
    const age = setTimeout(finish, this.#limits.longestMs);
    this.#open.add(finish);
    out.once('close', () => {
      leave();
      clearInterval(keepAlive);
      clearTimeout(age);
      clearTimeout(grace);
      this.#open.delete(finish);
    });
  }

  /** Ends all at once: a server that stops waits for its connections. */
  close(): void {
    this.#closed = true;
    for (const finish of [...this.#open]) finish();
  }
}
