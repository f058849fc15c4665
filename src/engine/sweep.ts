import { STAGES } from '../core/batch.ts';
import type { Log } from '../core/log.ts';
import type { Ticket, WorkQueue } from './ports/work-queue.ts';
import type { WorkStore, WorkWaiting } from './ports/work-store.ts';

export interface Sweep {
  work: Pick<WorkStore, 'reclaimExpired' | 'exhausted' | 'fail' | 'stuck' | 'advance' | 'waitingWork'>;
  queue: WorkQueue;
  maxAttempts: number;
  log: Log;
}

/** More tickets than this are not written in one sweep; the next one goes on. */
const MOST_TICKETS = 1000;

/**
 * Finds whatever waits, expired or was left behind, and makes it go on. Every worker runs it every few seconds; each
 * step is bounded and harmless when run twice or at the same time.
 */
export async function sweep(engine: Sweep): Promise<void> {
  const reclaimed = await engine.work.reclaimExpired();
  if (reclaimed > 0) engine.log.warn({ reclaimed }, 'took work over whose worker is gone');
  for (const { batchId, what } of await engine.work.exhausted(engine.maxAttempts)) {
    const message = `${what} failed ${engine.maxAttempts} times`;
    engine.log.error({ batch: batchId }, message);
    await engine.work.fail(batchId, { code: 'retries_exhausted', message });
  }
  for (const batchId of await engine.work.stuck()) await engine.work.advance(batchId);
  await topUp(engine);
}

/** Writes the tickets that are missing: lost ones, those of a queue that was emptied, those whose backoff is over. */
async function topUp(engine: Sweep): Promise<void> {
  const waiting = await engine.work.waitingWork();
  for (const stage of STAGES) {
    const work = waiting.filter((item) => item.stage === stage);
    if (work.length === 0) continue;
    const missing = work.reduce((sum, item) => sum + item.tickets, 0) - (await engine.queue.waiting(stage));
    await engine.queue.enqueue(ticketsFor(work).slice(0, Math.max(0, Math.min(missing, MOST_TICKETS))));
  }
}

/** One ticket for each piece of work. */
export function ticketsFor(waiting: readonly WorkWaiting[]): Ticket[] {
  return waiting.flatMap(({ stage, batchId, tickets }) =>
    Array.from({ length: Math.min(tickets, MOST_TICKETS) }, () => ({ stage, batchId })),
  );
}
