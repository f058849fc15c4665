import { describe, expect, test } from 'vitest';
import { BATCH_STATUSES } from '../../src/core/batch.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { progressOf } from '../../src/engine/progress.ts';
import { batchRow } from '../support/batch-row.ts';
import { GOOD_WAY } from '../support/statuses.ts';

const START = 1_795_300_000;

function batch(given: Partial<BatchRow> & { status: BatchRow['status']; total?: number | null }): BatchRow {
  const { total = null, ...rest } = given;
  return batchRow({
    createdAt: START,
    statuses: [{ status: given.status, ts: START }],
    counts: { total, succeeded: 0, failed: 0, skipped: 0, unprocessed: total ?? 0 },
    ...rest,
  });
}

describe('copying', () => {
  test('is counted in bytes, with the rate since it began', () => {
    const copying = batch({ status: 'copying', uploadBytes: 1000, progressDone: 400 });
    expect(progressOf(copying, START + 4)).toEqual({
      stage: 'copying',
      unit: 'bytes',
      done: 400,
      of: 1000,
      per_second: 100,
      seconds_left: [6, 6],
    });
  });

  test.each([
    ['new', 0, 5],
    ['copying', 0, 5],
    ['copying', 400, 0],
    ['copying', 400, -3],
  ] as const)('%s: no rate after %i bytes in %i seconds', (status, progressDone, seconds) => {
    const progress = progressOf(batch({ status, uploadBytes: 1000, progressDone }), START + seconds);
    expect(progress).toMatchObject({ done: progressDone, of: 1000, per_second: null, seconds_left: null });
  });
});

describe.each(['validating', 'processing'] as const)('%s', (status) => {
  const at = (settled: number, recent: number, seconds: number, total: number | null = 10_000) =>
    progressOf(batch({ status, total, phase: { settled, recent, since: START } }), START + seconds);

  test('is counted in records; the estimate lies between the average and the last ten seconds', () => {
    // 50 a second on the average, 100 a second lately: 5,000 records are left.
    expect(at(5000, 1000, 100)).toEqual({
      stage: status,
      unit: 'records',
      done: 5000,
      of: 10_000,
      per_second: 100,
      seconds_left: [50, 100],
    });
    expect(at(5000, 250, 100)).toMatchObject({ per_second: 25, seconds_left: [100, 200] });
  });

  test('in its first ten seconds the recent rate is taken over the time that there was', () => {
    expect(at(400, 400, 4)).toMatchObject({ per_second: 100, seconds_left: [96, 96] });
  });

  test('when nothing was settled lately the average is all that is known', () => {
    expect(at(5000, 0, 100)).toMatchObject({ per_second: 50, seconds_left: [100, 100] });
  });

  test('nothing settled: no rate', () => {
    expect(at(0, 0, 60)).toMatchObject({ done: 0, of: 10_000, per_second: null, seconds_left: null });
  });

  test('a phase that has not begun, or begins this moment, has no rate', () => {
    const phase = { settled: 0, recent: 0, since: null };
    expect(progressOf(batch({ status, total: 5, phase }), START)).toMatchObject({ per_second: null });
    expect(at(5, 5, 0)).toMatchObject({ per_second: null, seconds_left: null });
    // The database's clock may be ahead of this one.
    expect(at(5, 5, -2)).toMatchObject({ per_second: null, seconds_left: null });
  });

  test('at the end nothing is left', () => {
    expect(at(10_000, 1000, 100)).toMatchObject({ done: 10_000, seconds_left: [0, 0] });
  });

  test('without a total there is no estimate', () => {
    expect(at(100, 100, 10, null)).toMatchObject({ of: null, per_second: null, seconds_left: null });
  });
});

describe('writing results', () => {
  test('is counted in records that are written', () => {
    const writing = batch({ status: 'writing_results', total: 1000, progressDone: 250 });
    expect(progressOf(writing, START + 5)).toMatchObject({
      unit: 'records',
      done: 250,
      of: 1000,
      per_second: 50,
      seconds_left: [15, 15],
    });
  });

  test('more written than expected is nothing left, not less than nothing', () => {
    const writing = batch({ status: 'writing_results', total: 1000, progressDone: 1500 });
    expect(progressOf(writing, START + 5)?.seconds_left).toEqual([0, 0]);
  });
});

test('there is progress exactly in the statuses in which something goes on', () => {
  const moving = BATCH_STATUSES.filter((status) => progressOf(batch({ status }), START + 1) !== null);
  expect(moving).toEqual([...GOOD_WAY.slice(0, -1), 'cancelling']);
  for (const status of moving) expect(progressOf(batch({ status }), START + 1)?.stage).toBe(status);
});
