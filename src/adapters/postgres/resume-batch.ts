import { isAllowed, type Statement } from '../../core/access.ts';
import type { AccountLimits } from '../../core/account-limits.ts';
import {
  type BatchStatus,
  copyStage,
  type Execution,
  type OnDuplicateFile,
  RESUMING,
  type StatusReason,
} from '../../core/batch.ts';
import { isFinal, RequestError } from '../../core/errors.ts';
import { type RetryKind, readsUpload } from '../../core/lineage.ts';
import type { Operation } from '../../core/operation.ts';
import { describeLimit, isLimitReached, type StopAfter } from '../../core/stop-after.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import type { WorkWaiting } from '../../engine/ports/work-store.ts';
import { checkOpenBatches, lockAccount } from './account-quota.ts';
import { advanceLocked, processingStage } from './advance-batch.ts';
import type { Transaction } from './connect.ts';
import { failureTally } from './failure-tally.ts';
import { supersededBy } from './lineage.ts';
import type { Owned } from './owned-by.ts';
import { enters } from './transition.ts';
import { checkUploadFree } from './upload-lock.ts';

export interface FailedBatch {
  id: string;
  operation: string;
  status: BatchStatus;
  statusReason: StatusReason | null;
  failedFrom: keyof typeof RESUMING | null;
  stopAfter: StopAfter | null;
  execution: Execution;
  effects: Operation['effects'];
  uploadId: string;
  /** Which records of which batch it takes up again. */
  retryRecords: RetryKind | null;
  onDuplicateFile: OnDuplicateFile;
  /** Whether the private copy has still to be converted. */
  converting: boolean;
  expired: boolean;
  deleting: boolean;
}

export interface Resumption {
  /** The new limit of failures; `undefined`: the one it has. */
  stopAfter: StopAfter | null | undefined;
  actor: Actor;
  /** What the actor may do. */
  statements: readonly Statement[];
  defaults: AccountLimits;
}

/**
 * Lets a failed batch, whose row the caller has locked, go on where it failed; what has settled stays settled. The
 * result files that tell of the failure count no more.
 * @throws {RequestError} not_resumable, forbidden, too_many_batches, upload_used, upload_in_use, upload_expired,
 *   upload_invalidated
 */
export async function resumeBatch(
  tx: Transaction,
  own: Owned,
  batch: FailedBatch,
  resumption: Resumption,
): Promise<WorkWaiting[]> {
  const from = checkResumable(batch);
  const retry = await supersededBy(tx, batch.id);
  if (retry !== null) {
    throw new RequestError('not_resumable', `batch ${retry} has taken over its records`);
  }
  const { stopAfter } = resumption;
  const limit = stopAfter === undefined ? batch.stopAfter : stopAfter;
  await checkLimit(tx, batch, limit);
  // It has ended, so it is none of those that are under way.
  await checkOpenBatches(tx, await lockAccount(tx, resumption.actor, resumption.defaults));
  const event = RESUMING[from];
  if (event === 'copy_resumed' && readsUpload(batch.retryRecords)) {
    await checkUploadFree(tx, own, batch.uploadId, batch.id);
  }
  const stage = stageAfter(event, batch);
  const newLimit = limit === null ? null : tx.json({ ...limit });
  await tx`
    update batches set ${enters(tx, event)}, stage = ${stage}, lease = null, lease_expires_at = null, attempts = 0, crashes = 0,
      available_at = clock_timestamp(), status_reason = null, failed_from = null, results = null,
      ${takenOver(tx, batch, resumption)} results_at = null, tidied_at = null, failures = null, stop_after = ${newLimit}
    where id = ${batch.id}`;
  const waiting = await tx`
    update chunks set attempts = 0, crashes = 0, probes = null, available_at = clock_timestamp()
    where batch_id = ${batch.id} and status = 'waiting'`;
  if (stage !== null) return [{ stage, batchId: batch.id, tickets: 1 }];
  if (event === 'validation_resumed') return await advanceLocked(tx, batch.id);
  // All of its chunks may have settled before it failed: then there is nothing left but to move on.
  if (waiting.count === 0) return await advanceLocked(tx, batch.id);
  const tickets = batch.execution === 'serial' ? 1 : waiting.count;
  return [{ stage: processingStage(batch), batchId: batch.id, tickets }];
}

/**
 * A batch whose right was withdrawn goes on on behalf of whoever resumes it, who must have the right then; any other one
 * on behalf of whom it did before.
 */
function takenOver(tx: Transaction, { statusReason, operation }: FailedBatch, by: Resumption) {
  if (statusReason?.code !== 'permission_withdrawn') return tx``;
  const { actor, statements } = by;
  const no = (why: string) => new RequestError('forbidden', `the batch would go on on your behalf: ${why}`);
  if (actor.ownAccountId !== actor.accountId) throw no('somebody of its own account has to resume it');
  if (!isAllowed(statements, operation)) throw no(`the role of ${actor.user} does not allow ${operation}`);
  return tx`user_name = ${actor.user}, principal = ${tx.json({ ...actor.principal })},`;
}

/** The step that the batch as a whole waits for, if it goes on with one. */
function stageAfter(
  event: (typeof RESUMING)[keyof typeof RESUMING],
  { converting, retryRecords, onDuplicateFile }: FailedBatch,
) {
  if (event === 'copy_resumed') return copyStage({ isRetry: retryRecords !== null, onDuplicateFile });
  if (event === 'writing_resumed') return 'write_results';
  return event === 'validation_resumed' && converting ? 'convert' : null;
}

function checkResumable(batch: FailedBatch): keyof typeof RESUMING {
  const no = (why: string) => new RequestError('not_resumable', why);
  if (batch.status !== 'failed' || batch.failedFrom === null) {
    throw no(`the batch is in ${batch.status}; only a failed one can be resumed`);
  }
  if (batch.deleting) throw no('the batch is to be deleted');
  if (batch.expired) throw no('the files of the batch have expired and were removed');
  if (isFinal(batch.statusReason)) {
    throw no(`it failed with ${batch.statusReason?.code}: what it would go on with is not there any more`);
  }
  return batch.failedFrom;
}

/** A batch that goes on with a limit that it has reached already would fail again at once. */
async function checkLimit(tx: Transaction, batch: FailedBatch, limit: StopAfter | null): Promise<void> {
  if (limit === null) return;
  const tally = await failureTally(tx, batch.id);
  if (tally === null || !isLimitReached(limit, tally)) return;
  throw new RequestError(
    'not_resumable',
    `${tally.failed} records have failed, which is the limit (${describeLimit(limit)}) or more: send a higher stop_after, or null for none`,
  );
}
