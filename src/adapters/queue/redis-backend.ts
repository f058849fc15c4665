import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Log } from '../../core/log.ts';
import type { QueueBackend } from './bullmq-queue.ts';
import { withDeadline } from './deadline.ts';

const FIRST_ANSWER_MS = 10_000;
const QUIT_MS = 2_000;

const CONNECT_MS = 5_000;

/** Above the ten seconds that a worker of BullMQ waits for a ticket: a server that is silent for longer is gone. */
const SILENT_MS = 20_000;
const KEEP_ALIVE_MS = 10_000;

const LONGEST_RECONNECT_MS = 2_000;

/** What the names of all keys begin with, as BullMQ has it. */
const PREFIX = 'bull';

/**
 * Queues on Redis or Valkey. Those with another `prefix` see nothing of these.
 * @throws {Error} when the server evicts keys: it would lose tickets silently whenever memory runs short
 */
export async function redisBackend(redisUrl: string, log: Log, prefix = PREFIX): Promise<QueueBackend> {
  // BullMQ's workers block on their connection, for which ioredis must not give a command up.
  const connection = new Redis(redisUrl, {
    maxRetriesPerRequest: null,
    connectTimeout: CONNECT_MS,
    socketTimeout: SILENT_MS,
    keepAlive: KEEP_ALIVE_MS,
    // Spread, so that all processes do not come back at the same moment.
    retryStrategy: (times) => Math.min(times * 50, LONGEST_RECONNECT_MS) * (0.5 + Math.random() / 2),
  });
  connection.on('error', (error) => log.warn({ err: error }, 'trouble with Redis'));
  try {
    await withDeadline(refuseEviction(connection), FIRST_ANSWER_MS, 'answer');
  } catch (error) {
    connection.disconnect();
    throw error;
  }
  return {
    makeQueue: (name, options) => new Queue(name, { ...options, connection, prefix }),
    makeWorker: (name, serve, options) => new Worker(name, serve, { ...options, connection, prefix }),
    close: async () => {
      try {
        await withDeadline(connection.quit(), QUIT_MS, 'say good-bye');
      } catch (error) {
        log.warn({ err: error }, 'Redis is left without a good-bye');
        connection.disconnect();
      }
    },
  };
}

async function refuseEviction(connection: Redis): Promise<void> {
  const memory = await connection.info('memory');
  const policy = /maxmemory_policy:(\S+)/.exec(memory)?.[1];
  if (policy !== undefined && policy !== 'noeviction') {
    throw new Error(`Redis evicts keys (maxmemory-policy ${policy}): set maxmemory-policy noeviction`);
  }
}
