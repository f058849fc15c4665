import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type QueueBackend, stageQueue } from '../../src/adapters/queue/bullmq-queue.ts';
import { withDeadline } from '../../src/adapters/queue/deadline.ts';
import { RetryableFault } from '../../src/core/errors.ts';

/** A queue that is away answers neither yes nor no. Nobody may hang on it: not a request, not a sweep, not a stop. */

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = () => new Promise<never>(() => undefined);
const silent = { debug() {}, info() {}, warn() {}, error() {} };

function away(): QueueBackend & { closed: boolean } {
  const backend = {
    closed: false,
    makeQueue: () => ({ addBulk: never, getJobCounts: never, on: () => undefined, close: never }),
    makeWorker: () => ({ waitUntilReady: async () => undefined, on: () => undefined, close: never }),
    close: async () => {
      backend.closed = true;
    },
  };
  return backend;
}

const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => error,
  );

describe('a queue that is away', () => {
  test('makes enqueueing and counting passing troubles', async () => {
    const queue = stageQueue(away(), silent);
    const outcomes = Promise.all([
      outcomeOf(queue.enqueue([{ stage: 'copy', batchId: 'b' }])),
      outcomeOf(queue.waiting('copy')),
    ]);
    await vi.advanceTimersByTimeAsync(5_000);
    for (const outcome of await outcomes) expect(outcome).toBeInstanceOf(RetryableFault);
  });

  test('does not keep the program from stopping', async () => {
    const backend = away();
    const queue = stageQueue(backend, silent);
    await queue.serve('copy', 1, async () => undefined);
    const closing = outcomeOf(queue.close());
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await closing).toBe('done');
    expect(backend.closed).toBe(true);
  });
});

describe('withDeadline', () => {
  test('answers what came in time, and passes its error on', async () => {
    expect(await withDeadline(Promise.resolve(1), 10, 'count')).toBe(1);
    await expect(withDeadline(Promise.reject(new Error('no')), 10, 'count')).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
  });
});
