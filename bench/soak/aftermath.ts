import { setTimeout as sleep } from 'node:timers/promises';
import type { Ground } from './ground.ts';
import type { PatientClient } from './patient-client.ts';
import { type Sample, sample, sizeOf } from './samples.ts';

/** What is left when everything was deleted or has expired. */
export interface Leftovers {
  /** Batches that somebody still sees. */
  batches: number;
  /** Rows of chunks and uploads. */
  rows: number;
  /** MB in the object store. */
  store: number;
  /** MB of temporary files. */
  scratch: number;
}

const LONGEST_MS = 180_000;
const LOOK_MS = 1000;
/** Leases run out, sweeps come round, and whatever was cut is connected again. */
const CALM_MS = 15_000;

/** Deletes every batch, lets every upload expire, and waits until all of it is gone. */
export async function clearAway(ground: Ground, client: PatientClient): Promise<Leftovers> {
  for (const { batch } of await client.batches()) await client.delete(batch);
  const until = performance.now() + LONGEST_MS;
  for (;;) {
    await ground.sql`update uploads set expires_at = now() - interval '1 day', url_expires_at = now() - interval '1 day'`;
    const left = await leftovers(ground, client);
    if (left.batches + left.rows === 0 && left.store < 1) return left;
    if (performance.now() > until) return left;
    await sleep(LOOK_MS);
  }
}

async function leftovers({ sql, folders }: Ground, client: PatientClient): Promise<Leftovers> {
  const [{ rows } = { rows: 0 }] = await sql<{ rows: number }[]>`
    select (select count(*)::int from chunks) + (select count(*)::int from uploads where removed_at is null) as rows`;
  return {
    batches: (await client.batches()).length,
    rows,
    store: (await sizeOf(folders.store)) / 2 ** 20,
    scratch: (await sizeOf(folders.scratch)) / 2 ** 20,
  };
}

/** What all of it holds when nothing is to be done. */
export async function calm(ground: Ground, begun: number): Promise<Sample> {
  await sleep(CALM_MS);
  return await sample(ground, begun);
}
