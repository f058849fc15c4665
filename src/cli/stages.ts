import type { Batch } from '../api/schemas/batch.ts';
import { isConverted } from '../formats/description.ts';
import type { Unit } from './format.ts';

/** How far a stage is that runs. */
export interface RunningStage {
  label: string;
  unit: Unit;
  done: number;
  /** `null` while it is not known. */
  of: number | null;
  perSecond: number | null;
  /** The least and the most that is likely. */
  secondsLeft: readonly [number, number] | null;
}

/** A stage that is over. */
export interface EndedStage {
  label: string;
  unit: Unit;
  /** `null` when it was cut short: how much was done is not told then. */
  amount: number | null;
  seconds: number;
}

type Status = Batch['status'];

interface StageOfBatch {
  label: string;
  unit: Unit;
  /** The status while it runs. */
  runs: Status;
  /** The statuses that follow when all of it was done, whatever came out. */
  finishedBy: readonly Status[];
}

/** Of what is no UTF-8 text with LF or CRLF; other files wait in this status. */
const CONVERSION: StageOfBatch = {
  label: 'convert',
  unit: 'bytes',
  runs: 'copied',
  finishedBy: ['validating'],
};

const STAGES: readonly StageOfBatch[] = [
  { label: 'copy', unit: 'bytes', runs: 'copying', finishedBy: ['copied', 'hash_mismatch'] },
  CONVERSION,
  {
    label: 'validate',
    unit: 'records',
    runs: 'validating',
    finishedBy: ['processing', 'validation_failed', 'completed'],
  },
  { label: 'process', unit: 'records', runs: 'processing', finishedBy: ['processed'] },
  { label: 'write results', unit: 'records', runs: 'writing_results', finishedBy: ['completed'] },
];

/** The stage that a batch is in, or waits for a worker to begin. */
const NEXT_STAGE: Partial<Record<Status, Status>> = {
  new: 'copying',
  copied: 'validating',
  processed: 'writing_results',
};

/** What of a batch is over, in order. `bytes` is the size of its file, which the copying went through. */
export function endedStages(batch: Batch, bytes: number): EndedStage[] {
  return batch.statuses.flatMap(({ status, ts }, index) => {
    const stage = STAGES.find(({ runs }) => runs === status);
    const next = batch.statuses[index + 1];
    if (stage === undefined || next === undefined) return [];
    if (stage === CONVERSION && !wasConverted(batch.read)) return [];
    const all = stage.unit === 'bytes' ? bytes : batch.counts.total;
    const amount = stage.finishedBy.includes(next.status) ? all : null;
    return [{ label: stage.label, unit: stage.unit, amount, seconds: Math.max(0, next.ts - ts) }];
  });
}

function wasConverted(read: Batch['read']): boolean {
  return read !== null && isConverted({ ...read, lineEnd: read.line_end });
}

/** What a batch is at; `null` when nothing runs. */
export function runningStage(batch: Batch): RunningStage | null {
  const { status, progress } = batch;
  const converting = status === CONVERSION.runs && progress?.unit === CONVERSION.unit;
  const runs = converting ? status : (NEXT_STAGE[status] ?? status);
  const stage = STAGES.find((stage) => stage.runs === runs);
  if (stage === undefined || progress === null) return null;
  const { unit, done, of, per_second: perSecond, seconds_left: secondsLeft } = progress;
  const begun = stage.runs === status;
  if (begun) return { label: stage.label, unit, done, of, perSecond, secondsLeft };
  return { label: stage.label, unit, done: 0, of, perSecond: null, secondsLeft: null };
}
