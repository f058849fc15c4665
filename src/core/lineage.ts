import { type BatchStatus, isTerminal } from './batch.ts';

/** Which records of an ended batch a retry takes up again. */
export const RETRY_RECORDS = ['failed', 'unprocessed', 'both'] as const;
export type RetryRecords = (typeof RETRY_RECORDS)[number];

/** `corrected`: those of a file that was sent back, whichever they are. */
export const RETRY_KINDS = [...RETRY_RECORDS, 'corrected'] as const;
export type RetryKind = (typeof RETRY_KINDS)[number];

/** Whether a batch reads an upload: one that is no retry (`null`), or one of a corrected file. Others read the input of a batch. */
export function readsUpload(records: RetryKind | null): records is 'corrected' | null {
  return records === null || records === 'corrected';
}

/** A batch among those that have come of the same first one. */
export interface LineageBatch {
  id: string;
  /** `null`: it is the first. */
  retryOf: string | null;
  records: RetryKind | null;
  status: BatchStatus;
  /** Whether its results are written, so that all that it has done is known. */
  known: boolean;
}

/**
 * The batch that has the records in hand which a retry would take, if there is one: a record is in one live retry at
 * the most. A batch is live until it has ended and all that it did is known. Two retries of one batch may be under way
 * at once if the one takes its failed records and the other its unprocessed ones.
 */
export function holderOf(
  lineage: readonly LineageBatch[],
  parent: string,
  records: RetryKind,
): LineageBatch | undefined {
  const byId = new Map(lineage.map((batch) => [batch.id, batch]));
  const wanted = branchOf(byId, { id: '', retryOf: parent, records });
  return lineage.find((other) => isLive(other) && !areApart(wanted, branchOf(byId, other)));
}

function isLive({ status, known }: Pick<LineageBatch, 'status' | 'known'>): boolean {
  return status !== 'deleting' && !(isTerminal(status) && known);
}

type Step = Pick<LineageBatch, 'id' | 'retryOf' | 'records'>;

/** The way from the first batch that is still there to this one. */
function branchOf(byId: ReadonlyMap<string, LineageBatch>, batch: Step): Step[] {
  const steps: Step[] = [];
  for (let at: Step | undefined = batch; at !== undefined; ) {
    steps.unshift(at);
    at = at.retryOf === null ? undefined : byId.get(at.retryOf);
  }
  return steps;
}

/** Where the two ways part, the one has taken other records of the same batch than the other. */
function areApart(one: readonly Step[], other: readonly Step[]): boolean {
  const fork = one.findIndex((step, at) => step.id !== other[at]?.id);
  const [a, b] = [one[fork], other[fork]];
  if (a === undefined || b === undefined || a.retryOf === null || a.retryOf !== b.retryOf) return false;
  const kinds = [a.records, b.records];
  return kinds.includes('failed') && kinds.includes('unprocessed');
}
