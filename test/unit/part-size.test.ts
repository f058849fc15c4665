import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partBytes, partRanges } from '../../src/adapters/s3/part-size.ts';
import { PermanentFault, RequestError } from '../../src/core/errors.ts';
import { bytesOfParts } from '../../src/engine/create-multipart-upload.ts';
import { MULTIPART } from '../../src/engine/ports/object-store.ts';

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const TiB = 1024 ** 4;

const capacity = (expected?: number) => {
  let bytes = 0;
  for (let number = 1; number <= 10_000; number += 1) bytes += partBytes(number, expected);
  return bytes;
};

describe('parts of a stream', () => {
  test.each([0, 1, 70 * GiB, 100 * GiB, 5e12, 5 * TiB])('hold %i bytes, if so many may come', (expected) => {
    expect(capacity(expected)).toBeGreaterThanOrEqual(expected);
    // Little more than is needed, since two or three of them are in memory.
    expect(partBytes(10_000, expected)).toBeLessThanOrEqual(Math.max(8 * MiB, expected / 9000 + MiB));
    expect(partBytes(1001, expected)).toBe(partBytes(10_000, expected));
  });

  test('are small at first, however much may come', () => {
    for (const expected of [undefined, 5 * TiB, 51e12]) expect(partBytes(1000, expected)).toBe(8 * MiB);
    expect(partBytes(1001, 51e12)).toBe(partBytes(1001, 5 * TiB));
  });

  test('grow where nobody knows', () => {
    expect(partBytes(1001)).toBe(16 * MiB);
    expect(partBytes(10_000)).toBe(512 * MiB);
    expect(capacity()).toBeGreaterThan(2.4 * TiB);
  });

  test.each([undefined, 10, 5 * TiB])('are refused for good when ten thousand are full', (expected) => {
    const ask = () => partBytes(10_001, expected);
    expect(ask).toThrow(PermanentFault);
    expect(ask).toThrow(expect.objectContaining({ code: 'object_too_large' }));
  });
});

describe('parts of a copy', () => {
  test('are the whole object without a gap, within the limits of S3', () => {
    const bytes = fc.oneof(
      fc.integer({ min: 1, max: 100 * MiB }),
      fc.integer({ min: 5 * GiB, max: 5 * TiB }),
    );
    fc.assert(
      fc.property(bytes, (size) => {
        let [end, count] = [0, 0];
        for (const range of partRanges(size, 512 * MiB)) {
          count += 1;
          expect([range.number, range.start]).toEqual([count, end]);
          expect(range.end).toBeGreaterThan(range.start);
          end = range.end;
          if (end < size) expect(end - range.start).toBeGreaterThanOrEqual(MULTIPART.leastBytes);
          expect(end - range.start).toBeLessThanOrEqual(MULTIPART.mostBytes);
        }
        expect(end).toBe(size);
        expect(count).toBeLessThanOrEqual(MULTIPART.parts);
      }),
      { numRuns: 30 },
    );
  });
});

describe('parts of an upload', () => {
  const refusal = (size: number, parts: number) => {
    try {
      bytesOfParts(size, parts);
    } catch (error) {
      expect(error).toBeInstanceOf(RequestError);
      return (error as RequestError).errors[0]?.message ?? '';
    }
    return null;
  };

  test('are of a length that S3 takes, or refused with a number that it takes', () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 100 * MiB }), fc.integer({ min: 1, max: 50 * TiB }));
    fc.assert(
      fc.property(size, fc.integer({ min: 1, max: 10_000 }), (bytes, parts) => {
        const message = refusal(bytes, parts);
        if (message !== null) {
          const better = Number(/at (?:least|most) (\d+) for/.exec(message)?.[1]);
          expect(better).not.toBe(parts);
          if (better <= MULTIPART.parts) expect(refusal(bytes, better)).toBeNull();
          return;
        }
        const each = bytesOfParts(bytes, parts);
        const last = bytes - (parts - 1) * each;
        expect(last).toBeGreaterThan(0);
        expect(last).toBeLessThanOrEqual(each);
        expect(each).toBeLessThanOrEqual(MULTIPART.mostBytes);
        if (parts > 1) expect(each).toBeGreaterThanOrEqual(MULTIPART.leastBytes);
      }),
    );
  });

  test.each([
    [0, 1, 'an empty file'],
    [10 * MiB, 3, 'at most 2 for'],
    [10 * MiB + 1, 4, 'at most 3 for'],
    [10 * GiB + 1, 2, 'at least 3 for'],
  ])('%i bytes in %i parts are refused', (size, parts, saying) => {
    expect(refusal(size, parts)).toContain(saying);
  });

  test.each([
    [1, 1, 1],
    [10 * MiB + 1, 3, 5 * MiB],
    [20_000_000_000, 200, 100_000_000],
    [10 * GiB, 2, 5 * GiB],
  ])('%i bytes in %i parts make %i each', (size, parts, each) => {
    expect(bytesOfParts(size, parts)).toBe(each);
  });
});
