import type { Writable } from 'node:stream';
import type { BatchRow } from '../engine/ports/request-stores.ts';
import { progressOf } from '../engine/progress.ts';
import { isOver } from '../engine/watch-batch.ts';
import { batchView, milliseconds } from './batch-view.ts';
import type { BatchGoneEvent, BatchProgressEvent, BatchStatusEvent } from './schemas/batch-events.ts';

/** After how long a client comes back that was cut off. */
const RETRY_MS = 2000;

/**
 * Tells one reader of one batch as server-sent events. What is owed is worked out from the last look and from what was
 * sent, and only when the reader takes more: one that is slow misses progress, no status, and costs no memory.
 */
export class BatchFeed {
  readonly #out: Writable;
  #batch: BatchRow;
  #gone = false;
  /** How many of its statuses the reader has. */
  #sent: number;
  #progress = '';
  #takes = true;
  #finished = false;

  constructor(out: Writable, batch: BatchRow, sent: number) {
    this.#out = out;
    this.#batch = batch;
    this.#sent = sent;
    out.on('drain', () => {
      this.#takes = true;
      this.#tell();
    });
    out.write(`retry: ${RETRY_MS}\n\n`);
    this.#tell();
  }

  /** `null`: it is not there any more. */
  see(batch: BatchRow | null): void {
    if (batch === null) this.#gone = true;
    else this.#batch = batch;
    this.#tell();
  }

  /** So that nobody on the way takes the connection for a dead one. */
  keepAlive(): void {
    if (this.#takes && !this.#finished) this.#takes = this.#out.write(': keep-alive\n\n');
  }

  finish(last = ''): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#out.end(last);
  }

  #tell(): void {
    if (!this.#takes || this.#finished) return;
    const batch = this.#batch;
    const now = Date.now() / 1000;
    const statuses = this.#newStatuses(batch);
    if (this.#gone) {
      const data: BatchGoneEvent = { batch: batch.id };
      this.finish(statuses + event('gone', data));
      return;
    }
    const news = statuses + this.#newProgress(batch, now);
    if (isOver(batch)) this.finish(news + event('end', batchView(batch, now), endId(this.#sent)));
    else if (news !== '') this.#takes = this.#out.write(news);
  }

  #newStatuses(batch: BatchRow): string {
    const { statuses, statusReason } = batch;
    const from = this.#sent;
    this.#sent = Math.max(from, statuses.length);
    return statuses
      .slice(from)
      .map(({ status, ts }, index) => {
        const number = from + index + 1;
        // Only the reason of the status that it is in is kept.
        const reason = number === statuses.length ? statusReason : null;
        const data: BatchStatusEvent = { status, ts: milliseconds(ts), status_reason: reason };
        return event('status', data, String(number));
      })
      .join('');
  }

  #newProgress(batch: BatchRow, now: number): string {
    const data: BatchProgressEvent = { counts: batch.counts, progress: progressOf(batch, now) };
    const progress = event('progress', data);
    if (progress === this.#progress) return '';
    this.#progress = progress;
    return progress;
  }
}

/** JSON has no line ends of its own, so that one line of data holds it. */
function event(name: string, data: object, id?: string): string {
  const line = id === undefined ? '' : `id: ${id}\n`;
  return `${line}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

const endId = (statuses: number) => `${statuses}.end`;

/** What a reader has, by the id of the last event that it got. */
export interface Received {
  statuses: number;
  /** It was told that there is no more. */
  end: boolean;
}

const EVENT_ID = /^(\d{1,6})(\.end)?$/;

/** An id that was never sent is as good as none: a client could do nothing about it, but to begin anew. */
export function receivedBy(lastEventId: string | undefined, batch: BatchRow): Received {
  const [, number, end] = EVENT_ID.exec(lastEventId ?? '') ?? [];
  const statuses = Number(number ?? 0);
  if (statuses > batch.statuses.length) return { statuses: 0, end: false };
  return { statuses, end: end !== undefined };
}
