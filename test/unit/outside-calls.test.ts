import { describe, expect, test } from 'vitest';
import type { OperationContext, OutsideOperation } from '../../src/core/operation.ts';
import { failed } from '../../src/core/result.ts';
import { OutsideCalls } from '../../src/engine/outside/calls.ts';
import { JournalWriter } from '../../src/engine/outside/journal-writer.ts';
import { PendingRecords, pendingFrom } from '../../src/engine/outside/pending-records.ts';
import type { JournalEntry } from '../../src/engine/ports/chunk-outcome.ts';
import type { ChunkClaim } from '../../src/engine/ports/claims.ts';
import { gate } from '../support/gate.ts';

type Leave = (call: number, signal: AbortSignal) => Promise<number | null>;

/** The calls of a chunk of as many records as are made at once, with what a test says of each part. */
function chunkOf(
  records: number,
  parts: { run?: OutsideOperation['run']; leave?: Leave; note?: () => Promise<void> },
) {
  const warned: unknown[] = [];
  const silent = () => undefined;
  const log = {
    ...{ debug: silent, info: silent, error: silent },
    warn: (fields: { err?: unknown }) => void warned.push(fields.err),
  };
  const lease = new AbortController();
  const pending = Array.from({ length: records }, (_, index) =>
    pendingFrom({ number: index + 1, input: {} }, undefined),
  );
  const session = {
    noteStarted: async (_: ChunkClaim, entries: readonly JournalEntry[]) =>
      new Set(entries.map(({ record }) => record)),
    noteOutcomes: parts.note ?? (async () => undefined),
  };
  let asked = 0;
  const calls = new OutsideCalls({
    operation: {
      name: 'send',
      limits: {},
      failures: { refused: 'It was refused' },
      run: parts.run ?? (() => Promise.reject(new Error('nothing is to be sent'))),
    } as unknown as OutsideOperation,
    todo: new PendingRecords(pending, 1),
    pass: {
      calls: records,
      take: async (wanted) => ({ records: wanted, waitSeconds: 0 }),
      call: async (_, signal) => {
        asked += 1;
        return (await parts.leave?.(asked, signal)) ?? null;
      },
      told: silent,
      release: async () => undefined,
    },
    writer: new JournalWriter(session, {} as ChunkClaim),
    lease: { signal: lease.signal, progress: silent, alive: silent },
    contextOf: (signal) => ({ signal, log, batchId: 'batch' }) as unknown as OperationContext<unknown>,
    stopping: () => false,
    log,
    about: {},
  });
  return { calls, warned, lease };
}

describe('calls that end for a fault', () => {
  const [first, second] = [new Error('the first'), new Error('the second')];

  test('tell of others that come on top', async () => {
    const { calls, warned } = chunkOf(3, {
      leave: async (call) => {
        if (call === 1) throw first;
        await new Promise((resolve) => setTimeout(resolve, 10));
        throw call === 2 ? first : second;
      },
    });
    await expect(calls.run()).rejects.toBe(first);
    expect(warned).toEqual([second]);
  });

  test('tell of outcomes that could not be noted meanwhile', async () => {
    const { calls, warned } = chunkOf(2, {
      leave: async (call) => {
        if (call === 1) return null;
        await noted.arrived;
        throw first;
      },
      run: async () => [failed('refused', 'no')],
      note: async () => {
        await noted.wait();
        throw second;
      },
    });
    const noted = gate();
    const running = calls.run();
    await noted.arrived;
    noted.open();
    await expect(running).rejects.toBe(first);
    expect(warned).toEqual([second]);
  });

  test('tell of those that failed after they were given up, but not that they stopped', async () => {
    const { calls, warned, lease } = chunkOf(2, {
      run: async ([record], { signal }) => {
        lease.abort(first);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw record!.number === 1 ? signal.reason : second;
      },
    });
    await expect(calls.run()).rejects.toBe(first);
    // Whoever was given up is not waited for.
    await expect.poll(() => warned).toEqual([second]);
  });
});
