import { readsUpload } from '../core/lineage.ts';
import { type ConvertInput, convertInput } from './convert-input.ts';
import { type CopyUpload, copyUpload } from './copy-upload.ts';
import type { HeldLease } from './lease-keeper.ts';
import type { BatchClaim } from './ports/claims.ts';
import type { WorkStore } from './ports/work-store.ts';
import { type RemoveBatch, removeBatch } from './remove-batch.ts';
import { copyRecords } from './retry/copy-records.ts';
import { type WriteResults, writeResults } from './write-results.ts';

export interface DoStep extends CopyUpload, ConvertInput, WriteResults, RemoveBatch {
  work: WorkStore;
}

/** Does the step of a batch as a whole that was claimed. */
export async function doStep(engine: DoStep, claim: BatchClaim, lease: HeldLease): Promise<void> {
  await STEPS[claim.stage](engine, claim, lease);
}

const STEPS = {
  copy: copyInput,
  copy_checked: copyInput,
  convert: convertInput,
  write_results: writeResults,
  remove: removeBatch,
};

/** Of its own upload, or of the batch that it retries. */
async function copyInput(engine: DoStep, claim: BatchClaim, lease: HeldLease): Promise<void> {
  const copy = readsUpload(claim.retry?.records ?? null) ? copyUpload : copyRecords;
  await copy(engine, claim, lease);
}
