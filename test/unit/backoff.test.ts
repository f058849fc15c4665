import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffSeconds } from '../../src/engine/backoff.ts';

const longest = () => 1 - Number.EPSILON;
const shortest = () => 0;

test.each([
  [1, 0.5, 1],
  [2, 1, 2],
  [3, 2, 4],
  [4, 4, 8],
  [5, 8, 16],
  [6, 16, 32],
  [7, 30, 60],
  [8, 30, 60],
  [100, 30, 60],
  [5000, 30, 60],
])('after attempt %i it waits %f to %f seconds', (attempt, least, most) => {
  expect(backoffSeconds(attempt, shortest)).toBe(least);
  expect(backoffSeconds(attempt, longest)).toBeCloseTo(most, 10);
});

test('the default is random: many that failed together do not come back together', () => {
  const waits = new Set(Array.from({ length: 50 }, () => backoffSeconds(7)));
  expect(waits.size).toBeGreaterThan(1);
});

test('it is never shorter than half a second, nor longer than a minute', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 31 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, random) => {
        const seconds = backoffSeconds(attempt, () => random);
        expect(seconds).toBeGreaterThanOrEqual(0.5);
        expect(seconds).toBeLessThanOrEqual(60);
      },
    ),
  );
});
