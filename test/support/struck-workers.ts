import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../../src/cli/sample/random.ts';
import type { BatchStatus } from '../../src/core/batch.ts';
import type { Crew } from './crew.ts';
import type { TestSheaf } from './sheaf.ts';
import { hasChunks } from './strikes.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What befalls the workers of a batch, one of them at a time. */

export const LEASE_SECONDS = 3;
/** A frozen worker is thawed then at the latest, whatever has become of its work. */
const LONGEST_FREEZE_MS = 20 * LEASE_SECONDS * 1000;

/** Chunks that have lost so many workers are let be: after some more their batch is given up, which is not at stake here. */
const SPARED_CRASHES = 5;

/** What a strike falls on, and what came of those before it. */
export interface Struck {
  sheaf: TestSheaf;
  id: string;
  crew: Crew<WorkerProcess>;
  random: SeededRandom;
  /** Of each that was struck: whether it held chunks and lost them to others. */
  overtaken: Promise<boolean>[];
}

export const STRIKES = {
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
