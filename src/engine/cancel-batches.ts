import { RequestError, RetryableFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Actor } from './ports/actor.ts';
import type { AllBatchFilters, BatchesOfAll } from './ports/admin-store.ts';
import type { AuditLog } from './ports/audit-log.ts';
import type { BatchStore } from './ports/request-stores.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import { wake } from './wake.ts';

export interface CancelBatches {
  batches: BatchesOfAll;
  /** What an account's own requests change its batches with. */
  account(actor: Actor): { batches: Pick<BatchStore, 'change'> };
  audit: AuditLog;
  queue: WorkQueue;
  log: Log;
}

export interface Cancellation {
  filters: AllBatchFilters;
  /** The same as whoever asked named them, for the audit log. */
  asked: Record<string, unknown>;
  dryRun: boolean;
}

export interface Cancelled {
  /** Batches that fitted and could be cancelled when it began. */
  matched: number;
  cancelled: number;
  /** Of those looked at, the ones that somebody else cancelled first, or that ended by themselves. */
  alreadyEnded: number;
  /** Whether some are left, for which to ask again. */
  more: boolean;
}

/** In one request: some seconds' work. */
const MOST_AT_ONCE = 1000;

/** Nobody waits longer for an answer, should rows be locked or the database be slow. */
const LONGEST_MS = 20_000;

/**
 * Cancels all batches that fit and can be cancelled, the oldest first, each as its own account would: a batch is looked
 * at again with its row locked, so to ask twice, or twice at once, cancels none twice. What was cancelled stays so if
 * this is cut short; to ask again goes on with the rest.
 */
export async function cancelBatches(
  engine: CancelBatches,
  actor: Actor,
  { filters, asked, dryRun }: Cancellation,
): Promise<Cancelled> {
  const matched = await engine.batches.countCancellable(filters);
  if (dryRun) return { matched, cancelled: 0, alreadyEnded: 0, more: matched > 0 };
  // Before the first of them: should this process die half-way, it is known what it was about to do.
  await engine.audit.note(
    { ...actor, accountId: filters.account ?? null },
    { action: 'admin_cancel_batches', target: { kind: 'batch', id: '*' }, after: { ...asked, matched } },
  );
  const found = await engine.batches.cancellable({ limit: MOST_AT_ONCE, filters });
  const end = performance.now() + LONGEST_MS;
  let [cancelled, alreadyEnded] = [0, 0];
  for (const { id, accountId } of found) {
    if (performance.now() > end) break;
    const outcome = await cancel(engine, { ...actor, accountId }, id);
    if (outcome === 'cancelled') cancelled += 1;
    if (outcome === 'ended') alreadyEnded += 1;
  }
  const left = found.length - cancelled - alreadyEnded;
  return { matched, cancelled, alreadyEnded, more: left > 0 || found.length < matched };
}

async function cancel(
  engine: CancelBatches,
  actor: Actor,
  batchId: string,
): Promise<'cancelled' | 'ended' | 'left'> {
  try {
    const waiting = await engine.account(actor).batches.change(batchId, { status: 'cancel' });
    wake(engine, batchId, waiting);
    return waiting.length > 0 ? 'cancelled' : 'ended';
  } catch (error) {
    if (error instanceof RequestError && ENDED.includes(error.code)) return 'ended';
    // Somebody holds its row: the others need not wait for that.
    if (error instanceof RetryableFault && error.free) return 'left';
    throw error;
  }
}

const ENDED: readonly string[] = ['not_cancellable', 'batch_not_found'];
