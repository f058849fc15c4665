import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import { ensureAccountRole } from './account-role.ts';
import { type ConnectOptions, connect } from './connect.ts';
import * as schema from './schema.ts';

export type Database = PostgresJsDatabase<typeof schema>;

export interface OpenDatabase {
  db: Database;
  close(): Promise<void>;
}

/** What requests are answered from: a pool of its own, since drizzle sets the parsers of the client that it is given. */
export function openDatabase(
  url: string,
  options: Pick<ConnectOptions, 'max' | 'statementMs'> & { name?: string },
): OpenDatabase {
  const client = connect(url, { name: 'api', ...options });
  return { db: drizzle(client, { schema }), close: () => client.end({ timeout: 5 }) };
}

/** @throws when the database does not answer */
export async function pingDatabase(db: Database): Promise<void> {
  await db.execute(sql`select 1`);
}

/** Where the migrations are: beside `src` in a checkout, and beside `dist/src` once built. */
const MIGRATIONS = [
  new URL('../../../drizzle', import.meta.url),
  new URL('../../../../drizzle', import.meta.url),
];

/**
 * Brings the database to the newest schema. Several processes may call it at once: an advisory lock lets one work
 * and the others find it done.
 */
export async function migrateDatabase(url: string, migrationsFolder = migrationsPath()): Promise<void> {
  const client = connect(url, { max: 1, name: 'migrate' });
  try {
    await client`select pg_advisory_lock(hashtext('sheaf migrations'))`;
    await migrate(drizzle(client), { migrationsFolder });
    await ensureAccountRole(client);
  } finally {
    await client.end({ timeout: 5 });
  }
}

function migrationsPath(): string {
  const url = import.meta.url.includes('/dist/') ? MIGRATIONS[1] : MIGRATIONS[0];
  return fileURLToPath(url!);
}
