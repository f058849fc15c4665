import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';
import type { TestSheaf } from './sheaf.ts';

/** A database as it was at a moment, as a server leaves it that is restored from a backup. */
export interface DatabaseBackup {
  /** Puts it in the place of what there is now. */
  restore(): Promise<void>;
  drop(): Promise<void>;
}

/**
 * Keeps the database of a test as it is at this moment. All sessions end: whatever they had not committed is not in it,
 * as in any backup of a server that runs.
 */
export async function backUp({ locations }: Pick<TestSheaf, 'locations'>): Promise<DatabaseBackup> {
  const admin = postgres(inject('postgresUrl'), { max: 1, onnotice: () => undefined });
  const own = new URL(locations.databaseUrl).pathname.slice(1);
  const kept = `b_${randomBytes(6).toString('hex')}`;
  const closed = async (work: () => Promise<unknown>) => {
    await admin`alter database ${admin(own)} allow_connections false`;
    try {
      await admin`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${own}`;
      await work();
    } finally {
      await admin`alter database ${admin(own)} allow_connections true`;
    }
  };
  await closed(() => admin`create database ${admin(kept)} template ${admin(own)}`);
  return {
    restore: () =>
      closed(async () => {
        await admin`drop database ${admin(own)}`;
        await admin`create database ${admin(own)} template ${admin(kept)}`;
      }),
    drop: async () => {
      await admin`drop database ${admin(kept)}`;
      await admin.end();
    },
  };
}
