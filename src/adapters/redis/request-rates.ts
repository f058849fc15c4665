import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { RetryableFault } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { RequestRates } from '../../engine/ports/request-rates.ts';
import { SLICES, TAKE_REQUEST } from './take-request.ts';

/** What the names of all keys begin with. */
const PREFIX = 'sheaf:requests';

/** A request waits for its answer: Redis takes a fraction of a millisecond, or is away. */
const ANSWER_MS = 1_000;

/** For the first connection; a process that starts while Redis is away goes on without it. */
const CONNECT_MS = 2_000;

const SILENT_MS = 5_000;

const LONGEST_RECONNECT_MS = 2_000;

type Answer = [given: number, left: number, waitMs: number, resetMs: number];

/** With the command that ioredis sends by the hash of its script, and as a whole to a server that does not know it. */
type WithTake = Redis & {
  takeRequest(key: string, records: number, sliceMs: number, lockMs: number): Promise<Answer>;
};

/**
 * Requests counted in Redis or Valkey: one round trip, and keys that go by themselves. Nothing waits for a server that
 * is away: `take` throws a RetryableFault at once, or within a second.
 */
export async function redisRequestRates(
  redisUrl: string,
  log: Log,
  { prefix = PREFIX }: { prefix?: string } = {},
): Promise<RequestRates> {
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    // A connection whose other end has gone without a word is opened anew.
    socketTimeout: SILENT_MS,
    enableOfflineQueue: false,
    // What was sent when the connection broke may have been counted.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * 100, LONGEST_RECONNECT_MS),
  }) as WithTake;
  redis.defineCommand('takeRequest', { numberOfKeys: 1, lua: TAKE_REQUEST });
  // Whoever counts is told of each request that fails; here it is only that nobody listens who would end the process.
  redis.on('error', (error) => log.debug({ err: error }, 'trouble with the Redis that counts requests'));
  const connected = redis
    .connect()
    .catch((error: unknown) => log.debug({ err: error }, 'the Redis that counts requests is not there yet'));
  await Promise.race([connected, sleep(CONNECT_MS, undefined, { ref: false })]);

  return {
    async take(key, { records, seconds, lockSeconds = 0 }) {
      const sliceMs = (seconds * 1000) / SLICES;
      try {
        const name = `${prefix}:${seconds}s:${key}`;
        const answer = redis.takeRequest(name, records, sliceMs, lockSeconds * 1000);
        const [given, left, waitMs, resetMs] = await inTime(answer);
        return { records: given, left, waitSeconds: waitMs / 1000, resetSeconds: resetMs / 1000 };
      } catch (error) {
        throw new RetryableFault('Redis did not count a request', { cause: error });
      }
    },

    async close() {
      redis.disconnect();
    },
  };
}

/** @throws {Error} when the time is over; an answer that came while this process was busy is read before it is */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${ANSWER_MS} ms`));
    timer = setTimeout(() => setImmediate(late), ANSWER_MS);
  });
  try {
    return await Promise.race([answer, over]);
  } finally {
    clearTimeout(timer);
  }
}
