import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseKeeper } from '../../../src/engine/lease-keeper.ts';
import { submitBatch } from '../../../src/engine/submit-batch.ts';
import type { AloneHere } from '../alone-here.ts';
import { letBackoffPass, letLeasesExpire, letTombstonesAge } from '../model/clock.ts';
import type { OutsideTarget } from '../outside-target.ts';
import { clearBatches } from '../rows.ts';
import type { TestSheaf } from '../sheaf.ts';
import type { Doom } from './lifeline.ts';
import { type Engines, enginesOf, MortalProcess, type OperationsOf } from './mortal-process.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import type { Scenario, Survivor } from './scenarios.ts';
import { Tickets } from './tickets.ts';
import { visit } from './visits.ts';

/** Where scenarios are run. */
export interface Place {
  sheaf: TestSheaf;
  target: OutsideTarget;
  operations: OperationsOf;
  /** Of the process that survives. */
  alone: AloneHere;
}

export interface Run {
  outcome: Outcome;
  /** What the process has sent while it lived. */
  sent: readonly string[];
  died: boolean;
  /** Puts away what is left of the process; nothing has to wait for it. */
  bury(): Promise<void>;
}

const ROWS_ARE_LOCKED_MS = 5;

/**
 * Runs a scenario in a process that dies where it is said. What it had is given up at once, as if its leases had run out,
 * and another process brings the scenario to its end: it asks again if nobody heard an answer, and works.
 */
export async function runScenario(place: Place, scenario: Scenario, doom: Doom | null): Promise<Run> {
  const { sheaf, target, operations, alone } = place;
  await clearBatches(sheaf.sql);
  await sheaf.sql`truncate written`;
  target.reset();
  target.answer = async ({ id }) => (id === 'bad' ? { status: 422, body: {} } : null);
  const { services, caller } = sheaf;
  const leases = new LeaseKeeper(services.work, services.settings, services.log);
  const survivor = enginesOf({
    services,
    caller,
    leases,
    alone,
    queue: new Tickets(null),
    stopping: () => false,
  });
  const ask = await scenario.prepare(survivorOf(sheaf, survivor));
  const [{ others }] = await sheaf.sql<[{ others: number }]>`select count(*)::int as others from batches`;

  const ended = endOf(sheaf, scenario);
  let answered: string | undefined;
  const mortal = await MortalProcess.start(sheaf, doom, target.url, operations);
  await mortal.live(async ({ requests, work }) => {
    const id = await ask(requests);
    if (mortal.lifeline.dead) return;
    answered = id;
    await visit(
      work,
      () => ended(id),
      () => timePasses(sheaf),
    );
  });
  const died = mortal.lifeline.dead;
  const id = answered ?? (await ask(survivor.requests));
  if (died)
    await visit(
      survivor.work,
      () => ended(id),
      async () => {
        await letLeasesExpire(sheaf.sql);
        await timePasses(sheaf);
        await sleep(ROWS_ARE_LOCKED_MS);
      },
    );
  const outcome = await outcomeOf(sheaf, target, id, others);
  await leases.close();
  return { outcome, died, sent: mortal.lifeline.sent, bury: () => mortal.bury() };
}

function survivorOf(sheaf: TestSheaf, { requests, work }: Engines): Survivor {
  return {
    sheaf,
    async run(body, request, until) {
      const handler = await sheaf.upload(body);
      const { id } = await submitBatch(requests, sheaf.caller, { operation: 'note', ...request, handler });
      const done = until ?? endOf(sheaf, {});
      await visit(work, () => done(id));
      return id;
    },
  };
}

const endOf =
  (sheaf: TestSheaf, { ended = isWritten }: Pick<Scenario, 'ended'>) =>
  (id: string) =>
    ended(sheaf, id);

async function isWritten({ account }: TestSheaf, id: string): Promise<boolean> {
  return (await account.batches.find(id))?.resultsReady === true;
}

async function timePasses({ sql }: TestSheaf): Promise<void> {
  await letBackoffPass(sql);
  await letTombstonesAge(sql);
}
