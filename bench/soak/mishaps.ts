import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../src/cli/sample/random.ts';
import { type Ground, OBSERVER } from './ground.ts';

type Mishap = (ground: Ground, random: SeededRandom) => Promise<void>;

const FREEZE_MS = [5000, 12_000] as const;
const AWAY_MS = [500, 6000] as const;

/** What befalls the processes and what lies between them. Whatever is away comes back. */
const MISHAPS: Record<string, Mishap> = {
  'kill -9 of a worker': async ({ struck }, random) => {
    await struck.kill(random.pick(await struck.up()));
  },
  'SIGSTOP of a worker for longer than its leases': async ({ struck }, random) => {
    const one = random.pick(await struck.up());
    await struck.freeze(one);
    await sleep(random.integer(...FREEZE_MS));
    struck.thaw(one);
  },
  'the queue emptied': async ({ emptyQueue }) => await emptyQueue(),
  'all database sessions ended': async ({ sql }) => {
    await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where backend_type = 'client backend' and application_name <> ${OBSERVER}`;
  },
  'connections reset': async ({ ways }, random) => {
    ways[anyOf(ways, random)]!.reset();
  },
  'connections cut': async ({ ways }, random) => {
    const way = ways[anyOf(ways, random)]!;
    await way.cut();
    await sleep(random.integer(...AWAY_MS));
    await way.mend();
  },
  'connections that hang': async ({ ways }, random) => {
    const way = ways[anyOf(ways, random)]!;
    way.hang(random.pick([undefined, 'requests', 'answers']));
    await sleep(random.integer(...AWAY_MS));
    await way.mend();
  },
};

function anyOf(ways: Ground['ways'], random: SeededRandom): string {
  return random.pick(Object.keys(ways) as [string, ...string[]]);
}

/**
 * Lets one mishap follow the other until told to stop, with so many seconds in between.
 * @returns how often each came
 */
export function mishaps(ground: Ground, random: SeededRandom, between: readonly [number, number]) {
  const came = new Map<string, number>();
  const stopping = new AbortController();
  const { signal } = stopping;
  const names = Object.keys(MISHAPS) as [string, ...string[]];
  const running = (async () => {
    while (!signal.aborted) {
      await sleep(random.integer(between[0] * 1000, between[1] * 1000), undefined, { signal }).catch(
        () => undefined,
      );
      if (signal.aborted) break;
      const name = random.pick(names);
      await MISHAPS[name]!(ground, random);
      came.set(name, (came.get(name) ?? 0) + 1);
    }
  })();
  return {
    async stop(): Promise<Map<string, number>> {
      stopping.abort();
      await running;
      return came;
    },
  };
}
