import { afterEach, describe, expect, test, vi } from 'vitest';
import type { BatchStatus } from '../../src/core/batch.ts';
import { type ClearAway, clearAway } from '../../src/engine/clear-away.ts';
import type { Ticket } from '../../src/engine/ports/work-queue.ts';
import type { WorkWaiting } from '../../src/engine/ports/work-store.ts';
import { type Sweep, sweep, ticketsFor } from '../../src/engine/sweep.ts';
import { startSweeping } from '../../workers/sweep.ts';
import { gate } from '../support/gate.ts';
import { silentLog } from '../support/silent-log.ts';

afterEach(() => vi.restoreAllMocks());

const SETTINGS = { leaseSeconds: 20, maxAttempts: 8, stalledSeconds: 60 };

interface Found {
  reclaimed?: number;
  exhausted?: { batchId: string; what: string }[];
  stuck?: string[];
  /** What waits after what was stuck has moved on. */
  waiting?: WorkWaiting[];
  /** Tickets that are in the queue already. */
  queued?: Partial<Record<Ticket['stage'], number>>;
  stalled?: { batchId: string; status: BatchStatus }[];
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
    settings: SETTINGS,
    log: silentLog,
    work: {
      reclaimExpired: async () => step('reclaim', found.reclaimed ?? 0),
      exhausted: async (attempts) => step(`exhausted after ${attempts}`, found.exhausted ?? []),
      failExhausted: async (batchId, _, { code, message }) =>
        step(`fail ${batchId}: ${code}, ${message}`, true),
      failStalled: async (batchId, _, { code, message }) =>
        step(`fail ${batchId}: ${code}, ${message}`, true),
      stalled: async (seconds) => step(`stalled for ${seconds}`, found.stalled ?? []),
      startRemovals: async () => step('removals', 0),
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

/** A store and a database in which nothing is to be cleared away; what is done is noted. */
function clearing(did: string[] = []): ClearAway {
  const step = <T>(what: string, answer: T): T => {
    did.push(what);
    return answer;
  };
  return {
    settings: { leaseSeconds: 20 },
    log: silentLog,
    uploads: {
      toRemove: async () => step('uploads', []),
      removed: async () => undefined,
      toMeasure: async () => step('uploads to measure', []),
      measured: async () => undefined,
    },
    keeping: {
      untidy: async () => step('untidy', []),
      owners: async () => [],
      tidied: async () => undefined,
    },
    tidying: new Map(),
    objects: {
      list: async function* () {},
      unfinished: async function* () {},
      removeListed: async () => undefined,
      removeAll: async () => 0,
      abortMultipart: async () => undefined,
      head: async () => null,
      listParts: async () => [],
    },
    idempotency: { forgetOld: async (most) => step(`forget ${most}`, 0) },
    limits: { forgetUnused: async (most) => step(`limits ${most}`, 0) },
    sessions: { forgetOld: async (most) => step(`sessions ${most}`, 0) },
    throttle: { forgetOld: async (most) => step(`attempts ${most}`, 0) },
    signingKeys: { forgetOld: async (most) => step(`signing keys ${most}`, 0) },
  };
}

/** Nothing waits; `looked` is called with each round. */
function idle(looked: () => void): Sweep {
  const nothing = async () => [];
  return {
    settings: SETTINGS,
    log: silentLog,
    work: {
      reclaimExpired: async () => {
        looked();
        return 0;
      },
      exhausted: nothing,
      failExhausted: async () => true,
      failStalled: async () => true,
      stalled: nothing,
      startRemovals: async () => 0,
      stuck: nothing,
      advance: nothing,
      waitingWork: nothing,
    },
    queue: { waiting: async () => 0, enqueue: async () => undefined },
  };
}

describe('a sweep', () => {
  test('takes its steps in order, when there is nothing too', async () => {
    const { did, tickets } = await sweepOver({});
    expect(did).toEqual(['reclaim', 'exhausted after 8', 'stalled for 60', 'stuck', 'removals', 'waiting']);
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
    expect(did.slice(3, 8)).toEqual(['stuck', 'advance b1', 'advance b2', 'removals', 'waiting']);
  });

  test('fails the batches that nobody works on', async () => {
    const { did } = await sweepOver({ stalled: [{ batchId: 'b1', status: 'copied' }] });
    expect(did).toContain(
      'fail b1: stalled, no worker has done anything for the batch in copied for 60 seconds',
    );
  });

  test('a fault of one step is not swallowed, and the others have their turn all the same', async () => {
    const stuck = ['b1'];
    const tickets: string[] = [];
    const broken = sweepOver({
      stuck,
      get exhausted(): [] {
        throw new Error('the database is away');
      },
      get waiting(): WorkWaiting[] {
        tickets.push('asked');
        return [];
      },
    });
    await expect(broken).rejects.toThrow('the database is away');
    expect(tickets).toEqual(['asked']);
  });
});

const CLEARED = [
  'uploads',
  'uploads to measure',
  'untidy',
  'forget 1000',
  'limits 1000',
  'sessions 1000',
  'attempts 1000',
  'signing keys 1000',
];

describe('what is cleared away', () => {
  test('goes in order, when there is nothing too', async () => {
    const did: string[] = [];
    await clearAway(clearing(did));
    expect(did).toEqual(CLEARED);
  });

  test('a step that fails does not keep the others from their turn', async () => {
    const did: string[] = [];
    const broken = { ...clearing(did), tidying: null as never };
    await expect(clearAway(broken)).rejects.toThrow(TypeError);
    expect(did).toEqual(CLEARED);
  });

  test('is begun anywhere, so that workers that look at the same uploads do not take the same', async () => {
    const engine = clearing();
    const due = ['a', 'b', 'c', 'd'].map((id) => ({ id, objectKey: `uploads/a/${id}`, multipartId: null }));
    const removed: string[] = [];
    const uploads = {
      ...engine.uploads,
      toRemove: async () => due,
      removed: async (id: string) => void removed.push(id),
    };
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    await clearAway({ ...engine, uploads });
    expect(removed).toEqual(['c', 'd', 'a', 'b']);
  });

  test('begins with no more steps once it is told to stop', async () => {
    const did: string[] = [];
    const stopping = new AbortController();
    const engine = clearing(did);
    const toMeasure = async () => {
      stopping.abort();
      return [];
    };
    await clearAway({ ...engine, uploads: { ...engine.uploads, toMeasure } }, stopping.signal);
    expect(did).toEqual(['uploads']);
  });
});

describe('the halves of the sweep', () => {
  test('neither waits for the other, nor ends with it', async () => {
    const rounds = gate();
    let looks = 0;
    const held = gate();
    const engine = clearing();
    const toRemove = async () => {
      await held.wait();
      return [];
    };
    const looked = () => {
      looks += 1;
      if (looks === 3) void rounds.wait();
      if (looks === 2) throw new Error('a round fails');
    };
    const uploads = { ...engine.uploads, toRemove };
    const sweeping = startSweeping({ ...engine, ...idle(looked), settings: SETTINGS, uploads }, 0.001);
    // What is cleared away is still in its first round.
    await rounds.arrived;
    await held.arrived;
    held.open();
    await sweeping.stop();
  });

  test('end when they are told to, in the middle of what the store does not answer', async () => {
    const held = gate();
    const engine = clearing();
    const upload = { id: 'u', objectKey: 'uploads/a/u', multipartId: null };
    const uploads = { ...engine.uploads, toRemove: async () => [upload] };
    const objects = { ...engine.objects, removeAll: () => held.wait().then(() => 0) };
    const seconds = 3600;
    const all = { ...engine, ...idle(() => undefined), settings: SETTINGS, uploads, objects };
    const sweeping = startSweeping(all, seconds);
    await held.arrived;
    await sweeping.stop();
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
