import { isTerminal } from '../../../src/core/batch.ts';
import type { BatchRow } from '../../../src/engine/ports/request-stores.ts';
import type { CorrectedRow, RetryPlan } from './actions.ts';
import type { PlannedFile, PlannedRecord, Verdict } from './file.ts';
import { lineageOf, type Source, type TrackedBatch, trackedBatch } from './tracked-batch.ts';

/** What a retry is to be made of, as far as the test knows the batch. */
export interface PlannedRetry {
  file: PlannedFile;
  sources: Source[];
  /** Other than what is in the lines of the file. */
  verdicts: Map<number, Verdict>;
}

/** @returns `null`: there is nothing to be taken */
export function plannedRetry(
  batches: readonly TrackedBatch[],
  parent: TrackedBatch,
  plan: RetryPlan,
): PlannedRetry | null {
  const succeeded = succeededIn(lineageOf(batches, parent));
  if (plan.records === 'corrected') return correctedFile(parent, plan, succeeded);
  const { records, outcomes } = { records: plan.records, outcomes: parent.seen.outcomes ?? [] };
  const wanted = outcomes.flatMap((status, index) => {
    const isWanted =
      records === 'both' ? status === 'failed' || status === 'unprocessed' : status === records;
    return isWanted ? [index] : [];
  });
  if (wanted.length === 0) return null;
  const taken = wanted.filter((index) => !succeeded.has(parent.sources[index]!));
  return {
    file: { ...parent.plan.file, records: taken.map((index) => parent.plan.file.records[index]!) },
    sources: taken.map((index) => parent.sources[index]!),
    // A row that was refused for its number stays so.
    verdicts: refusedAgain(parent, taken),
  };
}

function refusedAgain(parent: TrackedBatch, taken: readonly number[]): Map<number, Verdict> {
  return new Map(
    taken.flatMap((index, at): [number, Verdict][] =>
      parent.misnumbered.has(index + 1) ? [[at, 'invalid']] : [],
    ),
  );
}

/** Each row is what its number makes of it: a record that was done is skipped, a number that is none is wrong. */
function correctedFile(
  parent: TrackedBatch,
  { format, rows }: RetryPlan,
  succeeded: ReadonlySet<Source>,
): PlannedRetry {
  const records: PlannedRecord[] = [];
  const sources: Source[] = [];
  const verdicts = new Map<number, Verdict>();
  const seen = new Set<number>();
  for (const [at, row] of rows.entries()) {
    const number = numberOf(parent, row, seen);
    records.push({ kind: row.kind, ref: `c${at + 1}`, corrects: number === null ? '' : String(number) });
    const source = number === null ? undefined : parent.sources[number - 1];
    if (number === null || source === undefined) {
      sources.push('');
      if (number !== null) verdicts.set(at, 'invalid');
      continue;
    }
    if (succeeded.has(source)) verdicts.set(at, 'skipped');
    else if (seen.has(number)) verdicts.set(at, 'invalid');
    sources.push(verdicts.get(at) === 'invalid' ? '' : source);
    if (verdicts.get(at) !== 'skipped') seen.add(number);
  }
  return { file: { format, gzipped: false, records }, sources, verdicts };
}

function numberOf(parent: TrackedBatch, { corrects, pick }: CorrectedRow, seen: ReadonlySet<number>) {
  const total = parent.sources.length;
  if (corrects === 'none') return null;
  if (corrects === 'unknown') return total + 1 + pick;
  if (corrects === 'again' && seen.size > 0) return [...seen][pick % seen.size]!;
  return 1 + (pick % total);
}

/** Records that the handler has done, by whichever batch. */
function succeededIn(lineage: readonly TrackedBatch[]): Set<Source> {
  return new Set(lineage.flatMap(({ seen, sources }) => seen.written.map((record) => sources[record - 1]!)));
}

/** @returns the retry as the test knows it from now on */
export function trackedRetry(
  row: Pick<BatchRow, 'id'>,
  uploadId: string | null,
  parent: TrackedBatch,
  { file, sources, verdicts }: PlannedRetry,
  { on_invalid: onInvalid, dry_run }: RetryPlan,
): TrackedBatch {
  const plan = {
    ...parent.plan,
    ...{
      file,
      hash: 'none' as const,
      dry_run: dry_run === true,
      on_invalid: onInvalid ?? parent.plan.on_invalid,
    },
  };
  const batch = trackedBatch(row.id, uploadId, plan);
  const known = batch.verdicts?.map((verdict, at) => verdicts.get(at) ?? verdict) ?? null;
  return {
    ...batch,
    retryOf: parent,
    // What is of none of its records is a record of its own.
    sources: sources.map((source, at) => (source === '' ? batch.sources[at]! : source)),
    misnumbered: new Set([...verdicts].flatMap(([at, verdict]) => (verdict === 'invalid' ? [at + 1] : []))),
    verdicts: known,
    stopAfter: parent.stopAfter,
    metadata: parent.metadata,
  };
}

/** Whether its records may be taken by nobody else: it has not ended, or nobody knows yet how. */
export function isLive({ status, resultsReady, expired }: BatchRow): boolean {
  return status !== 'deleting' && !(isTerminal(status) && (resultsReady || expired));
}
