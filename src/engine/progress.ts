import type { BatchRow } from './ports/request-stores.ts';

export interface Progress {
  stage: string;
  unit: 'bytes' | 'records';
  done: number;
  /** `null` while it is not known. */
  of: number | null;
  per_second: number | null;
  /** The least and the most that is likely; `null` while there is no rate. */
  seconds_left: [number, number] | null;
}

/** Over how long the recent rate is taken (`BatchRow.phase.recent`). */
export const RECENT_SECONDS = 10;

/** How far the step that runs is, how fast, and how long it may still take. `now` in seconds. */
export function progressOf(batch: BatchRow, now: number): Progress | null {
  const stage = batch.status;
  if (stage === 'new' || stage === 'copying' || batch.converting) {
    return of(
      stage,
      'bytes',
      batch.progressDone,
      batch.uploadBytes,
      rateSince(batch, now, batch.progressDone),
    );
  }
  if (stage === 'copied' || stage === 'processed' || stage === 'writing_results' || stage === 'cancelling') {
    return of(
      stage,
      'records',
      batch.progressDone,
      batch.counts.total,
      rateSince(batch, now, batch.progressDone),
    );
  }
  if (stage !== 'validating' && stage !== 'processing') return null;
  const { settled, recent, since } = batch.phase;
  const seconds = since === null ? 0 : now - since;
  const average = seconds > 0 ? settled / seconds : 0;
  const lately = seconds > 0 ? recent / Math.min(RECENT_SECONDS, seconds) : 0;
  return of(stage, 'records', settled, batch.counts.total, [average, lately]);
}

/** `rates`: what is known of the speed per second; the slower and the faster give the two ends of the estimate. */
function of(
  stage: string,
  unit: Progress['unit'],
  done: number,
  total: number | null,
  rates: readonly number[],
): Progress {
  const known = rates.filter((rate) => rate > 0);
  if (known.length === 0 || total === null) {
    return { stage, unit, done, of: total, per_second: null, seconds_left: null };
  }
  const left = Math.max(0, total - done);
  const seconds = (rate: number) => Math.ceil(left / rate);
  return {
    stage,
    unit,
    done,
    of: total,
    per_second: Math.round(known.at(-1)!),
    seconds_left: [seconds(Math.max(...known)), seconds(Math.min(...known))],
  };
}

function rateSince(batch: BatchRow, now: number, done: number): number[] {
  const entered = batch.statuses.at(-1)?.ts;
  return entered === undefined || now <= entered ? [] : [done / (now - entered)];
}
