import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { withDatabase } from './global-setup.ts';

/** A numbered database of a Redis server that nobody else uses meanwhile. */
export interface RedisDatabase {
  url: string;
  /** FLUSHDB: whatever is in it is gone. */
  empty(): Promise<void>;
  /** Empties it and gives it back. */
  release(): Promise<void>;
}

const LAST_NUMBER = 15;
const CLAIM_SECONDS = 3600;

/**
 * Takes a database that is empty: the server may be a developer's own, and hold what must not be flushed. Who has
 * which is written down in the database that the URL names, where emptying one does not reach.
 */
export async function takeRedisDatabase(serverUrl: string): Promise<RedisDatabase> {
  const registry = new Redis(serverUrl);
  const claim = (number: number) => `sheaf-test-database-${number}`;
  for (let number = 1; number <= LAST_NUMBER; number += 1) {
    if (number === registry.options.db) continue;
    const ours = await registry.set(claim(number), randomUUID(), 'EX', CLAIM_SECONDS, 'NX');
    if (ours === null) continue;
    const url = withDatabase(serverUrl, String(number));
    const database = new Redis(url);
    if ((await database.dbsize()) === 0) {
      return {
        url,
        empty: async () => void (await database.flushdb()),
        release: async () => {
          await database.flushdb();
          await database.quit();
          await registry.del(claim(number));
          await registry.quit();
        },
      };
    }
    await database.quit();
    await registry.del(claim(number));
  }
  await registry.quit();
  throw new Error(
    `no database from 1 to ${LAST_NUMBER} of the Redis for tests is empty: flush those left over`,
  );
}
