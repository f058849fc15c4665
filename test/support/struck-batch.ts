import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { SeededRandom } from '../../src/cli/sample/random.ts';
import type { BatchStatus } from '../../src/core/batch.ts';
import { Crew } from './crew.ts';
import { learnersCsv } from './learner-file.ts';
import { expectLearnersOnce } from './learners-once.ts';
import { processesWith } from './processes.ts';
import { required } from './requirements.ts';
import { openTestSheaf, type TestSheaf, type TestSheafOptions } from './sheaf.ts';
import { hasChunks, plannedStrikes, strikeThrough } from './strikes.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

/** A batch of many records, to whose workers something happens again and again. */
export interface StruckBatch {
  seed: number;
  records: number;
  strikes: number;
  /** Where the queue is. */
  queue: NonNullable<TestSheafOptions['queue']>;
  kind: keyof typeof STRIKES;
}

const WORKERS = 3;
const LEASE_SECONDS = 3;
/** A frozen worker is thawed then at the latest, whatever has become of its work. */
const LONGEST_FREEZE_MS = 20 * LEASE_SECONDS * 1000;

/** From so many strikes on it is the large proof, which nobody waits for. */
const MANY = 20;
/** Chunks that have lost so many workers are let be: after some more their batch is given up, which is not at stake here. */
const SPARED_CRASHES = 5;

/** Many chunks whatever the size, so that each strike meets work under way. */
const settingsFor = (records: number) => ({
  SHEAF_LEASE_SECONDS: String(LEASE_SECONDS),
  SHEAF_CHUNK_RECORDS: String(Math.max(500, Math.round(records / 500))),
});

/** The large proof is made on both queues, a short one on one of them, which the seed chooses. */
export function queuesToProve({
  seed,
  strikes,
}: Pick<StruckBatch, 'seed' | 'strikes'>): StruckBatch['queue'][] {
  const queues = ['postgres', 'redis'] as const;
  const there = queues.slice(0, required('TEST_REDIS_URL').missing ? 1 : 2);
  return strikes >= MANY ? there : there.filter((_, index) => index === seed % there.length);
}

/** How long it may take, beside whatever else the machine does. */
export const patience = ({ records, strikes }: Pick<StruckBatch, 'records' | 'strikes'>) => ({
  timeout: 300_000 + records * 5 + strikes * 60_000,
});

/** What a strike falls on, and what came of those before it. */
interface Struck {
  sheaf: TestSheaf;
  id: string;
  crew: Crew<WorkerProcess>;
  random: SeededRandom;
  /** Of each that was struck: whether it held chunks and lost them to others. */
  overtaken: Promise<boolean>[];
}

const STRIKES = {
  /** kill -9 of a worker. */
  async kill(struck: Struck): Promise<void> {
    const { one, leases } = await victim(struck, 1);
    await struck.crew.kill(one);
    // What it had settled until then it cannot lose any more.
    struck.overtaken.push(stillHeld(struck, leases));
  },
  /** SIGSTOP of a worker until others have taken its work over; one of the three always stays. */
  async freeze(struck: Struck): Promise<void> {
    const { one, leases } = await victim(struck, 2);
    await struck.crew.freeze(one);
    struck.overtaken.push(thawedWhenOvertaken(struck, one, leases));
  },
} as const;

async function thawedWhenOvertaken(struck: Struck, one: WorkerProcess, leases: string[]): Promise<boolean> {
  const until = performance.now() + LONGEST_FREEZE_MS;
  const held = await stillHeld(struck, leases);
  await sleep(LEASE_SECONDS * 1200);
  while ((await stillHeld(struck, leases)) && performance.now() < until) await sleep(50);
  const overtaken = held && !(await stillHeld(struck, leases));
  struck.crew.thaw(one);
  return overtaken;
}

/** One of the workers that have chunks of the batch in hand, and their leases; any worker, where there are no chunks. */
async function victim({ sheaf, id, crew, random }: Struck, least: number) {
  for (;;) {
    const up = await crew.up(least);
    const [batch] = await sheaf.sql<{ status: BatchStatus }[]>`select status from batches where id = ${id}`;
    const rows = await sheaf.sql<{ role: string; lease: string }[]>`
      select s.usename as role, c.lease from chunks c
        join pg_stat_activity s on s.pid = c.lease_pid and s.backend_start = c.lease_pid_started
      where c.batch_id = ${id} and c.status = 'running' and c.crashes < ${SPARED_CRASHES}`;
    const holders = up.filter(({ role }) => rows.some((row) => row.role === role));
    if (holders.length > 0 || !hasChunks(batch!.status)) {
      const one = random.pick(holders.length > 0 ? (holders as typeof up) : up);
      return { one, leases: rows.filter(({ role }) => role === one.role).map(({ lease }) => lease) };
    }
    await sleep(5);
  }
}

async function stillHeld({ sheaf, id }: Struck, leases: string[]): Promise<boolean> {
  const rows = await sheaf.sql`
    select from chunks where batch_id = ${id} and status = 'running' and lease = any (${leases}::uuid[]) limit 1`;
  return rows.length > 0;
}

/** Takes the batch to its end through all of it, and proves that each record is there once. */
export async function surviveStrikes(batch: StruckBatch): Promise<void> {
  const sheaf = await openTestSheaf({}, { queue: batch.queue });
  const crew = await Crew.of(WORKERS, () => startWorkerProcess(sheaf, settingsFor(batch.records)));
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
  const planned = plannedStrikes(random, strikes, records);
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
