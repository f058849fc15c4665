import { randomBytes, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StageQueue, stageQueue } from '../../src/adapters/queue/bullmq-queue.ts';
import { postgresBackend } from '../../src/adapters/queue/postgres-backend.ts';
import { redisBackend } from '../../src/adapters/queue/redis-backend.ts';
import type { Stage } from '../../src/core/batch.ts';
import type { Log } from '../../src/core/log.ts';
import type { Ticket } from '../../src/engine/ports/work-queue.ts';
import { gate } from '../support/gate.ts';
import { required } from '../support/requirements.ts';
import { createTestDatabase } from '../support/sheaf.ts';

/** The `StageQueue` port, proved on every place that BullMQ can keep its queues. */

/** Queues that nobody else sees. */
interface Place {
  /** Another queue on the same place, as another process would open it. */
  open(log: Log): Promise<StageQueue>;
  /** How many connections are open to the place by its queues. */
  connections(): Promise<number>;
  remove(): Promise<void>;
}

const PATIENT = { timeout: 60_000, interval: 20 };

const tickets = (stage: Stage, count: number): Ticket[] =>
  Array.from({ length: count }, () => ({ stage, batchId: randomUUID() }));
const ids = (some: readonly Ticket[]) => some.map((ticket) => ticket.batchId).sort();

/** Keeps what is logged as trouble. */
function listeningLog(): Log & { troubles: string[] } {
  const troubles: string[] = [];
  const note = (_fields: object, message: string) => void troubles.push(message);
  return { troubles, debug: () => undefined, info: () => undefined, warn: note, error: note };
}

function suite(openPlace: () => Promise<Place>) {
  let place: Place;
  let log: ReturnType<typeof listeningLog>;
  const opened: StageQueue[] = [];

  const openQueue = async () => {
    const queue = await place.open(log);
    opened.push(queue);
    return queue;
  };
  const fresh = async () => {
    log = listeningLog();
    place = await openPlace();
    return await openQueue();
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((queue) => queue.close()));
    await place.remove();
  });

  const emptied = (queue: StageQueue, stage: Stage) =>
    expect.poll(() => queue.waiting(stage), PATIENT).toBe(0);

  it('serves a ticket once, as it was written', async () => {
    const queue = await fresh();
    const [ticket] = tickets('process', 1);
    const served: Ticket[] = [];
    await queue.serve('process', 4, async (it) => void served.push(it));
    await queue.enqueue([ticket!]);
    await emptied(queue, 'process');
    await queue.stopServing();
    expect(served).toEqual([ticket]);
    expect(log.troubles).toEqual([]);
  });

  it('serves many tickets by several workers, each once, and each worker no more at once than it may', async () => {
    const first = await fresh();
    const second = await openQueue();
    const written = tickets('process', 100);
    await first.enqueue(written);

    const served: Ticket[] = [];
    const running = [0, 0];
    const most = [0, 0];
    const together = gate();
    const handlerOf = (worker: number) => async (ticket: Ticket) => {
      running[worker]! += 1;
      most[worker] = Math.max(most[worker]!, running[worker]!);
      // All six places of the two workers are taken before any of them goes on.
      if (running[0]! + running[1]! === 6) together.open();
      await together.wait();
      served.push(ticket);
      running[worker]! -= 1;
    };
    await first.serve('process', 3, handlerOf(0));
    await second.serve('process', 3, handlerOf(1));

    await emptied(first, 'process');
    await Promise.all([first.stopServing(), second.stopServing()]);
    expect(ids(served)).toEqual(ids(written));
    expect(most).toEqual([3, 3]);
  });

  it('serves what was written before serving began as well as what came after', async () => {
    const queue = await fresh();
    const before = tickets('validate', 2);
    const after = tickets('validate', 2);
    const served: Ticket[] = [];
    await queue.enqueue(before);
    await queue.serve('validate', 1, async (ticket) => void served.push(ticket));
    await emptied(queue, 'validate');
    await queue.enqueue(after);
    await emptied(queue, 'validate');
    await queue.stopServing();
    expect(ids(served)).toEqual(ids([...before, ...after]));
  });

  it('takes nothing amiss in an empty list, and tickets of several stages in one', async () => {
    const queue = await fresh();
    await queue.enqueue([]);
    await queue.enqueue([...tickets('copy', 1), ...tickets('validate', 2), ...tickets('write_results', 3)]);
    expect([await queue.waiting('copy'), await queue.waiting('validate')]).toEqual([1, 2]);
    expect([await queue.waiting('process'), await queue.waiting('write_results')]).toEqual([0, 3]);
  });

  it('counts what nobody has taken yet', async () => {
    const queue = await fresh();
    await queue.enqueue(tickets('process', 5));
    expect(await queue.waiting('process')).toBe(5);

    const held = gate();
    let arrived = 0;
    await queue.serve('process', 2, async () => {
      arrived += 1;
      await held.wait();
    });
    await expect.poll(() => arrived, PATIENT).toBe(2);
    // Two are taken: their work is claimed, so they stand for none that waits.
    expect(await queue.waiting('process')).toBe(3);
    held.open();
    await emptied(queue, 'process');
    await queue.stopServing();
    expect(arrived).toBe(5);
  });

  it('loses the ticket of a handler that throws, and nothing else', async () => {
    const queue = await fresh();
    const written = tickets('process', 9);
    const handled: Ticket[] = [];
    await queue.serve('process', 2, async (ticket) => {
      handled.push(ticket);
      if (handled.length % 3 === 1) throw new Error('the handler broke');
    });
    await queue.enqueue(written);
    await emptied(queue, 'process');
    await queue.stopServing();
    // Each was handed out once: those that failed were not tried again.
    expect(ids(handled)).toEqual(ids(written));
    expect(log.troubles).toEqual(Array(3).fill('a ticket could not be served'));
  });

  it('stops by waiting for what runs, and begins nothing; the rest is there for others', async () => {
    const queue = await fresh();
    const written = tickets('process', 4);
    await queue.enqueue(written);
    const held = gate();
    const served: Ticket[] = [];
    await queue.serve('process', 1, async (ticket) => {
      await held.wait();
      served.push(ticket);
    });
    await held.arrived;
    let stopped = false;
    const stopping = queue.stopServing().then(() => {
      stopped = true;
    });
    expect(await queue.waiting('process')).toBe(3);
    expect(stopped).toBe(false);
    held.open();
    await stopping;
    expect(served).toHaveLength(1);
    expect(await queue.waiting('process')).toBe(3);

    const other = await openQueue();
    await other.serve('process', 1, async (ticket) => void served.push(ticket));
    await emptied(other, 'process');
    await other.stopServing();
    expect(ids(served)).toEqual(ids(written));
  });

  it('serves on after it stopped, when it is told to', async () => {
    const queue = await fresh();
    const served: Ticket[] = [];
    const handle = async (ticket: Ticket) => void served.push(ticket);
    await queue.serve('copy', 1, handle);
    await queue.stopServing();
    await queue.enqueue(tickets('copy', 1));
    expect(await queue.waiting('copy')).toBe(1);
    await queue.serve('copy', 1, handle);
    await emptied(queue, 'copy');
    await expect.poll(() => served.length, PATIENT).toBe(1);
  });

  it('lets no stage stand behind another', async () => {
    const queue = await fresh();
    const held = gate();
    await queue.serve('process', 1, () => held.wait());
    const served: Ticket[] = [];
    await queue.serve('copy', 1, async (ticket) => void served.push(ticket));
    await queue.enqueue(tickets('process', 50));
    await held.arrived;

    const [copy] = tickets('copy', 1);
    await queue.enqueue([copy!]);
    await expect.poll(() => served, PATIENT).toEqual([copy]);
    expect(await queue.waiting('process')).toBe(49);
    held.open();
  });

  it('closes in order: what runs is finished, what waits is kept, and no connection stays', async () => {
    const queue = await fresh();
    await queue.enqueue(tickets('process', 3));
    const held = gate();
    let finished = 0;
    await queue.serve('process', 1, async () => {
      await held.wait();
      finished += 1;
    });
    await held.arrived;
    expect(await place.connections()).toBeGreaterThan(0);
    const closing = opened.pop()!.close();
    held.open();
    await closing;
    expect(finished).toBe(1);
    await expect.poll(() => place.connections(), PATIENT).toBe(0);
    expect(log.troubles).toEqual([]);

    expect(await (await openQueue()).waiting('process')).toBe(2);
  });

  it('takes thousands of tickets at once', async () => {
    const queue = await fresh();
    const written = tickets('process', 5000);
    await queue.enqueue(written);
    expect(await queue.waiting('process')).toBe(5000);
    const served: Ticket[] = [];
    await queue.serve('process', 16, async (ticket) => void served.push(ticket));
    await emptied(queue, 'process');
    await queue.stopServing();
    expect(ids(served)).toEqual(ids(written));
  });
}

