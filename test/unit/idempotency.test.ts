import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RequestError, RetryableFault } from '../../src/core/errors.ts';
import { fingerprintOf, onceUnderKey } from '../../src/engine/idempotency.ts';
import { type KeptAnswer, KeyTaken, type RequestKey } from '../../src/engine/ports/request-stores.ts';

const request: RequestKey = { route: 'POST /x', key: 'k', fingerprint: 'f' };
const answer = (made: number): KeptAnswer => ({
  status: 201,
  headers: { location: `/${made}` },
  body: { made },
});

type Kept = { fingerprint: string; answer: KeptAnswer } | null;

/** What each look into the store finds, one after the other. */
const finding = (...kept: Kept[]) => ({ find: async () => kept.shift() ?? null });
const first: Kept = { fingerprint: 'f', answer: answer(1) };

describe('onceUnderKey', () => {
  test('without a key the store is not asked, and nothing is kept', async () => {
    const store = { find: () => Promise.reject(new Error('asked')) };
    const given = await onceUnderKey(store, undefined, answer, async (keep) => {
      expect(keep).toBeUndefined();
      return 7;
    });
    expect(given).toEqual({ answer: answer(7), replayed: false });
  });

  test('what is answered is what was kept, even if it would be put differently a moment later', async () => {
    let moment = 0;
    const timed = (made: number) => {
      moment += 1;
      return { ...answer(made), body: { made, moment } };
    };
    let kept: KeptAnswer | undefined;
    const given = await onceUnderKey(finding(), request, timed, async (keep) => {
      expect(keep?.request).toBe(request);
      kept = keep?.answer(7);
      return 7;
    });
    expect(given).toEqual({ answer: kept, replayed: false });
  });

  test('an answer that is kept is given without any work', async () => {
    const given = await onceUnderKey(finding(first), request, answer, async () => {
      throw new Error('worked');
    });
    expect(given).toEqual({ answer: answer(1), replayed: true });
  });

  test('the same key for another request is refused without any work', async () => {
    const other = onceUnderKey(finding(first), { ...request, fingerprint: 'g' }, answer, async () => {
      throw new Error('worked');
    });
    await expect(other).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  test.each([new KeyTaken('k'), new RequestError('upload_used', 'used')])(
    'when the work fails with %s, the answer of who was faster is given',
    async (error) => {
      const given = await onceUnderKey(finding(null, first), request, answer, () => Promise.reject(error));
      expect(given).toEqual({ answer: answer(1), replayed: true });
    },
  );

  test('who was faster with another request stands in the way', async () => {
    const slow = onceUnderKey(finding(null, first), { ...request, fingerprint: 'g' }, answer, () =>
      Promise.reject(new KeyTaken('k')),
    );
    await expect(slow).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  test('an error of the request is told when nobody was faster', async () => {
    const error = new RequestError('upload_missing', 'nothing there');
    const failing = onceUnderKey(finding(), request, answer, () => Promise.reject(error));
    await expect(failing).rejects.toBe(error);
  });

  test('a fault of ours is told as it is: whether the request took effect shows when it comes again', async () => {
    const fault = new RetryableFault('the database could not be reached');
    const failing = onceUnderKey(finding(null, first), request, answer, () => Promise.reject(fault));
    await expect(failing).rejects.toBe(fault);
  });

  test('a key that was taken and then forgotten makes no error that nobody knows', async () => {
    const failing = onceUnderKey(finding(), request, answer, () => Promise.reject(new KeyTaken('k')));
    await expect(failing).rejects.toBeInstanceOf(RetryableFault);
  });
});

describe('fingerprintOf', () => {
  test('a SHA-256 that no order of keys changes', () => {
    const one = { body: { a: [{ x: 1, y: 2 }], b: null }, query: {} };
    const other = { query: {}, body: { b: null, a: [{ y: 2, x: 1 }] } };
    expect(fingerprintOf(one)).toMatch(/^[a-f0-9]{64}$/);
    expect(fingerprintOf(other)).toBe(fingerprintOf(one));
  });

  test('the order of entries changes it', () => {
    expect(fingerprintOf([1, 2])).not.toBe(fingerprintOf([2, 1]));
  });

  test('it differs exactly where the JSON does', () => {
    const sorted = (value: unknown): unknown =>
      Array.isArray(value)
        ? ['array', ...value.map(sorted)]
        : typeof value === 'object' && value !== null
          ? [
              'object',
              ...Object.entries(value)
                .map(([key, member]) => JSON.stringify([key, sorted(member)]))
                .sort(),
            ]
          : ['value', JSON.stringify(value)];
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (one, other) => {
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(fingerprintOf(one) === fingerprintOf(other)).toBe(same);
      }),
    );
  });
});
