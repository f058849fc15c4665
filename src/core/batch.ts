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
  'dry_run_finished',
  'chunks_settled',
  'writing_started',
  'results_written',
  'cancel_requested',
  'cancel_started',
  'cancel_finished',
  'failed',
  'copy_resumed',
  'validation_resumed',
  'processing_resumed',
  'writing_resumed',
  'delete_started',
] as const;

export type BatchEvent = (typeof BATCH_EVENTS)[number];

const nothing: Record<BatchEvent, null> = {
  copy_started: null,
  hash_differed: null,
  copy_finished: null,
  validation_started: null,
  validation_rejected: null,
  validation_passed: null,
  dry_run_finished: null,
  chunks_settled: null,
  writing_started: null,
  results_written: null,
  cancel_requested: null,
  cancel_started: null,
  cancel_finished: null,
  failed: null,
  copy_resumed: null,
  validation_resumed: null,
  processing_resumed: null,
  writing_resumed: null,
  delete_started: null,
};

/** What may befall a batch before its result files are being written for good. */
const stoppable = { cancel_requested: 'cancel', failed: 'failed' } as const;
const ended = { ...nothing, delete_started: 'deleting' } as const;

/** `null`: the event does not apply to this status, and whoever brings it finds that the batch is not his any more. */
export const TRANSITIONS: Record<BatchStatus, Record<BatchEvent, BatchStatus | null>> = {
  new: { ...nothing, ...stoppable, copy_started: 'copying' },
  copying: { ...nothing, ...stoppable, hash_differed: 'hash_mismatch', copy_finished: 'copied' },
  copied: { ...nothing, ...stoppable, validation_started: 'validating' },
  hash_mismatch: ended,
  validating: {
    ...nothing,
    ...stoppable,
    validation_rejected: 'validation_failed',
    validation_passed: 'processing',
    dry_run_finished: 'completed',
  },
  validation_failed: ended,
  processing: { ...nothing, ...stoppable, chunks_settled: 'processed' },
  processed: { ...nothing, ...stoppable, writing_started: 'writing_results' },
  writing_results: { ...nothing, results_written: 'completed', failed: 'failed' },
  completed: ended,
  cancel: { ...nothing, cancel_started: 'cancelling' },
  cancelling: { ...nothing, cancel_finished: 'cancelled' },
  cancelled: ended,
  deleting: nothing,
  failed: {
    ...ended,
    copy_resumed: 'new',
    validation_resumed: 'copied',
    processing_resumed: 'processing',
    writing_resumed: 'processed',
  },
};

/** With which event a failed batch goes on, by the status that it failed in. */
export const RESUMING = {
  new: 'copy_resumed',
  copying: 'copy_resumed',
  copied: 'validation_resumed',
  validating: 'validation_resumed',
  processing: 'processing_resumed',
  processed: 'writing_resumed',
  writing_results: 'writing_resumed',
} as const satisfies { [Status in BatchStatus]?: BatchEvent };

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

/** What becomes of a batch of a file that an earlier batch of the operation was made of. */
export const ON_DUPLICATE_FILE = ['allow', 'warn', 'refuse'] as const;
export type OnDuplicateFile = (typeof ON_DUPLICATE_FILE)[number];

/** `serial`: one chunk at a time, in the file's order. */
export type Execution = 'parallel' | 'serial';

/** Formats that result files can be written in. */
export const RESULTS_FORMATS = ['ndjson', 'csv', 'xlsx'] as const;
export type ResultsFormat = (typeof RESULTS_FORMATS)[number];

/**
 * What the work on a batch is at. `validate`, `process` and `call` lease its chunks, the others the batch as a whole. In
 * `call` chunks are processed whose operation has its effects outside: they wait for others most of the time, and no
 * chunk that computes is to wait for them. `copy_checked` is the copy of a batch that is held against earlier ones: it has
 * a stage of its own so that workers of an older version, which would not look at those, do not take it.
 */
export const STAGES = [
  'copy',
  'copy_checked',
  'convert',
  'validate',
  'process',
  'call',
  'write_results',
  'remove',
] as const;
export type Stage = (typeof STAGES)[number];

/** The stage in which a batch gets the input that its records are read from. */
export function copyStage(batch: {
  isRetry: boolean;
  onDuplicateFile: OnDuplicateFile;
}): 'copy' | 'copy_checked' {
  return batch.isRetry || batch.onDuplicateFile !== 'allow' ? 'copy_checked' : 'copy';
}

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
