import { afterEach, expect, test, vi } from 'vitest';
import { inputKey } from '../../src/engine/keys.ts';
import { type TidyBatches, tidyBatches } from '../../src/engine/tidy-batches.ts';
import { silentLog } from '../support/silent-log.ts';

/** What the clock decides; all else is proved on a real database and a real store (test/integration). */

const BATCH = '0199f3a2-0c11-7c51-8f0e-5a2d9c4b7e10';
const KEYS = [1, 2, 3, 4, 5].map((n) => inputKey(BATCH, `7d3e8f40-5162-4738-9495-06aa11bb22c${n}`));

afterEach(() => vi.restoreAllMocks());

/** A batch whose objects are each on a page of its own, and which all but the fourth are named. */
function engine(tidied: number[], asked: (string | undefined)[]): TidyBatches {
  const removed = new Set<string>();
  return {
    keeping: {
      untidy: async () => [{ batchId: BATCH, resultsAt: 'then' }],
      owners: async (places) =>
        places.map(({ key }) => ({ known: true, named: key !== KEYS[3], held: false, swept: true })),
      tidied: async (_, bytes) => void tidied.push(bytes),
    },
    objects: {
      list: async function* (_, { after = '' } = {}) {
        asked.push(after);
        const keys = KEYS.filter((key) => key > after && !removed.has(key));
        for (const key of keys) yield [{ key, bytes: 10, at: 0 }];
      },
      unfinished: async function* () {},
      abortMultipart: async () => undefined,
      removeListed: async (keys) => {
        for (const key of keys) removed.add(key);
      },
    },
    tidying: new Map(),
    settings: { leaseSeconds: 20 },
    log: silentLog,
  };
}

test('a batch that takes longer than a sweep may is gone on with by the next one', async () => {
  const tidied: number[] = [];
  const asked: (string | undefined)[] = [];
  const tidying = engine(tidied, asked);
  let now = 0;
  // Each look at the clock is two seconds after the one before.
  vi.spyOn(performance, 'now').mockImplementation(() => {
    now += 2000;
    return now;
  });
  for (let sweeps = 0; sweeps < 10 && tidied.length === 0; sweeps += 1) await tidyBatches(tidying);
  expect(asked).toEqual(['', KEYS[1], KEYS[3]]);
  expect(tidied).toEqual([40]);
  expect(tidying.tidying.size).toBe(0);
});

test('one whose time is not over is done in one sweep', async () => {
  const tidied: number[] = [];
  const asked: (string | undefined)[] = [];
  await tidyBatches(engine(tidied, asked));
  expect([asked, tidied]).toEqual([[''], [40]]);
});
