import { describe, expect, it } from 'vitest';
import { type RecordResult, succeeded, tryAgain } from '../../src/core/result.ts';
import { afterTry } from '../../src/engine/tries.ts';

const before = { record: 3, attempts: 0, uncertain: false };
const tried = (result: RecordResult<unknown>, more: object = {}) =>
  afterTry({ limits: { attempts: 3 } }, { ...before, ...more }, result);
const busy = (more?: object) => tryAgain('busy', 'it is busy', more);
const failedAs = (code: string) => ({ status: 'failed', error: { code } });

describe('a record after a try', () => {
  it('is settled with what it came to', () => {
    expect(tried(succeeded(1))).toMatchObject({ state: 'final', attempts: 1, result: { output: 1 } });
  });

  it('that asks to be tried again waits as long as it says', () => {
    expect(tried(busy({ afterSeconds: 7 }))).toMatchObject({ state: 'waiting', attempts: 1, dueSeconds: 7 });
    expect(tried(busy({ afterSeconds: 0 }))).toMatchObject({ dueSeconds: 0 });
  });

  it.each([undefined, -1, Number.NaN, '5', null])('waits as usual where it says %s', (afterSeconds) => {
    const { dueSeconds } = tried(busy({ afterSeconds }));
    expect(dueSeconds).toBeGreaterThanOrEqual(0.5);
    expect(dueSeconds).toBeLessThanOrEqual(1);
  });

  it.each([1e9, 1e300, Number.POSITIVE_INFINITY])(
    'waits for a day at most, and not for %s',
    (afterSeconds) => {
      expect(tried(busy({ afterSeconds })).dueSeconds).toBe(86_400);
    },
  );

  it('has failed when it was tried as often as allowed', () => {
    expect(tried(busy(), { attempts: 2 })).toMatchObject({ state: 'final', result: failedAs('busy') });
  });

  it('that may have taken effect in one of its tries is of unknown outcome', () => {
    const last = tried(busy(), { attempts: 2, uncertain: true });
    expect(last).toMatchObject({ state: 'final', result: failedAs('outcome_unknown') });
  });
});
