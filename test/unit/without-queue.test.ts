import { describe, expect, test } from 'vitest';
import type { Stage } from '../../src/core/batch.ts';
import { RetryableFault } from '../../src/core/errors.ts';
import type { Ticket } from '../../src/engine/ports/work-queue.ts';
import { StagePlaces } from '../../src/engine/stage-places.ts';
import { WithoutQueue } from '../../src/engine/without-queue.ts';
import { gate } from '../support/gate.ts';
import { silentLog } from '../support/silent-log.ts';

/** What a worker does while the queue is away; the whole of it on a Redis that is cut off: test/fault/redis-away.test.ts. */

const tickets = (stage: Stage, count: number): Ticket[] => Array(count).fill({ stage, batchId: 'b' });
/** All that follows at once has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A queue that is there or away, and a worker with two places for `process` and one for `copy`. */
function worker({ away = true, work = 0 } = {}) {
  const world = {
    away,
    stopping: false,
    /** How much there is to do, of whatever stage. */
    work,
    served: [] as Stage[],
    most: 0,
    written: [] as Ticket[],
    before: async () => {},
  };
  let now = 0;
  const places = new StagePlaces();
  places.open('process', 2);
  places.open('copy', 1);
  const reach = () => {
    if (world.away) throw new RetryableFault('the queue did not answer');
  };
  const serve = async (stage: Stage) => {
    if (world.work === 0) return false;
    world.work -= 1;
    now += 1;
    world.most = Math.max(world.most, now);
    world.served.push(stage);
    try {
      await world.before();
    } finally {
      now -= 1;
    }
    return true;
  };
  const queue = new WithoutQueue({
    queue: {
      enqueue: async (more) => {
        reach();
        world.written.push(...more);
      },
      waiting: async () => {
        reach();
        return 7;
      },
    },
    places,
    serve,
    stopping: () => world.stopping,
    log: silentLog,
  });
  return { world, places, queue, serve };
}

describe('a queue that is there', () => {
  test('is given the tickets, and nothing is served beside it', async () => {
    const { world, queue } = worker({ away: false, work: 5 });
    await queue.enqueue(tickets('process', 3));
    expect([world.written.length, await queue.waiting('process'), world.served]).toEqual([3, 7, []]);
  });
});

describe('a queue that is away', () => {
  test('troubles nobody who writes a ticket, and all that waits is done', async () => {
    const { world, queue } = worker({ work: 5 });
    await queue.enqueue(tickets('process', 1));
    await queue.drained();
    expect(world.served).toEqual(Array(5).fill('process'));
  });

  test('has no tickets, and is not waited for again', async () => {
    const silence = new Promise<never>(() => undefined);
    const parts = {
      places: new StagePlaces(),
      serve: async () => false,
      stopping: () => false,
      log: silentLog,
    };
    let asked = 0;
    const waiting = () => (asked++ === 0 ? Promise.reject(new RetryableFault('away')) : silence);
    const hanging = new WithoutQueue({ ...parts, queue: { enqueue: () => silence, waiting } });
    for (let times = 0; times < 3; times += 1) expect(await hanging.waiting('copy')).toBe(0);
    await hanging.enqueue(tickets('copy', 1));
    // Once to find out, and once whether it is back.
    expect(asked).toBe(2);
  });

  test('leaves no more to be done at once than the worker has places for, tickets that it delivered among them', async () => {
    const { world, places, queue, serve } = worker({ work: 10 });
    const held = gate();
    world.before = () => held.wait();
    const delivered = places.within('process', () => serve('process'));
    await queue.enqueue([...tickets('process', 50), ...tickets('copy', 50)]);
    await held.arrived;
    await settled();
    expect(world.served.toSorted()).toEqual(['copy', 'process', 'process']);
    // One that comes now waits for its place.
    const late = places.within('process', () => serve('process'));
    await settled();
    expect(world.served).toHaveLength(3);
    held.open();
    await Promise.all([delivered, late, queue.drained()]);
    expect([world.most, world.work]).toEqual([3, 0]);
  });

  test('what may not be served yet is left to the sweep', async () => {
    const { world, queue } = worker({ work: 1 });
    await queue.enqueue([{ stage: 'process', batchId: 'b', delaySeconds: 3 }]);
    await queue.drained();
    expect(world.served).toEqual([]);
  });

  test('and is back is left to serve what there is', async () => {
    const { world, queue } = worker({ work: 10 });
    const held = gate();
    world.before = () => held.wait();
    await queue.enqueue(tickets('process', 1));
    await held.arrived;
    world.away = false;
    await queue.waiting('process');
    await settled();
    held.open();
    await queue.drained();
    expect(world.served).toHaveLength(1);
    await queue.enqueue(tickets('process', 4));
    expect([world.written.length, world.served.length]).toEqual([4, 1]);
  });

  test('a worker that stops finishes what it holds, and begins nothing', async () => {
    const { world, queue } = worker({ work: 10 });
    const held = gate();
    world.before = () => held.wait();
    await queue.enqueue(tickets('process', 1));
    await held.arrived;
    world.stopping = true;
    await queue.enqueue(tickets('process', 1));
    held.open();
    await queue.drained();
    expect(world.served).toHaveLength(1);
  });

  test('work that fails leaves its place to the next', async () => {
    const { world, queue } = worker({ work: 2 });
    world.before = async () => {
      throw new RetryableFault('the database could not be reached');
    };
    await queue.enqueue(tickets('copy', 1));
    await queue.drained();
    await queue.enqueue(tickets('copy', 1));
    await queue.drained();
    expect(world.served).toEqual(['copy', 'copy']);
  });
});
