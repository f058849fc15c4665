import { describe, expect, test } from 'vitest';
import type { Log } from '../../src/core/log.ts';
import type { Ticket } from '../../src/engine/ports/work-queue.ts';
import type { WorkWaiting } from '../../src/engine/ports/work-store.ts';
import { type Sweep, sweep, ticketsFor } from '../../src/engine/sweep.ts';

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

interface Found {
  reclaimed?: number;
  exhausted?: { batchId: string; what: string }[];
  stuck?: string[];
  /** What waits after what was stuck has moved on. */
  waiting?: WorkWaiting[];
  /** Tickets that are in the queue already. */
  queued?: Partial<Record<Ticket['stage'], number>>;
}

/** Runs one sweep over what is given; answers everything that it did, in order. */
async function sweepOver(found: Found) {
  const did: string[] = [];
  const tickets: Ticket[] = [];
  const step = <T>(what: string, answer: T): T => {
    did.push(what);
    return answer;
  };
  const engine: Sweep = {
    maxAttempts: 8,
    log: silent,
    work: {
      reclaimExpired: async () => step('reclaim', found.reclaimed ?? 0),
      exhausted: async (attempts) => step(`exhausted after ${attempts}`, found.exhausted ?? []),
      fail: async (batchId, { code, message }) => step(`fail ${batchId}: ${code}, ${message}`, undefined),
      stuck: async () => step('stuck', found.stuck ?? []),
      advance: async (batchId) => step(`advance ${batchId}`, []),
      waitingWork: async () => step('waiting', found.waiting ?? []),
    },
    queue: {
      waiting: async (stage) => found.queued?.[stage] ?? 0,
      enqueue: async (more) => void tickets.push(...more),
    },
  };
  await sweep(engine);
  return { did, tickets };
}

describe('a sweep', () => {
  test('takes its steps in order, when there is nothing too', async () => {
    const { did, tickets } = await sweepOver({});
    expect(did).toEqual(['reclaim', 'exhausted after 8', 'stuck', 'waiting']);
    expect(tickets).toEqual([]);
  });

  test('fails the batches whose attempts are used up', async () => {
    const exhausted = [
      { batchId: 'b1', what: 'chunk 4' },
      { batchId: 'b2', what: 'the step copy' },
    ];
    const { did } = await sweepOver({ exhausted });
    expect(did).toContain('fail b1: retries_exhausted, chunk 4 failed 8 times');
    expect(did).toContain('fail b2: retries_exhausted, the step copy failed 8 times');
  });

  test('moves on what nobody moved on, before it counts what waits', async () => {
    const { did } = await sweepOver({ stuck: ['b1', 'b2'] });
    expect(did.slice(2)).toEqual(['stuck', 'advance b1', 'advance b2', 'waiting']);
  });

  test('a fault of one step is not swallowed: the next sweep comes anyway', async () => {
    const broken = sweepOver({
      get waiting(): WorkWaiting[] {
        throw new Error('the database is away');
      },
    });
    await expect(broken).rejects.toThrow('the database is away');
  });
});

describe('the tickets of a sweep', () => {
  test('what waits and has none gets them, by stage', async () => {
    const waiting: WorkWaiting[] = [
      { stage: 'process', batchId: 'b1', tickets: 2 },
      { stage: 'copy', batchId: 'b2', tickets: 1 },
      { stage: 'process', batchId: 'b3', tickets: 1 },
    ];
    const { tickets } = await sweepOver({ waiting });
    expect(tickets).toEqual([
      { stage: 'copy', batchId: 'b2' },
      { stage: 'process', batchId: 'b1' },
      { stage: 'process', batchId: 'b1' },
      { stage: 'process', batchId: 'b3' },
    ]);
  });

  test('only as many as are missing in the queue of their stage', async () => {
    const waiting: WorkWaiting[] = [
      { stage: 'validate', batchId: 'b1', tickets: 5 },
      { stage: 'write_results', batchId: 'b2', tickets: 1 },
    ];
    const { tickets } = await sweepOver({ waiting, queued: { validate: 3, process: 9 } });
    expect(tickets.map((ticket) => ticket.stage)).toEqual(['validate', 'validate', 'write_results']);
  });

  test('none when there are enough, or more than enough', async () => {
    const waiting: WorkWaiting[] = [{ stage: 'process', batchId: 'b1', tickets: 5 }];
    expect((await sweepOver({ waiting, queued: { process: 5 } })).tickets).toEqual([]);
    expect((await sweepOver({ waiting, queued: { process: 50 } })).tickets).toEqual([]);
  });

  test('a thousand of a stage in one sweep at the most', async () => {
    const waiting: WorkWaiting[] = [
      { stage: 'validate', batchId: 'b0', tickets: 3 },
      { stage: 'process', batchId: 'b1', tickets: 700 },
      { stage: 'process', batchId: 'b2', tickets: 1_000_000_000 },
    ];
    const { tickets } = await sweepOver({ waiting });
    const of = (batchId: string) => tickets.filter((ticket) => ticket.batchId === batchId).length;
    expect([of('b0'), of('b1'), of('b2')]).toEqual([3, 700, 300]);
  });
});

describe('ticketsFor', () => {
  test('one ticket for each piece of work, and for none none', () => {
    expect(ticketsFor([])).toEqual([]);
    expect(ticketsFor([{ stage: 'copy', batchId: 'b1', tickets: 0 }])).toEqual([]);
    expect(ticketsFor([{ stage: 'copy', batchId: 'b1', tickets: 2 }])).toEqual([
      { stage: 'copy', batchId: 'b1' },
      { stage: 'copy', batchId: 'b1' },
    ]);
    expect(ticketsFor([{ stage: 'process', batchId: 'b1', tickets: 1_000_000_000 }])).toHaveLength(1000);
  });
});
