import { describe, expect, test } from 'vitest';
import { afterCrash, firstProbes, MOST_CRASHES_ALONE, type Probing } from '../../src/core/probes.ts';

interface Search {
  crashes: number;
  /** Spans that went well. */
  passed: number;
  crashed: readonly number[];
}

/** Tries a chunk as a process does that dies with each bad record. */
function search(firstRecord: number, records: number, bad: readonly number[]): Search {
  let state: Probing = { probes: firstProbes({ firstRecord, records }), crashed: [] };
  const found = { crashes: 0, passed: 0 };
  for (;;) {
    const given = new Set(state.crashed);
    const isBad = ({ from, to }: { from: number; to: number }) =>
      bad.some((record) => !given.has(record) && from <= record && record <= to);
    const at = state.probes.findIndex(isBad);
    found.passed += at === -1 ? state.probes.length : at;
    if (at === -1) return { ...found, crashed: state.crashed };
    found.crashes += 1;
    const { from, to } = state.probes[at]!;
    state = afterCrash(state, { from, to })!;
  }
}

describe('the search for records that crash their process', () => {
  test.each([1, 2, 31, 32, 33, 1000, 1024, 5000])('finds each one of %d, and blames no other', (records) => {
    const levels = Math.ceil(Math.log(records) / Math.log(32) - 1e-9);
    const some = [1, 2, Math.ceil(records / 3), records - 1, records].filter((n) => n >= 1 && n <= records);
    for (const record of some) {
      const { crashes, crashed } = search(8, records, [7 + record]);
      expect(crashed).toEqual([7 + record]);
      expect(crashes).toBeLessThanOrEqual(levels + MOST_CRASHES_ALONE);
    }
  });

  test('finds several, whether they are neighbours or far apart, in the file’s order', () => {
    expect(search(1, 5000, [17, 18, 4999]).crashed).toEqual([17, 18, 4999]);
    expect(search(1, 40, [1, 2, 3]).crashed).toEqual([1, 2, 3]);
  });

  test('tries nothing again that went well', () => {
    expect(search(1, 5000, [5000]).passed).toBeLessThan(3 * 32);
  });

  test('blames no span that is not to be tried, such as one that has committed meanwhile', () => {
    const probing = { probes: firstProbes({ firstRecord: 1, records: 10 }), crashed: [] };
    expect(afterCrash(probing, { from: 1, to: 5 })).toBeNull();
    expect(afterCrash({ probes: [], crashed: [] }, { from: 1, to: 10 })).toBeNull();
  });

  test('a record that crashed less often than it may keeps its count and its place', () => {
    const alone = { from: 3, to: 3, crashes: 0 };
    const rest = { from: 4, to: 9, crashes: 0 };
    const once = afterCrash({ probes: [alone, rest], crashed: [1] }, alone);
    expect(once).toEqual({ probes: [{ ...alone, crashes: 1 }, rest], crashed: [1] });
  });
});
