import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/cli/sample/random.ts';
import { AloneHere } from '../support/alone-here.ts';
import { deadly } from '../support/boundaries/deadly.ts';
import type { Doom } from '../support/boundaries/lifeline.ts';
import type { OperationsOf } from '../support/boundaries/mortal-process.ts';
import { type Place, type Run, runScenario } from '../support/boundaries/run-scenario.ts';
import { SCENARIOS, type Scenario } from '../support/boundaries/scenarios.ts';
import { createWrittenTable, notingOperation } from '../support/model/operation.ts';
import { outsideOperation } from '../support/outside-operation.ts';
import { OutsideTarget } from '../support/outside-target.ts';
import { openTestSheaf } from '../support/sheaf.ts';

/**
 * A crash at every boundary: before each message that a process sends to PostgreSQL, to the object store, to the queue or to
 * whom an operation calls, and after it was carried out, when the answer is still to come. Whichever it is, another process
 * finishes with the same counts and the same results, but for the attempts. `BOUNDARIES` says how many of them are
 * tried in each scenario, spread evenly over its run: 2, or another number, or `all`.
 */

const { BOUNDARIES = '2', TEST_SEED = String(randomInt(2 ** 31)) } = process.env;
const MS_PER_RUN = 20_000;
const MOST_BURIALS = 20;
const MOMENTS = ['before', 'after'] as const;

/** Leases end when the test says so, and never by the clock. */
const SETTINGS = {
  SHEAF_CHUNK_RECORDS: '3',
  SHEAF_LEASE_SECONDS: '3600',
  SHEAF_MAX_ATTEMPTS: '2',
};

const operations: OperationsOf = (targetUrl, die) => [
  deadly(notingOperation(), die),
  deadly(outsideOperation(targetUrl), die),
];
let place: Place;
const burials: Promise<void>[] = [];

beforeAll(async () => {
  const target = await OutsideTarget.start();
  const alone = new AloneHere();
  const sheaf = await openTestSheaf(SETTINGS, { operations: operations(target.url, alone.die) });
  await createWrittenTable(sheaf.sql);
  place = { sheaf, target, operations, alone };
});
afterAll(async () => {
  await Promise.all(burials);
  await place.target.close();
  await place.sheaf.close();
});

/** Connections of the dead take their time to close. */
async function run(scenario: Scenario, doom: Doom | null): Promise<Run> {
  const done = await runScenario(place, scenario, doom);
  burials.push(done.bury());
  if (burials.length >= MOST_BURIALS) await Promise.all(burials.splice(0));
  return done;
}

/** Every boundary, or as many as are asked for, at equal distances from one that the seed chooses. */
function boundariesOf(messages: number, random: SeededRandom): Doom[] {
  const all = Array.from({ length: messages }, (_, index) =>
    MOMENTS.map((moment): Doom => ({ nth: index + 1, moment })),
  ).flat();
  const wanted = BOUNDARIES === 'all' ? all.length : Math.min(Number(BOUNDARIES), all.length);
  const first = random.integer(0, all.length - 1);
  return Array.from({ length: wanted }, (_, index) => {
    return all[(first + Math.floor((index * all.length) / wanted)) % all.length]!;
  });
}

describe(`a crash at every boundary (TEST_SEED=${TEST_SEED})`, () => {
  it.each(SCENARIOS)(
    '$name: the end is the same',
    async (scenario) => {
      const { outcome: expected, sent } = await run(scenario, null);
      const boundaries = boundariesOf(sent.length, new SeededRandom(Number(TEST_SEED)));
      let struck = 0;
      for (const doom of boundaries) {
        const where = `${doom.moment} message ${doom.nth} of ${sent.length}`;
        const {
          outcome,
          died,
          sent: until,
        } = await run(scenario, doom).catch((error: unknown) => {
          throw new Error(`${where} (${sent[doom.nth - 1]}): ${error}`, { cause: error });
        });
        expect(outcome, `${where}: ${until.at(-1)}`).toEqual(expected);
        if (died) struck += 1;
      }
      process.stdout.write(`${scenario.name}: ${struck} crashes at ${2 * sent.length} boundaries\n`);
      // A run may take a message less than the first one did, and so end before the last boundary.
      expect(struck).toBeGreaterThanOrEqual(Math.max(1, 0.9 * boundaries.length - 1));
    },
    2_000 * MS_PER_RUN,
  );
});
