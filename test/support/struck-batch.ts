import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/cli/sample/random.ts';
import { Crew } from './crew.ts';
import { learnersCsv } from './learner-file.ts';
import { expectLearnersOnce } from './learners-once.ts';
import { processesWith } from './processes.ts';
import { required } from './requirements.ts';
import { openTestSheaf, type TestSheaf, type TestSheafOptions } from './sheaf.ts';
import { plannedStrikes, strikesByStatus, strikeThrough } from './strikes.ts';
import { LEASE_SECONDS, STRIKES, type Struck } from './struck-workers.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

/** A batch of many records, to whose workers something happens again and again. */
interface StruckBatch {
  seed: number;
  records: number;
  strikes: number;
  /** Where the queue is. */
  queue: NonNullable<TestSheafOptions['queue']>;
  kind: keyof typeof STRIKES;
}

const WORKERS = 3;

/** From so many strikes on it is the large proof, which nobody waits for. */
const MANY = 20;

/** Many chunks whatever the size, so that each strike meets work under way. */
const settingsFor = ({ records, kind }: Pick<StruckBatch, 'records' | 'kind'>) => ({
  SHEAF_LEASE_SECONDS: String(LEASE_SECONDS),
  SHEAF_CHUNK_RECORDS: String(Math.max(500, Math.round(records / 500))),
  // A freeze lasts longer than a lease, and the others must not be through before all have come.
  ...(kind === 'freeze' && { SHEAF_WORKER_CONCURRENCY: '1' }),
});

/** The large proof is made on both queues, a short one on one of them, which the seed chooses. */
function queuesToProve({ seed, strikes }: Pick<StruckBatch, 'seed' | 'strikes'>): StruckBatch['queue'][] {
  const queues = ['postgres', 'redis'] as const;
  const there = queues.slice(0, required('TEST_REDIS_URL').missing ? 1 : 2);
  return strikes >= MANY ? there : there.filter((_, index) => index === seed % there.length);
}

/** How long it may take, beside whatever else the machine does. */
const patience = ({ records, strikes }: Pick<StruckBatch, 'records' | 'strikes'>) => ({
  timeout: 300_000 + records * 5 + strikes * 60_000,
});

/**
 * The proof as tests: a short one, unless the environment asks for more.
 * @param what befalls the workers
 */
export function proveSurvival(
  what: string,
  kind: StruckBatch['kind'],
  asked: { records: string | undefined; strikes: string | undefined },
): void {
  const batch = {
    kind,
    seed: Number(process.env.TEST_SEED ?? randomInt(2 ** 31)),
    records: Number(asked.records ?? 20_000),
    strikes: Number(asked.strikes ?? 5),
  };
  const times = `${batch.strikes} times in a batch of ${batch.records} records`;
  describe(`${what} (TEST_SEED=${batch.seed})`, patience(batch), () => {
    it.each(queuesToProve(batch))(
      `with the queue on %s, ${times}: none is lost, none is there twice`,
      async (queue) => {
        await surviveStrikes({ ...batch, queue });
      },
    );
  });
}

/** Takes the batch to its end through all of it, and proves that each record is there once. */
async function surviveStrikes(batch: StruckBatch): Promise<void> {
  const sheaf = await openTestSheaf({}, { queue: batch.queue });
  const crew = await Crew.of(WORKERS, () => startWorkerProcess(sheaf, settingsFor(batch)));
  try {
    await survive(batch, sheaf, crew);
  } finally {
    await crew.end();
    await sheaf.close();
  }
}

async function survive(
  { seed, records, strikes, kind }: StruckBatch,
  sheaf: TestSheaf,
  crew: Crew<WorkerProcess>,
): Promise<void> {
  const random = new SeededRandom(seed);
  const file = { prefix: 'k', records, isBad: (record: number) => record % 997 === 0 };
  const begun = performance.now();
  const upload = await sheaf.upload(learnersCsv(file.prefix, records, file.isBad));
  const id = await sheaf.submit(upload, { on_invalid: 'skip' });
  const struck: Struck = { sheaf, id, crew, random, overtaken: [] };
  const planned = plannedStrikes(random, strikesByStatus(strikes), records);
  const fell = await strikeThrough(sheaf, id, planned, () => STRIKES[kind](struck));
  const batch = await sheaf.ended(id);
  const overtaken = (await Promise.all(struck.overtaken)).filter(Boolean).length;
  const seconds = Math.round((performance.now() - begun) / 1000);
  const where = JSON.stringify(Object.fromEntries(fell));
  process.stdout.write(`${kind} in ${where}; ${overtaken} lost chunks to others; ${seconds} s in all\n`);

  await expectLearnersOnce(sheaf, batch, file);
  const fallen = [...fell.values()].reduce((sum, times) => sum + times, 0);
  // Only what was meant for the writing of the results, which may be short, can have come too late.
  const late = planned.filter(({ status }) => status === 'writing_results').length;
  expect(fallen).toBeGreaterThanOrEqual(strikes - late);
  expect(overtaken).toBeGreaterThan(0);
  // Who was frozen is fit again, and nobody else had fallen.
  expect([...crew.fallen, ...crew.notStarted]).toEqual([]);
  expect(await crew.stop()).toEqual(Array(WORKERS).fill(0));
  // Nor has anything stayed behind of those that were killed.
  await expect.poll(() => processesWith(sheaf.locations.databaseUrl), { timeout: 60_000 }).toEqual([]);
}
