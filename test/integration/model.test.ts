import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { history } from '../support/model/actions.ts';
import { createWrittenTable } from '../support/model/operation.ts';
import { World } from '../support/model/world.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/**
 * The promises as one property: whatever clients ask, whichever workers die, freeze or come back, and whatever the queue
 * loses or doubles, every record has one result and nothing is done twice. No worker runs; the history is the scheduler,
 * so one that failed is the same again with the seed and the path that fast-check prints: `MODEL_SEED` and `MODEL_PATH`.
 */

const { MODEL_RUNS = '20', MODEL_SEED, MODEL_PATH } = process.env;

/** A shorter history is looked for only so long. */
const SHRINKING_MS = 120_000;

/** Far more than it takes: histories are many steps, and shrinking comes on top. */
const MS_PER_RUN = 20_000;

/** Leases end when the history says so, and never by the clock. */
const SETTINGS = { SHEAF_CHUNK_RECORDS: '2', SHEAF_MAX_ATTEMPTS: '2', SHEAF_LEASE_SECONDS: '3600' };

let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf(SETTINGS);
  await createWrittenTable(sheaf.sql);
});
afterAll(() => sheaf.close());

it(
  'any history keeps the accounting, and comes to its end',
  async () => {
    let failedAt = Number.POSITIVE_INFINITY;
    const property = fc.asyncProperty(history, async (actions) => {
      if (Date.now() > failedAt + SHRINKING_MS) return;
      const world = new World(sheaf);
      let at = 0;
      try {
        await world.begin();
        for (const action of actions) {
          await world.act(action);
          at += 1;
        }
        await world.settle();
      } catch (error) {
        failedAt = Math.min(failedAt, Date.now());
        const where = at === actions.length ? 'on the way to the end' : `in action ${at}: ${actions[at]?.do}`;
        throw new Error(`${where}: ${error instanceof Error ? error.message : error}`, { cause: error });
      } finally {
        await world.clear();
      }
    });
    await fc.assert(property, {
      numRuns: Number(MODEL_RUNS),
      // Otherwise the first histories are short, and hardly anything happens in them.
      plugins: [fc.unbiased()],
      ...(MODEL_SEED !== undefined && { seed: Number(MODEL_SEED) }),
      ...(MODEL_PATH !== undefined && { path: MODEL_PATH }),
    });
  },
  SHRINKING_MS + Number(MODEL_RUNS) * MS_PER_RUN,
);
