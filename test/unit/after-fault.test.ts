import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LeaseLost, RetryableFault } from '../../src/core/errors.ts';
import { afterFault } from '../../src/engine/after-fault.ts';
import type { ChunkClaim } from '../../src/engine/ports/claims.ts';
import type { Ticket } from '../../src/engine/ports/work-queue.ts';

/** What becomes of work that failed for a trouble that says nothing against it. */

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const MAX_ATTEMPTS = 3;
const LEASE_SECONDS = 20;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const claim = { batchId: 'b', stage: 'process', attempts: MAX_ATTEMPTS } as unknown as ChunkClaim;
const lease = { kind: 'chunk', batchId: 'b', number: 1, lease: 'l' } as const;

function engine(giveBack: () => Promise<boolean> = async () => true) {
  const told: unknown[] = [];
  const tickets: Ticket[] = [];
  return {
    told,
    tickets,
    settings: { maxAttempts: MAX_ATTEMPTS, leaseSeconds: LEASE_SECONDS },
    log: silent,
    queue: {
      enqueue: async (written: readonly Ticket[]) => void tickets.push(...written),
      waiting: async () => 0,
    },
    work: {
      giveBack: async (_: unknown, how: { delaySeconds: number; free: boolean }) => {
        told.push(how);
        return await giveBack();
      },
      giveUp: async (_: unknown, { code }: { code: string }) => {
        told.push(code);
        return true;
      },
    },
  };
}

const away = () => new RetryableFault('the object store could not be reached', { away: true });

describe('after a fault', () => {
  test('somebody who is away costs no attempt, not even the last one, and is not asked again at once', async () => {
    const it = engine();
    expect(await afterFault(it, claim, lease, away())).toBe(false);
    expect(it.told).toEqual([{ free: true, delaySeconds: expect.toSatisfy((s) => s >= 4 && s <= 8) }]);
    expect(it.tickets).toEqual([]);
  });

  test('contention costs none either, and is tried again at once', async () => {
    const it = engine();
    await afterFault(it, claim, lease, new RetryableFault('deadlock', { free: true }));
    expect(it.told).toEqual([{ free: true, delaySeconds: 0 }]);
    expect(it.tickets).toEqual([{ stage: 'process', batchId: 'b' }]);
  });

  test('any other trouble costs one, and the last of them the batch', async () => {
    const it = engine();
    await afterFault(it, { ...claim, attempts: 1 }, lease, new RetryableFault('trouble'));
    await afterFault(it, claim, lease, new RetryableFault('trouble'));
    expect(it.told).toEqual([
      { free: false, delaySeconds: expect.toSatisfy((s) => s >= 0.5 && s <= 1) },
      'retries_exhausted',
    ]);
  });

  test('a database that is away is told once it is back: the work is not taken for that of a dead worker', async () => {
    let asked = 0;
    const it = engine(async () => {
      asked += 1;
      if (asked < 2) throw away();
      return true;
    });
    const ending = afterFault(it, claim, lease, new LeaseLost('chunk 1'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await ending).toBe(false);
    expect(asked).toBe(2);
  });

  test('one that stays away is left alone when the lease is over, and so is one that finds something wrong', async () => {
    const gone = engine(async () => Promise.reject(away()));
    const ending = expect(afterFault(gone, claim, lease, away())).rejects.toThrow(RetryableFault);
    await vi.advanceTimersByTimeAsync((LEASE_SECONDS + 2) * 1000);
    await ending;
    const broken = engine(async () => Promise.reject(new Error('no such table')));
    await expect(afterFault(broken, claim, lease, away())).rejects.toThrow('no such table');
    expect(broken.told).toHaveLength(1);
  });
});
