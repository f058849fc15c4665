import { createPostgresBackend, Queue, runMigrations, Worker } from 'bullmq';
import pg from 'pg';
import type { Log } from '../../core/log.ts';
import type { QueueBackend } from './bullmq-queue.ts';

/** BullMQ's own schema beside ours. */
const SCHEMA = 'bullmq';

/** Each worker holds one connection to LISTEN on; the others are for queries. */
const LISTENERS = 5;
const QUERIES = 6;

/** Creates BullMQ's tables or brings them up to date; safe to call from several processes at once. */
export async function migrateQueue(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'sheaf migrate' });
  await client.connect();
  try {
    await runMigrations(client, SCHEMA);
  } finally {
    await client.end();
  }
}

/** Queues on PostgreSQL: BullMQ's own backend, on one pool for all of them. */
export function postgresBackend(databaseUrl: string, log: Log): QueueBackend {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: LISTENERS + QUERIES,
    application_name: 'sheaf queue',
    options: `-c search_path=${SCHEMA}`,
    keepAlive: true,
  });
  // Each queue and each worker listens for its errors.
  pool.setMaxListeners(0);
  pool.on('error', (error) => log.warn({ err: error }, 'an idle connection of the queue broke'));
  return {
    makeQueue: (name, options) => new Queue(name, { ...options, connection: pool }, createPostgresBackend),
    makeWorker: (name, serve, options) =>
      new Worker(name, serve, { ...options, connection: pool }, createPostgresBackend),
    close: () => pool.end(),
  };
}
