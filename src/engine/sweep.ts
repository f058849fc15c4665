import { STAGES } from '../core/batch.ts';
import type { Log } from '../core/log.ts';
import { everyStep } from './every-step.ts';
import type { Ticket, WorkQueue } from './ports/work-queue.ts';
import type { WorkStore, WorkWaiting } from './ports/work-store.ts';
import type { EngineSettings } from './settings.ts';

export interface Sweep {
  work: Pick<
    WorkStore,
    | 'reclaimExpired'
    | 'exhausted'
    | 'failExhausted'
    | 'failStalled'
    | 'stuck'
    | 'advance'
    | 'stalled'
    | 'startRemovals'
    | 'waitingWork'
  >;
  queue: WorkQueue;
  settings: Pick<EngineSettings, 'maxAttempts' | 'stalledSeconds'>;
  log: Log;
}

/** More tickets than this are not written in one sweep; the next one goes on. */
const MOST_TICKETS = 1000;

/**
 * Finds whatever work waits, expired or was left behind, and makes it go on; what nobody waits for is cleared away beside it
 * (clear-away.ts). Every worker runs it every few seconds; each step is bounded and harmless when run twice or at the same
 * time.
 */
export async function sweep(engine: Sweep): Promise<void> {
  await everyStep(engine.log, {
    'take over expired leases': () => takeOver(engine),
    'fail what was tried too often': () => failExhausted(engine),
    'fail what nobody works on': () => failStalled(engine),
    'move on what is settled': () => moveOn(engine),
    'begin removals': () => engine.work.startRemovals(),
    'write tickets': () => topUp(engine),
  });
}

async function takeOver({ work, log }: Sweep): Promise<void> {
  const reclaimed = await work.reclaimExpired();
  if (reclaimed > 0) log.warn({ reclaimed }, 'took work over whose worker is gone');
}

async function failExhausted({ work, settings, log }: Sweep): Promise<void> {
  await each(await work.exhausted(settings.maxAttempts), async ({ batchId, what }) => {
    const message = `${what} failed ${settings.maxAttempts} times`;
    const reason = { code: 'retries_exhausted', message } as const;
    if (await work.failExhausted(batchId, settings.maxAttempts, reason))
      log.error({ batch: batchId }, message);
  });
}

async function moveOn({ work }: Sweep): Promise<void> {
  await each(await work.stuck(), async (batchId) => void (await work.advance(batchId)));
}

/** One batch that cannot be dealt with does not keep the others from their turn. @throws what the first one threw */
async function each<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items) await act(item).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** What is being cancelled or deleted cannot fail: it keeps trying, and says so where somebody looks. */
async function failStalled({ work, settings, log }: Sweep): Promise<void> {
  await each(await work.stalled(settings.stalledSeconds), async ({ batchId, status }) => {
    const message = `no worker has done anything for the batch in ${status} for ${settings.stalledSeconds} seconds`;
    log.error({ batch: batchId }, message);
    await work.failStalled(batchId, settings.stalledSeconds, { code: 'stalled', message });
  });
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
