import { describe, expect, test } from 'vitest';
import { describeLimit, isLimitReached, type StopAfter } from '../../src/core/stop-after.ts';
import { stopAfterOf, stopAfterProblems } from '../../src/engine/stop-after.ts';

describe('isLimitReached', () => {
  const tally = (failed: number, settled: number, settledFailed = failed) => ({
    failed,
    settled,
    settledFailed,
  });
  test.each<[StopAfter, ReturnType<typeof tally>, boolean]>([
    [{ failures: 1 }, tally(0, 100), false],
    [{ failures: 1 }, tally(1, 100), true],
    [{ failures: 3 }, tally(2, 100), false],
    [{ failures: 3 }, tally(5, 100), true],
    // Invalid records of chunks that are not processed yet count too.
    [{ failures: 3 }, tally(3, 0, 0), true],
    [{ share: 0.5, min_records: 10 }, tally(9, 9), false],
    [{ share: 0.5, min_records: 10 }, tally(4, 10), false],
    [{ share: 0.5, min_records: 10 }, tally(5, 10), true],
    [{ share: 1, min_records: 1 }, tally(9, 10), false],
    [{ share: 1, min_records: 1 }, tally(10, 10), true],
    // A share is taken of what is settled alone.
    [{ share: 0.5, min_records: 10 }, tally(50, 10, 1), false],
  ])('%j with %j: %s', (limit, counts, reached) => {
    expect(isLimitReached(limit, counts)).toBe(reached);
  });
});

describe('a limit as requested', () => {
  test.each([
    [null, []],
    [{ failures: 1 }, []],
    [{ share: 0.1 }, []],
    [{ share: 0.1, min_records: 5 }, []],
    [{}, ['/stop_after']],
    [{ min_records: 5 }, ['/stop_after']],
    [{ failures: 1, share: 0.5 }, ['/stop_after']],
    [{ failures: 1, min_records: 5 }, ['/stop_after/min_records']],
  ])('%j: wrong at %j', (request, pointers) => {
    expect(stopAfterProblems(request).map((problem) => problem.pointer)).toEqual(pointers);
  });

  test('a share is first looked at after a thousand records, where nothing else is said', () => {
    expect(stopAfterOf({ share: 0.2 })).toEqual({ share: 0.2, min_records: 1000 });
    expect(stopAfterOf({ share: 0.2, min_records: 1 })).toEqual({ share: 0.2, min_records: 1 });
    expect(stopAfterOf({ failures: 7 })).toEqual({ failures: 7 });
  });

  test('is told in words', () => {
    expect(describeLimit({ failures: 1 })).toBe('1 failed record');
    expect(describeLimit({ failures: 20 })).toBe('20 failed records');
    expect(describeLimit({ share: 0.2, min_records: 1000 })).toContain('0.2');
  });
});
