import type { BatchStatus } from '../../../src/core/batch.ts';
import type { StopAfter } from '../../../src/core/stop-after.ts';
import type { BatchPlan } from './actions.ts';
import { type Verdict, verdictsOf } from './file.ts';

/** What the test knows of a batch: what was asked for, and what it has seen of it so far. */
export interface TrackedBatch {
  id: string;
  plan: BatchPlan;
  uploadId: string;
  /** What checking must say of each record; `null`: the file as a whole is refused. */
  verdicts: Verdict[] | null;
  stopAfter: StopAfter | null;
  metadata: Record<string, unknown>;
  /** Somebody has overwritten the upload before it was copied for good. */
  overwritten: boolean;
  inputDamaged: boolean;
  deletionAsked: boolean;
  seen: {
    statuses: BatchStatus[];
    /** Records in the handler's table; none may be added while the batch rests. */
    written: number[];
    /** The result files as they were last looked through, by their keys. */
    files: string;
    /** Not to be found any more. */
    gone: boolean;
  };
}

export function trackedBatch(id: string, uploadId: string, plan: BatchPlan): TrackedBatch {
  return {
    id,
    plan,
    uploadId,
    verdicts: verdictsOf(plan.file, plan.custom_id),
    stopAfter: stopAfterOf(plan.stop_after),
    metadata: {},
    overwritten: false,
    inputDamaged: false,
    deletionAsked: false,
    seen: { statuses: [], written: [], files: '', gone: false },
  };
}

export function stopAfterOf(asked: BatchPlan['stop_after']): StopAfter | null {
  if (asked === null || asked === undefined) return null;
  if (asked.failures !== undefined) return { failures: asked.failures };
  return { share: asked.share ?? 1, min_records: asked.min_records ?? 1000 };
}
