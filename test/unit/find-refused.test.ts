import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findRefused } from '../../src/engine/find-refused.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

/** Does the work as a database would: all of a group, or nothing because of its first bad item. */
async function search(count: number, isBad: (item: number) => boolean) {
  const calls: number[][] = [];
  const written: number[] = [];
  const results = await findRefused(
    numbers(count),
    async (group) => {
      calls.push([...group]);
      const bad = group.find(isBad);
      if (bad !== undefined) return { refused: `of ${bad}` };
      written.push(...group);
      return { done: group.map((item) => `done ${item}`) };
    },
    (item, refusal) => `refused ${item} ${refusal}`,
  );
  return { calls, written, results };
}

const expected = (count: number, isBad: (item: number) => boolean) =>
  numbers(count).map((item) => (isBad(item) ? `refused ${item} of ${item}` : `done ${item}`));

describe('what one item of many is refused for', () => {
  it('costs one call where nothing is refused, and none for no items', async () => {
    expect((await search(5000, () => false)).calls).toHaveLength(1);
    expect(await search(0, () => true)).toEqual({ calls: [], written: [], results: [] });
  });

  it('costs no more than 2 log2 n calls where one is', async () => {
    for (const bad of [1, 2, 2500, 4999, 5000]) {
      const { calls, results } = await search(5000, (item) => item === bad);
      expect(results).toEqual(expected(5000, (item) => item === bad));
      expect(calls.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(5000)));
    }
  });

  it('costs hardly more than a call an item, however many are', async () => {
    const patterns: ((item: number) => boolean)[] = [() => true, (n) => n % 2 === 0, (n) => n % 3 > 0];
    for (const isBad of patterns) {
      const { calls, results } = await search(4096, isBad);
      expect(results).toEqual(expected(4096, isBad));
      expect(calls.length).toBeLessThanOrEqual(4096 + 2 * 13);
    }
  });

  it('is found whatever is bad: each good item is done once, in order, each bad one refused alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 300 }), async (bad) => {
        const isBad = (item: number) => bad[item - 1]!;
        const { calls, written, results } = await search(bad.length, isBad);
        expect(results).toEqual(expected(bad.length, isBad));
        expect(written).toEqual(numbers(bad.length).filter((item) => !isBad(item)));
        expect(calls.length).toBeLessThanOrEqual(bad.length + 2 * Math.ceil(Math.log2(bad.length + 1)));
      }),
    );
  });

  it('stops at an error of another kind', async () => {
    const attempt = async (): Promise<{ done: number[] }> =>
      Promise.reject(new Error('the connection is gone'));
    await expect(findRefused([1, 2], attempt, (item) => item)).rejects.toThrow('the connection is gone');
  });
});
