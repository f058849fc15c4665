import postgres from 'postgres';
import { USER } from './cluster.ts';

export const DATABASE = 'sheaf';

export function databaseUrl(port: number, password: string): string {
  return `postgres://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${DATABASE}`;
}

/**
 * Connects as a client would, and creates the database if it is missing.
 *
 * @throws Error when the cluster was made with another password, or does not answer.
 */
export async function ensureDatabase(port: number, password: string): Promise<void> {
  const sql = postgres({
    host: '127.0.0.1',
    port,
    user: USER,
    password,
    database: 'postgres',
    max: 1,
    ssl: false,
    connect_timeout: 30,
    fetch_types: false,
    onnotice: () => {},
  });
  try {
    const found = await sql`select 1 from pg_database where datname = ${DATABASE}`;
    if (found.length === 0) await sql`create database ${sql(DATABASE)}`;
  } catch (error) {
    if ((error as { code?: string }).code !== '28P01') throw error;
    throw new Error('the cluster was made with another password: put the file with its password back', {
      cause: error,
    });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