describe('the queue on PostgreSQL', () => {
  suite(async () => {
    const database = await createTestDatabase();
    const sql = postgres(database.url, { max: 1, onnotice: () => undefined });
    return {
      open: async (log) => stageQueue(postgresBackend(database.url, log), log),
      connections: async () => {
        const [row] = await sql<{ n: number }[]>`
          select count(*)::int as n from pg_stat_activity
          where datname = ${database.name} and application_name = 'sheaf queue'`;
        return row?.n ?? -1;
      },
      remove: async () => {
        await sql.end({ timeout: 5 });
        await database.drop();
      },
    };
  });
});

const redis = required('TEST_REDIS_URL');

describe.skipIf(redis.missing)(`the queue on Redis${redis.reason}`, () => {
  let admin: Redis;
  beforeAll(() => {
    admin = new Redis(redis.value());
  });
  afterAll(() => admin?.quit());

  suite(async () => {
    // The prefix keeps the keys of this test apart, and its connections are known by the same name.
    const prefix = `test-${randomBytes(6).toString('hex')}`;
    const url = new URL(redis.value());
    url.searchParams.set('connectionName', prefix);
    return {
      open: async (log) => stageQueue(await redisBackend(url.href, log, prefix), log),
      connections: async () => {
        const clients = (await admin.client('LIST')) as string;
        return clients.split('\n').filter((line) => line.includes(`name=${prefix}`)).length;
      },
      remove: async () => {
        const keys = await admin.keys(`${prefix}*`);
        if (keys.length > 0) await admin.del(keys);
      },
    };
  });

  describe('that evicts keys', () => {
    let before: string;
    beforeAll(async () => {
      [, before = 'noeviction'] = (await admin.config('GET', 'maxmemory-policy')) as string[];
    });
    afterEach(() => admin.config('SET', 'maxmemory-policy', before));

    it.each(['allkeys-lru', 'volatile-ttl'])('is refused at opening: %s', async (policy) => {
      await admin.config('SET', 'maxmemory-policy', policy);
      await expect(redisBackend(redis.value(), listeningLog())).rejects.toThrow(
        `Redis evicts keys (maxmemory-policy ${policy}): set maxmemory-policy noeviction`,
      );
      await admin.config('SET', 'maxmemory-policy', 'noeviction');
      await (await redisBackend(redis.value(), listeningLog())).close();
    });
  });
});
