import { describe, expect, test } from 'vitest';
import { LeaseLost, RetryableFault } from '../../src/core/errors.ts';
import { JournalWriter } from '../../src/engine/outside/journal-writer.ts';
import { PendingRecords, pendingFrom } from '../../src/engine/outside/pending-records.ts';
import type { JournalEntry } from '../../src/engine/ports/chunk-outcome.ts';
import type { ChunkClaim } from '../../src/engine/ports/claims.ts';
import { gate } from '../support/gate.ts';

const CLAIM = {} as ChunkClaim;
const entry = (record: number, state: JournalEntry['state']): JournalEntry => {
  return { record, state, attempts: 1, dueSeconds: 0, uncertain: false, result: null };
};

/** A session that notes its statements, and does what a test wants before it answers. */
function session(before: () => Promise<void> = async () => undefined) {
  const statements: string[] = [];
  let open = 0;
  const say = async (what: string, entries: readonly JournalEntry[]) => {
    open += 1;
    expect(open).toBe(1);
    statements.push(`${what} ${entries.map(({ record }) => record).join(',')}`);
    await before().finally(() => {
      open -= 1;
    });
  };
  const it = {
    noteStarted: async (_: ChunkClaim, entries: readonly JournalEntry[]) => {
      await say('start', entries);
      return new Set(entries.map(({ record }) => record));
    },
    noteOutcomes: async (_: ChunkClaim, entries: readonly JournalEntry[]) => await say('note', entries),
  };
  return { statements, writer: new JournalWriter(it, CLAIM) };
}

describe('the writer of a journal', () => {
  test('writes what comes in the same moment in one statement, and one at a time', async () => {
    const held = gate();
    const { statements, writer } = session(() => held.wait());
    const first = [writer.start([entry(1, 'started')]), writer.start([entry(2, 'started')])];
    await held.arrived;
    writer.note([entry(3, 'final')]);
    writer.note([entry(4, 'final')]);
    const second = writer.start([entry(5, 'started')]);
    held.open();
    const begun = await Promise.all(first);
    expect(begun.map(({ records }) => records)).toEqual([new Set([1, 2]), new Set([1, 2])]);
    expect((await second).records).toEqual(new Set([5]));
    await writer.drained();
    expect(statements).toEqual(['start 1,2', 'note 3,4', 'start 5']);
  });

  test('writes what is noted in the moment in which it ends', async () => {
    const { statements, writer } = session();
    await writer.start([entry(1, 'started')]);
    writer.note([entry(1, 'waiting')]);
    await writer.drained();
    expect(statements).toEqual(['start 1', 'note 1']);
  });

  test('writes outcomes again that a lost connection has kept from being noted', async () => {
    let left = 2;
    const { statements, writer } = session(async () => {
      left -= 1;
      if (left >= 0) throw new RetryableFault('the database could not be reached');
    });
    writer.note([entry(1, 'final')]);
    await writer.drained();
    expect(statements).toEqual(['note 1', 'note 1', 'note 1']);
  });

  test('lets nobody send any more once outcomes are lost', async () => {
    const fault = new Error('no such table');
    const { writer } = session(async () => {
      throw fault;
    });
    writer.note([entry(1, 'final')]);
    await expect(writer.drained()).rejects.toBe(fault);
    await expect(writer.start([entry(2, 'started')])).rejects.toBe(fault);
  });

  test('tells everybody who waits that the lease is lost', async () => {
    const lost = new LeaseLost('chunk 1');
    const { writer } = session(async () => {
      throw lost;
    });
    const starts = [1, 2].map((record) => writer.start([entry(record, 'started')]));
    for (const start of starts) await expect(start).rejects.toBe(lost);
    await writer.drained();
  });
});

describe('the records that have no result yet', () => {
  const record = (number: number) => ({ number, input: {} });
  const pending = (number: number, dueSeconds = 0) =>
    pendingFrom(record(number), { ...entry(number, 'waiting'), dueSeconds });
  const numbers = (group: ReturnType<PendingRecords['next']>) => group?.map((it) => it.record.number) ?? null;

  test('are taken in the file’s order, in groups; who waits is left', () => {
    const records = new PendingRecords([pending(1), pending(2, 3600), pending(3), pending(4)], 2);
    expect(numbers(records.next())).toEqual([1, 3]);
    expect(records.waitMs).toBe(0);
    expect(numbers(records.next())).toEqual([4]);
    expect(numbers(records.next())).toBeNull();
    expect(records.waitMs).toBeGreaterThan(3_500_000);
    records.add([pending(4)]);
    expect(records.waitMs).toBe(0);
    expect(numbers(records.next())).toEqual([4]);
  });

  test('are held back together, for as long as the longest wait', () => {
    const records = new PendingRecords([pending(1)], 1);
    records.holdBack(3600);
    records.holdBack(1);
    expect(records.next()).toBeNull();
    expect(records.heldBackSeconds).toBeGreaterThan(3500);
    expect(records.waitMs).toBeGreaterThan(3_500_000);
  });

  test('are none when all are taken', () => {
    const records = new PendingRecords([], 1);
    expect([records.next(), records.waitMs, records.heldBackSeconds]).toEqual([null, null, 0]);
  });

  test('that somebody has started without telling what came of it may have taken effect', () => {
    expect(pendingFrom(record(1), { ...entry(1, 'started'), attempts: 3 })).toMatchObject({
      attempts: 3,
      uncertain: true,
    });
    expect(pendingFrom(record(1), entry(1, 'waiting')).uncertain).toBe(false);
    expect(pendingFrom(record(1), undefined)).toMatchObject({ attempts: 0, uncertain: false });
  });
});
