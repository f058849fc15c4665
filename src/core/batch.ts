/**
 * The life of a batch as a total table: which event leads from which status to which. Everything else follows
 * from it: the guard of every UPDATE (`statusesBefore`), what is terminal, what the API shows.
 */

export const BATCH_STATUSES = [
  'new',
  'copying',
  'copied',
  'hash_mismatch',
  'validating',
  'validation_failed',
  'processing',
  'processed',
  'writing_results',
  'completed',
  'cancel',
  'cancelling',
  'cancelled',
  'deleting',
  'failed',
] as const;

export type BatchStatus = (typeof BATCH_STATUSES)[number];

export const BATCH_EVENTS = [
  'copy_started',
  'hash_differed',
  'copy_finished',
  'validation_started',
  'validation_rejected',
  'validation_passed',
  'chunks_settled',
  'writing_started',
  'results_written',
  'failed',
] as const;

export type BatchEvent = (typeof BATCH_EVENTS)[number];

const nothing: Record<BatchEvent, null> = {
  copy_started: null,
  hash_differed: null,
  copy_finished: null,
  validation_started: null,
  validation_rejected: null,
  validation_passed: null,
  chunks_settled: null,
  writing_started: null,
  results_written: null,
  failed: null,
};

/** `null`: the event does not apply to this status, and whoever brings it finds that the batch is not his any more. */
export const TRANSITIONS: Record<BatchStatus, Record<BatchEvent, BatchStatus | null>> = {
  new: { ...nothing, copy_started: 'copying', failed: 'failed' },
  copying: { ...nothing, hash_differed: 'hash_mismatch', copy_finished: 'copied', failed: 'failed' },
  copied: { ...nothing, validation_started: 'validating', failed: 'failed' },
  hash_mismatch: nothing,
  validating: {
    ...nothing,
    validation_rejected: 'validation_failed',
    validation_passed: 'processing',
    failed: 'failed',
  },
  validation_failed: nothing,
  processing: { ...nothing, chunks_settled: 'processed', failed: 'failed' },
  processed: { ...nothing, writing_started: 'writing_results', failed: 'failed' },
  writing_results: { ...nothing, results_written: 'completed', failed: 'failed' },
  completed: nothing,
  cancel: nothing,
  cancelling: nothing,
  cancelled: nothing,
  deleting: nothing,
  failed: nothing,
};

export const TERMINAL_STATUSES = [
  'hash_mismatch',
  'validation_failed',
  'completed',
  'cancelled',
  'failed',
] as const satisfies readonly BatchStatus[];

export function isTerminal(status: BatchStatus): boolean {
  return (TERMINAL_STATUSES as readonly BatchStatus[]).includes(status);
}

/** The statuses in which an event applies: the `where status in (…)` of its UPDATE. */
export function statusesBefore(event: BatchEvent): BatchStatus[] {
  return BATCH_STATUSES.filter((status) => TRANSITIONS[status][event] !== null);
}

/** Where an event leads. Every event has exactly one target; a test over the table proves it. */
export function statusAfter(event: BatchEvent): BatchStatus {
  for (const status of BATCH_STATUSES) {
    const next = TRANSITIONS[status][event];
    if (next !== null) return next;
  }
  throw new Error(`the event ${event} leads nowhere`);
}

export type OnInvalid = 'reject' | 'skip';

/** What the work on a batch is at: copying and writing results lease the batch, the two others lease its chunks. */
export const STAGES = ['copy', 'validate', 'process', 'write_results'] as const;
export type Stage = (typeof STAGES)[number];

export interface Counts {
  total: number | null;
  succeeded: number;
  failed: number;
  skipped: number;
  unprocessed: number;
}

export interface StatusReason {
  code: string;
  message: string;
  record?: number;
  offset?: number;
}
