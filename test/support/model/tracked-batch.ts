import type { BatchStatus } from '../../../src/core/batch.ts';
import type { ResultLine } from '../../../src/core/result.ts';
import type { StopAfter } from '../../../src/core/stop-after.ts';
import type { BatchPlan } from './actions.ts';
import { type Verdict, verdictsOf } from './file.ts';

/** A record by the first batch that it came in, and its number there: `id/number`. */
export type Source = string;

/** What the test knows of a batch: what was asked for, and what it has seen of it so far. */
export interface TrackedBatch {
  id: string;
  plan: BatchPlan;
  /** `null`: it is a retry of records that a batch has. */
  uploadId: string | null;
  /** The batch that it is a retry of. */
  retryOf: TrackedBatch | null;
  /** Which records of which first batch its own are. */
  sources: readonly Source[];
  /** Its records that are invalid for the number that they have in a corrected file. */
  misnumbered: ReadonlySet<number>;
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
    /** What became of each record, by those; `null`: nobody has looked yet. */
    outcomes: ResultLine['status'][] | null;
    /** Its results were removed. */
    expired: boolean;
    /** Not to be found any more. */
    gone: boolean;
  };
}

export function trackedBatch(id: string, uploadId: string | null, plan: BatchPlan): TrackedBatch {
  return {
    id,
    plan,
    uploadId,
    retryOf: null,
    sources: plan.file.records.map((_, index) => `${id}/${index + 1}`),
    misnumbered: new Set(),
    verdicts: verdictsOf(plan.file, plan.custom_id),
    stopAfter: stopAfterOf(plan.stop_after),
    metadata: {},
    overwritten: false,
    inputDamaged: false,
    deletionAsked: false,
    seen: { statuses: [], written: [], files: '', outcomes: null, expired: false, gone: false },
  };
}

/** The batches that have come of the same first one. */
export function lineageOf(batches: readonly TrackedBatch[], batch: TrackedBatch): TrackedBatch[] {
  return batches.filter((other) => rootOf(other) === rootOf(batch));
}

function rootOf(batch: TrackedBatch): TrackedBatch {
  return batch.retryOf === null ? batch : rootOf(batch.retryOf);
}

export function stopAfterOf(asked: BatchPlan['stop_after']): StopAfter | null {
  if (asked === null || asked === undefined) return null;
  if (asked.failures !== undefined) return { failures: asked.failures };
  return { share: asked.share ?? 1, min_records: asked.min_records ?? 1000 };
}
