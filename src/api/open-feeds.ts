import type { Writable } from 'node:stream';
import { RequestError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { BatchRow, BatchStore } from '../engine/ports/request-stores.ts';
import { BatchWatches, isOver } from '../engine/watch-batch.ts';
import { BatchFeed } from './batch-feed.ts';

export interface FeedLimits {
  /** Streams that are open at the same time in this process. */
  most: number;
  /** Of these one account's: others have room for theirs. */
  mostOfAccount: number;
  /** Between two looks at a batch. */
  lookMs: number;
  keepAliveMs: number;
  /** Between two looks at whether the reader may still see it. */
  rightsMs: number;
  /** A stream is closed after so long, and may be opened again. */
  longestMs: number;
  /** For a reader to take some of what waits for it, before its connection is cut. */
  readerMs: number;
  /** The same of what is left for it at the end. */
  graceMs: number;
}

const LIMITS: FeedLimits = {
  most: 1000,
  mostOfAccount: 250,
  lookMs: 1000,
  keepAliveMs: 15_000,
  rightsMs: 5000,
  longestMs: 3_600_000,
  readerMs: 60_000,
  graceMs: 1000,
};

/** The event streams of this process: how many there may be, how old each may become, and the end of all. */
export class OpenFeeds {
  readonly #limits: FeedLimits;
  readonly #watches: BatchWatches;
  /** What ends each of them, and whose it is. */
  readonly #open = new Map<() => void, string>();
  #closed = false;

  constructor(services: { log: Log; feeds?: Partial<FeedLimits> }) {
    this.#limits = { ...LIMITS, ...services.feeds };
    this.#watches = new BatchWatches(services, this.#limits.lookMs);
  }

  /** @throws {RequestError} unavailable */
  checkRoom(accountId: string): void {
    if (this.#closed)
      throw new RequestError('unavailable', 'this server is stopping; send the request again');
    const { most, mostOfAccount } = this.#limits;
    const ofAccount = [...this.#open.values()].filter((id) => id === accountId).length;
    if (this.#open.size < most && ofAccount < mostOfAccount) return;
    const full =
      this.#open.size < most ? `${mostOfAccount} event streams of the account` : `${most} event streams`;
    throw new RequestError(
      'unavailable',
      `${full} are open here, which is as many as may be; look at the batch itself, or try again`,
    );
  }

  /**
   * Tells of a batch until it is over, the reader goes or may not see it any more, or the time is up; ends `out` with it.
   * @param reader.batches where it is looked at: the account’s
   * @param reader.isStillAdmitted whether the same request would still be let in
   */
  open(
    out: Writable,
    { batches, isStillAdmitted }: { batches: Pick<BatchStore, 'look'>; isStillAdmitted(): Promise<boolean> },
    batch: BatchRow,
    sent: number,
  ): void {
    // Gone while the batch was looked for: there is nobody who would close this any more.
    if (out.destroyed) return;
    const feed = new BatchFeed(out, batch, sent);
    const leave = isOver(batch)
      ? () => undefined
      : this.#watches.watch(batches, batch, (seen) => feed.see(seen));
    let grace: NodeJS.Timeout | undefined;
    const finish = () => {
      leave();
      feed.finish();
      grace ??= setTimeout(() => out.destroy(), this.#limits.graceMs);
    };
    const keepAlive = setInterval(() => feed.keepAlive(), this.#limits.keepAliveMs);
    const reader = watchReader(out, this.#limits.readerMs);
    const rights = setInterval(
      // A database that is away takes nobody's rights.
      () =>
        void isStillAdmitted().then(
          (may) => (may ? undefined : finish()),
          () => undefined,
        ),
      this.#limits.rightsMs,
    );
    const age = setTimeout(finish, this.#limits.longestMs);
    this.#open.set(finish, batch.accountId);
    out.once('close', () => {
      leave();
      clearInterval(keepAlive);
      clearInterval(rights);
      clearInterval(reader);
      clearTimeout(age);
      clearTimeout(grace);
      this.#open.delete(finish);
    });
  }

  /** Ends all at once: a server that stops waits for its connections. */
  close(): void {
    this.#closed = true;
    for (const finish of [...this.#open.keys()]) finish();
  }
}

/** Cuts off who takes nothing for so long. One that only falls behind misses progress (batch-feed.ts) and is kept. */
function watchReader(out: Writable, readerMs: number): NodeJS.Timeout {
  let waits = false;
  out.on('drain', () => {
    waits = false;
  });
  return setInterval(() => {
    if (waits) out.destroy();
    waits = out.writableNeedDrain;
  }, readerMs);
}
