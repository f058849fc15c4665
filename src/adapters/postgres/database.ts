import { sql } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { type ConnectOptions, connect } from './connect.ts';

export type Database = PostgresJsDatabase;

export interface OpenDatabase {
  db: Database;
  close(): Promise<void>;
}

/** What requests are answered from: a pool of its own, since drizzle sets the parsers of the client that it is given. */
export function openDatabase(
  url: string,
  options: Pick<ConnectOptions, 'max' | 'statementMs' | 'silenceMs'> & { name?: string },
): OpenDatabase {
  const client = connect(url, { name: 'api', ...options });
  return { db: drizzle(client), close: () => client.end({ timeout: 5 }) };
}

/** @throws when the database does not answer */
export async function pingDatabase(db: Database): Promise<void> {
  await db.execute(sql`select 1`);
}
