import type { Log } from '../core/log.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import type { WorkWaiting } from './ports/work-store.ts';
import { ticketsFor } from './sweep.ts';

/**
 * Tells workers of work that a request has made. What made it is committed, so nobody waits for the queue: should
 * the tickets be lost, the sweep writes others.
 */
export function wake(
  { queue, log }: { queue: WorkQueue; log: Log },
  batchId: string,
  waiting: readonly WorkWaiting[],
): void {
  if (waiting.length === 0) return;
  queue
    .enqueue(ticketsFor(waiting))
    .catch((error: unknown) =>
      log.warn({ err: error, batch: batchId }, 'no ticket; the sweep finds the batch'),
    );
}
