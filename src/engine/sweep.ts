import { STAGES } from '../core/batch.ts';
import type { Log } from '../core/log.ts';
import { type MeasureUploads, measureUploads } from './measure-uploads.ts';
import type { LimitStore } from './ports/limit-store.ts';
import type { SessionStore, SignInThrottle } from './ports/session-store.ts';
import type { AnswerSweep, UploadSweep } from './ports/sweep-stores.ts';
import type { SigningKeyStore } from './ports/tokens.ts';
import type { Ticket, WorkQueue } from './ports/work-queue.ts';
import type { WorkStore, WorkWaiting } from './ports/work-store.ts';
import { type RemoveUploads, removeUploads } from './remove-uploads.ts';
import type { EngineSettings } from './settings.ts';
import { type TidyBatches, tidyBatches } from './tidy-batches.ts';

export interface Sweep {
  uploads: UploadSweep;
  objects: RemoveUploads['objects'] & MeasureUploads['objects'] & TidyBatches['objects'];
  keeping: TidyBatches['keeping'];
  tidying: TidyBatches['tidying'];
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
  idempotency: AnswerSweep;
  limits: Pick<LimitStore, 'forgetUnused'>;
  sessions: Pick<SessionStore, 'forgetOld'>;
  throttle: Pick<SignInThrottle, 'forgetOld'>;
  signingKeys: Pick<SigningKeyStore, 'forgetOld'>;
  queue: WorkQueue;
  settings: Pick<EngineSettings, 'leaseSeconds' | 'maxAttempts' | 'stalledSeconds'>;
  log: Log;
}

/** More tickets than this are not written in one sweep; the next one goes on. */
const MOST_TICKETS = 1000;

/** Of each kind of row that one sweep forgets: old answers, limits, sessions and so on. */
const MOST_FORGOTTEN = 1000;

/**
 * Finds whatever waits, expired or was left behind, and makes it go on. Every worker runs it every few seconds; each
 * step is bounded and harmless when run twice or at the same time. One that fails does not keep the others from theirs.
 */
export async function sweep(engine: Sweep): Promise<void> {
  await everyStep(engine.log, {
    'take over expired leases': () => takeOver(engine),
    'fail what was tried too often': () => failExhausted(engine),
    'fail what nobody works on': () => failStalled(engine),
    'move on what is settled': () => moveOn(engine),
    'begin removals': () => engine.work.startRemovals(),
    'write tickets': () => topUp(engine),
    'remove uploads': () => removeUploads(engine),
    'measure uploads': () => measureUploads(engine),
    'tidy up': () => tidyBatches(engine),
    'forget old answers': () => engine.idempotency.forgetOld(MOST_FORGOTTEN),
    'forget unused limits': () => engine.limits.forgetUnused(MOST_FORGOTTEN),
    'forget old sessions': () => engine.sessions.forgetOld(MOST_FORGOTTEN),
    'forget old attempts to sign in': () => engine.throttle.forgetOld(MOST_FORGOTTEN),
    'forget old signing keys': () => engine.signingKeys.forgetOld(MOST_FORGOTTEN),
  });
}

/** @throws what the first step threw that failed, once all have had their turn */
async function everyStep(log: Log, steps: Record<string, () => Promise<unknown>>): Promise<void> {
  const failures: unknown[] = [];
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
    } catch (error) {
      log.warn({ err: error, step: name }, 'a step of the sweep failed; the next sweep does it');
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
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
