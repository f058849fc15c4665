import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LeaseLost, RetryableFault } from '../../src/core/errors.ts';
import { type HeldLease, LeaseKeeper } from '../../src/engine/lease-keeper.ts';
import type { LeaseRef } from '../../src/engine/ports/claims.ts';
import { silentLog } from '../support/silent-log.ts';

const STEP_SECONDS = 600;
const LEASE_SECONDS = 6;
const RENEWAL = 2000;

const batchLease: LeaseRef = { kind: 'batch', batchId: 'b1', lease: 'one' };
const chunkLease: LeaseRef = { kind: 'chunk', batchId: 'b2', number: 7, lease: 'two' };

/** Leases in a table of their own; `answer` decides how a renewal goes. */
class FakeStore {
  readonly asked: LeaseRef[][] = [];
  gone = new Set<string>();
  answer: (leases: readonly LeaseRef[]) => Promise<Set<string>> = async (leases) =>
    new Set(leases.map((ref) => ref.lease).filter((lease) => !this.gone.has(lease)));

  renew(leases: readonly LeaseRef[]): Promise<Set<string>> {
    this.asked.push(structuredClone([...leases]));
    return this.answer(leases);
  }
}

/** Work that goes on until it is told to end; `held` is what it got. */
function holdOpen(keeper: LeaseKeeper, ref: LeaseRef) {
  let held: HeldLease | undefined;
  let end: (value: string) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const done = keeper.hold(ref, (lease) => {
    held = lease;
    return new Promise<string>((resolve, reject) => {
      end = resolve;
      fail = reject;
    });
  });
  return { held: held!, end, fail, done };
}

let store: FakeStore;
let keeper: LeaseKeeper;

beforeEach(() => {
  vi.useFakeTimers();
  store = new FakeStore();
  keeper = new LeaseKeeper(store, { leaseSeconds: LEASE_SECONDS, stepSeconds: STEP_SECONDS }, silentLog);
});

afterEach(() => {
  vi.useRealTimers();
});

