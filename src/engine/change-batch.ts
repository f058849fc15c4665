import type { Caller } from '../core/access.ts';
import { invalidRequest, RequestError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { metadataProblems } from './metadata.ts';
import type { BatchChange, BatchRow, BatchStore } from './ports/request-stores.ts';
import type { WorkQueue } from './ports/work-queue.ts';
import { type StopAfterRequest, stopAfterOf, stopAfterProblems } from './stop-after.ts';
import { wake } from './wake.ts';

export interface BatchPatch {
  status?: 'cancel' | 'resume';
  metadata?: Record<string, unknown>;
  /** Only with `resume`; `null` lifts the limit. */
  stop_after?: StopAfterRequest | null;
}

export interface ChangeBatch {
  batches: BatchStore;
  queue: WorkQueue;
  log: Log;
}

/**
 * Cancels a batch, resumes one that failed, or changes its metadata. From the moment that a cancel is answered no
 * chunk of the batch can settle any more, and no handler call begins later than its worker's next renewal of leases.
 * @returns the batch afterwards
 * @throws {RequestError} invalid_request, batch_not_found, not_cancellable, not_resumable, forbidden, too_many_batches,
 *   upload_used, upload_in_use, upload_expired
 */
export async function changeBatch(
  engine: ChangeBatch,
  caller: Caller,
  batchId: string,
  patch: BatchPatch,
): Promise<BatchRow> {
  const { status, metadata, stop_after: stopAfter } = patch;
  const problems = [...metadataProblems(metadata ?? {}), ...stopAfterProblems(stopAfter)];
  if (problems.length > 0) throw invalidRequest(...problems);
  if (stopAfter !== undefined && status !== 'resume') {
    const message = 'can only be changed with status: resume';
    throw invalidRequest({ pointer: '/stop_after', code: 'not_allowed', message });
  }
  const change: BatchChange = {
    ...(status !== undefined && { status }),
    ...(status === 'resume' && { statements: caller.statements }),
    ...(metadata !== undefined && { metadata }),
    ...(stopAfter !== undefined && { stopAfter: stopAfter === null ? null : stopAfterOf(stopAfter) }),
  };
  wake(engine, batchId, await engine.batches.change(batchId, change));
  const batch = await engine.batches.find(batchId);
  if (batch === null) throw new RequestError('batch_not_found', 'the batch was deleted meanwhile');
  return batch;
}
