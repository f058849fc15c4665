import { describe, expect, test } from 'vitest';
import { failed, succeeded } from '../../src/core/result.ts';
import type { FailureSummary } from '../../src/core/tally.ts';
import type { JournalEntry } from '../../src/engine/ports/chunk-outcome.ts';
import type { BatchClaim } from '../../src/engine/ports/claims.ts';
import { addFailures } from '../../src/engine/results/add-failures.ts';
import { awaitOutcomes } from '../../src/engine/results/await-outcomes.ts';
import { chunks, claim, PARTS, part, store, write } from '../support/written-results.ts';

const entry = (record: number, more: Partial<JournalEntry>): JournalEntry => {
  return { record, state: 'final', attempts: 1, dueSeconds: 0, uncertain: false, result: null, ...more };
};

/** What is written of four records, of which the last two are those of a chunk that was stopped. */
async function written(journal: readonly JournalEntry[], options: Partial<BatchClaim> = {}) {
  const it = store();
  it.objects.set(part(0), PARTS[0]!);
  const lines = chunks();
  Object.assign(lines[1]!, { part: null, succeeded: 0, journal });
  const { finished } = await write(it, lines, { status: 'cancelling', ...options });
  const text = it.objects.get('all.ndjson')?.toString() ?? '';
  const all = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { ...finished, stopped: all.slice(2), objects: it.objects };
}

describe('a chunk that was stopped half way', () => {
  test('tells what its journal knows: results as they are, and the rest is unprocessed', async () => {
    const { stopped, counts, failures, objects } = await written([
      entry(3, { result: failed('refused', 'is refused', 'id'), attempts: 2 }),
      entry(4, { state: 'waiting', result: failed('busy', 'is busy') }),
    ]);
    const error = { code: 'refused', message: 'is refused', field: 'id', column: 'id' };
    expect(stopped).toEqual([
      { record: 3, status: 'failed', error, attempts: 2 },
      { record: 4, status: 'unprocessed' },
    ]);
    expect(counts).toEqual({ total: 4, succeeded: 2, failed: 1, skipped: 0, unprocessed: 1 });
    expect(failures).toEqual({ codes: { refused: 1 }, first: [{ record: 3, ...error }] });
    expect(objects.get('unprocessed.csv')?.toString()).toBe('id,_rest,"_sheaf"\r\nd,,\r\n');
    expect(objects.get('failed.ndjson')?.toString()).toContain('"attempts":2,"input":{"id":"c"}}');
  });

  test('has failed records of which nobody knows what came of them', async () => {
    const { stopped, counts, failures } = await written([
      entry(3, { state: 'started', attempts: 3 }),
      entry(4, { state: 'waiting', uncertain: true, result: failed('busy', 'is busy') }),
    ]);
    expect(stopped).toMatchObject([
      { record: 3, status: 'failed', error: { code: 'outcome_unknown' }, attempts: 3 },
      { record: 4, status: 'failed', error: { code: 'outcome_unknown' }, attempts: 1 },
    ]);
    expect(counts).toMatchObject({ succeeded: 2, failed: 2, unprocessed: 0 });
    expect(failures?.codes).toEqual({ outcome_unknown: 2 });
  });

  test('repeats the custom ids, and says so where it cannot', async () => {
    const journal = [3, 4].map((record) => entry(record, { result: succeeded({}) }));
    const known = await written(journal, { customId: 'id' });
    expect(known.stopped.map((line) => line.custom_id)).toEqual(['c', 'd']);
    const lost = await written(journal, { customId: 'id', inputKey: null, resultsFormats: ['ndjson'] });
    expect(lost.stopped.map((line) => line.custom_id)).toEqual([undefined, undefined]);
    const { omitted } = JSON.parse(lost.objects.get('manifest.json')?.toString() ?? '');
    expect(omitted).toEqual([
      { kind: 'all', format: 'ndjson', field: 'custom_id', why: 'the private copy of the input is gone' },
    ]);
  });
});

test('failures of different records are added up, the most frequent first', () => {
  const one: FailureSummary = { codes: { a: 2, b: 1 }, first: [{ record: 4, code: 'a', message: 'm' }] };
  const other: FailureSummary = {
    codes: { b: 3, c: 2 },
    first: Array.from({ length: 10 }, (_, n) => ({ record: 2 * n + 1, code: 'b', message: 'm' })),
  };
  const both = addFailures(one, other);
  expect(Object.entries(both.codes)).toEqual([
    ['b', 4],
    ['a', 2],
    ['c', 2],
  ]);
  expect(both.first.map(({ record }) => record)).toEqual([1, 3, 4, 5, 7, 9, 11, 13, 15, 17]);
});

describe('calls that are out when a batch is stopped', () => {
  const lease = { signal: new AbortController().signal, alive: () => undefined };
  const asked = (...answers: boolean[]) => {
    const work = { calls: 0, callsOut: async () => answers[work.calls++] ?? false };
    return work;
  };

  test('are waited for until none is out', async () => {
    const work = asked(true, true, false, true);
    await awaitOutcomes(work, { ...claim, status: 'cancelling' }, lease);
    expect(work.calls).toBe(3);
  });

  test('are not asked about when nothing was stopped', async () => {
    const work = asked(true);
    await awaitOutcomes(work, claim, lease);
    expect(work.calls).toBe(0);
  });

  test('are not waited for without the lease', async () => {
    const lost = new Error('lost');
    const gone = { ...lease, signal: AbortSignal.abort(lost) };
    await expect(awaitOutcomes(asked(true), { ...claim, status: 'failed' }, gone)).rejects.toMatchObject({
      cause: lost,
    });
  });
});