describe('renewing', () => {
  test('three times a lease, for as long as the work runs', async () => {
    const work = holdOpen(keeper, batchLease);
    await vi.advanceTimersByTimeAsync(RENEWAL - 1);
    expect(store.asked).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1 + 19 * RENEWAL);
    expect(store.asked).toHaveLength(20);
    expect(store.asked.at(-1)).toEqual([batchLease]);
    expect(work.held.signal.aborted).toBe(false);
    work.end('done');
    expect(await work.done).toBe('done');
  });

  test('all leases in one statement, those that came later too', async () => {
    const first = holdOpen(keeper, batchLease);
    await vi.advanceTimersByTimeAsync(RENEWAL / 2);
    const second = holdOpen(keeper, chunkLease);
    await vi.advanceTimersByTimeAsync(RENEWAL / 2);
    expect(store.asked).toEqual([[batchLease, chunkLease]]);
    first.end('');
    second.end('');
    await Promise.all([first.done, second.done]);
  });

  test('progress goes with the next renewal', async () => {
    const work = holdOpen(keeper, batchLease);
    work.held.progress(100);
    work.held.progress(250);
    await vi.advanceTimersByTimeAsync(RENEWAL);
    expect(store.asked).toEqual([[{ ...batchLease, progressDone: 250 }]]);
    work.end('');
    await work.done;
  });

  test('a step that shows no progress loses its lease, which costs an attempt; one that does goes on', async () => {
    const stuck = holdOpen(keeper, chunkLease);
    const lively = holdOpen(keeper, batchLease);
    for (let done = 1; done * RENEWAL < STEP_SECONDS * 1000; done += 1) {
      lively.held.progress(done);
      await vi.advanceTimersByTimeAsync(RENEWAL);
    }
    expect(stuck.held.signal.aborted).toBe(false);
    lively.held.progress(0);
    await vi.advanceTimersByTimeAsync(2 * RENEWAL);
    expect(stuck.held.signal.aborted).toBe(true);
    expect(lively.held.signal.aborted).toBe(false);
    expect(store.asked.at(-1)?.map((ref) => ref.lease)).toEqual([batchLease.lease]);
    stuck.end('');
    lively.end('');
    await lively.done;
    const reason = stuck.held.signal.reason as RetryableFault;
    expect(reason).toBeInstanceOf(RetryableFault);
    expect(reason.free).toBe(false);
    await stuck.done;
  });

  test('work that ended is not renewed any more, and nothing is left that runs', async () => {
    const short = holdOpen(keeper, batchLease);
    const long = holdOpen(keeper, chunkLease);
    short.end('');
    await short.done;
    await vi.advanceTimersByTimeAsync(RENEWAL);
    expect(store.asked).toEqual([[chunkLease]]);
    long.end('');
    await long.done;
    await vi.advanceTimersByTimeAsync(10 * RENEWAL);
    expect(store.asked).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('after a pause it starts again', async () => {
    const first = holdOpen(keeper, batchLease);
    first.end('');
    await first.done;
    await vi.advanceTimersByTimeAsync(5 * RENEWAL);
    const second = holdOpen(keeper, chunkLease);
    await vi.advanceTimersByTimeAsync(RENEWAL);
    expect(store.asked).toEqual([[chunkLease]]);
    second.end('');
    await second.done;
  });
});

describe('losing', () => {
  test('what is not renewed is lost; the others are kept', async () => {
    const mine = holdOpen(keeper, batchLease);
    const lost = holdOpen(keeper, chunkLease);
    store.gone.add('two');
    await vi.advanceTimersByTimeAsync(RENEWAL);
    expect(lost.held.signal.aborted).toBe(true);
    expect(lost.held.signal.reason).toBeInstanceOf(LeaseLost);
    expect(lost.held.signal.reason.message).toBe('the lease of chunk 7 of batch b2 is not held any more');
    expect(mine.held.signal.aborted).toBe(false);
    mine.end('');
    lost.end('');
    await Promise.all([mine.done, lost.done]);
  });

  test('the lease is the reason, whatever the work fails with afterwards', async () => {
    const work = holdOpen(keeper, batchLease);
    const failed = expect(work.done).rejects.toThrow(new LeaseLost('batch b1'));
    store.gone.add('one');
    await vi.advanceTimersByTimeAsync(RENEWAL);
    work.fail(new DOMException('This operation was aborted', 'AbortError'));
    await failed;
  });

  test('work that settled while the renewal was under way has lost nothing', async () => {
    const warn = vi.fn();
    keeper = new LeaseKeeper(
      store,
      { leaseSeconds: LEASE_SECONDS, stepSeconds: STEP_SECONDS },
      { ...silentLog, warn },
    );
    let answer: (held: Set<string>) => void = () => {};
    store.answer = () => new Promise((resolve) => (answer = resolve));
    const work = holdOpen(keeper, batchLease);
    await vi.advanceTimersByTimeAsync(RENEWAL);
    work.end('');
    await work.done;
    answer(new Set());
    await vi.advanceTimersByTimeAsync(0);
    expect(work.held.signal.aborted).toBe(false);
    expect(warn).not.toHaveBeenCalled();
  });

  test('a loss is told once', async () => {
    const warn = vi.fn();
    keeper = new LeaseKeeper(
      store,
      { leaseSeconds: LEASE_SECONDS, stepSeconds: STEP_SECONDS },
      { ...silentLog, warn },
    );
    const work = holdOpen(keeper, batchLease);
    store.gone.add('one');
    await vi.advanceTimersByTimeAsync(5 * RENEWAL);
    expect(warn).toHaveBeenCalledTimes(1);
    work.end('');
    await work.done;
  });
});

describe('when the database does not answer', () => {
  const down = async () => {
    throw new Error('connection refused');
  };

  test('a passing error costs nothing', async () => {
    const up = store.answer;
    const work = holdOpen(keeper, batchLease);
    await vi.advanceTimersByTimeAsync(RENEWAL);
    store.answer = down;
    await vi.advanceTimersByTimeAsync(2 * RENEWAL);
    expect(work.held.signal.aborted).toBe(false);
    store.answer = up;
    await vi.advanceTimersByTimeAsync(RENEWAL);
    store.answer = down;
    await vi.advanceTimersByTimeAsync(2 * RENEWAL);
    expect(work.held.signal.aborted).toBe(false);
    work.end('');
    await work.done;
  });

  test.each([
    ['refuses', down],
    ['never answers', () => new Promise<never>(() => {})],
  ])('one that %s for the length of a lease takes it', async (_, answer) => {
    const work = holdOpen(keeper, batchLease);
    await vi.advanceTimersByTimeAsync(RENEWAL);
    store.answer = answer;
    await vi.advanceTimersByTimeAsync(2 * RENEWAL);
    expect(work.held.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(RENEWAL);
    expect(work.held.signal.aborted).toBe(true);
    expect(work.held.signal.reason).toBeInstanceOf(LeaseLost);
    work.end('');
    await work.done;
  });

  test('one question at a time', async () => {
    store.answer = () => new Promise<never>(() => {});
    const work = holdOpen(keeper, batchLease);
    await vi.advanceTimersByTimeAsync(10 * RENEWAL);
    expect(store.asked).toHaveLength(1);
    work.end('');
    await work.done;
  });

  test('a process that stood still asks before it gives up', async () => {
    const work = holdOpen(keeper, batchLease);
    const clock = vi.spyOn(performance, 'now');
    const frozen = performance.now() + 100 * LEASE_SECONDS * 1000;
    clock.mockReturnValue(frozen);
    await vi.advanceTimersByTimeAsync(RENEWAL);
    expect(store.asked).toHaveLength(1);
    expect(work.held.signal.aborted).toBe(false);
    clock.mockRestore();
    work.end('');
    await work.done;
  });
});

describe('stopping', () => {
  test('abortAll fires every signal, and later work has its own', async () => {
    const works = [holdOpen(keeper, batchLease), holdOpen(keeper, chunkLease)];
    keeper.abortAll();
    for (const work of works) {
      expect(work.held.signal.reason).toBeInstanceOf(LeaseLost);
      work.end('');
      await work.done;
    }
    const later = holdOpen(keeper, batchLease);
    expect(later.held.signal.aborted).toBe(false);
    later.end('');
    await later.done;
  });

  test('close waits for the renewal that is under way', async () => {
    let answer: (held: Set<string>) => void = () => {};
    store.answer = () => new Promise((resolve) => (answer = resolve));
    const work = holdOpen(keeper, batchLease);
    await vi.advanceTimersByTimeAsync(RENEWAL);
    let closed = false;
    const closing = keeper.close().then(() => {
      closed = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(work.held.signal.aborted).toBe(true);
    expect(closed).toBe(false);
    answer(new Set(['one']));
    await closing;
    expect(closed).toBe(true);
    work.end('');
    await work.done;
  });

  test('nothing is renewed after close, not even for work that goes on', async () => {
    const work = holdOpen(keeper, batchLease);
    await vi.advanceTimersByTimeAsync(RENEWAL);
    await keeper.close();
    await vi.advanceTimersByTimeAsync(10 * RENEWAL);
    expect(store.asked).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
    work.end('');
    await work.done;
  });

  test('nor after a close during a renewal', async () => {
    let answer: (held: Set<string>) => void = () => {};
    store.answer = () => new Promise((resolve) => (answer = resolve));
    const work = holdOpen(keeper, batchLease);
    await vi.advanceTimersByTimeAsync(RENEWAL);
    const closing = keeper.close();
    answer(new Set(['one']));
    await closing;
    await vi.advanceTimersByTimeAsync(10 * RENEWAL);
    expect(store.asked).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
    work.end('');
    await work.done;
  });
});

test('what the work answers and what it throws is passed on', async () => {
  expect(await keeper.hold(batchLease, async () => 42)).toBe(42);
  const error = new Error('broken');
  await expect(keeper.hold(batchLease, () => Promise.reject(error))).rejects.toBe(error);
  await expect(
    keeper.hold(batchLease, () => {
      throw error;
    }),
  ).rejects.toBe(error);
  await vi.advanceTimersByTimeAsync(2 * RENEWAL);
  expect(store.asked).toHaveLength(0);
});
