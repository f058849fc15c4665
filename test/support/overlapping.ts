import { expect } from 'vitest';
import { gate } from './gate.ts';
import type { TestSheaf } from './sheaf.ts';

/** Waits until a session of the database waits for a lock. */
export async function somebodyWaits({ sql }: Pick<TestSheaf, 'sql'>): Promise<void> {
  const waiting = async () =>
    (await sql`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)
      .length;
  await expect.poll(waiting, { timeout: 60_000, interval: 10 }).toBeGreaterThan(0);
}

/** Holds the commit of `first` back until `second` waits for it. */
export async function overlapping<One, Two>(
  sheaf: Pick<TestSheaf, 'sql'>,
  first: (beforeCommit: () => Promise<void>) => Promise<One>,
  second: () => Promise<Two>,
): Promise<[One, Two]> {
  const heldBack = gate();
  const one = first(() => heldBack.wait());
  await heldBack.arrived;
  const two = second();
  await somebodyWaits(sheaf);
  heldBack.open();
  return await Promise.all([one, two]);
}
