import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { Log } from '../../core/log.ts';
import type { QueueBackend } from './bullmq-queue.ts';

/** What the names of all keys begin with, as BullMQ has it. */
const PREFIX = 'bull';

/**
 * Queues on Redis or Valkey. Those with another `prefix` see nothing of these.
 * @throws {Error} when the server evicts keys: it would lose tickets silently whenever memory runs short
 */
export async function redisBackend(redisUrl: string, log: Log, prefix = PREFIX): Promise<QueueBackend> {
  // BullMQ's workers block on their connection, for which ioredis must not give a command up.
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  connection.on('error', (error) => log.warn({ err: error }, 'trouble with Redis'));
  try {
    await refuseEviction(connection);
  } catch (error) {
    connection.disconnect();
    throw error;
  }
  return {
    makeQueue: (name, options) => new Queue(name, { ...options, connection, prefix }),
    makeWorker: (name, serve, options) => new Worker(name, serve, { ...options, connection, prefix }),
    close: async () => {
      await connection.quit();
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
