import type { Socket } from 'node:net';
import { createPostgresBackend, Queue, runMigrations, Worker } from 'bullmq';
import pg from 'pg';
import { STAGES } from '../../core/batch.ts';
import type { Log } from '../../core/log.ts';
import { bareError } from './bare-error.ts';
import type { QueueBackend } from './bullmq-queue.ts';

/** BullMQ's own schema beside ours. */
const SCHEMA = 'bullmq';

/** Each worker holds one connection to LISTEN on; the others are for queries. */
const LISTENERS = STAGES.length;
const QUERIES = 6;

/** A server that has gone without a word gives no answer: to wait longer would be to wait for ever. */
const CONNECT_MS = 10_000;
const ANSWER_MS = 20_000;
const KEEP_ALIVE_MS = 10_000;

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

/**
 * Queues on PostgreSQL: BullMQ's own backend, on one pool for all of them.
 * @param newSocket makes the sockets of its connections, which are silent for long where they listen: such as those
 *   that are given up all together when one of them gets no answer
 */
export function postgresBackend(databaseUrl: string, log: Log, newSocket?: () => Socket): QueueBackend {
  const pool = new pg.Pool({
    ...(newSocket !== undefined && { stream: newSocket }),
    connectionString: databaseUrl,
    max: LISTENERS + QUERIES,
    application_name: 'sheaf queue',
    options: `-c search_path=${SCHEMA}`,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  });
  // Each queue and each worker listens for its errors.
  pool.setMaxListeners(0);
  pool.on('error', (error) => log.warn({ err: bareError(error) }, 'an idle connection of the queue broke'));
  return {
    makeQueue: (name, options) => new Queue(name, { ...options, connection: pool }, createPostgresBackend),
    makeWorker: (name, serve, options) =>
      new Worker(name, serve, { ...options, connection: pool }, createPostgresBackend),
    close: () => pool.end(),
  };
}
