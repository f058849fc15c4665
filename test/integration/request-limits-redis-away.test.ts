import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { postgresRequestRates } from '../../src/adapters/postgres/request-rates.ts';
import { redisRequestRates } from '../../src/adapters/redis/request-rates.ts';
import { RetryableFault } from '../../src/core/errors.ts';
import type { Log } from '../../src/core/log.ts';
import { ratesWithSubstitute } from '../../src/engine/limits/rates-with-substitute.ts';
import type { RequestRates } from '../../src/engine/ports/request-rates.ts';
import { type CutProxy, startCutProxy } from '../support/cut-proxy.ts';
import { type RedisDatabase, takeRedisDatabase } from '../support/redis-database.ts';
import { required } from '../support/requirements.ts';
import { createTestDatabase, type TestDatabase } from '../support/sheaf.ts';

/** Redis goes away and comes back, with what it knew or without: requests are counted, and none has to fail. */

const redis = required('TEST_REDIS_URL');
const RATE = { records: 20, seconds: 3600, lockSeconds: 0 };

/** Keeps what is logged. */
function listening(): Log & { lines: string[] } {
  const lines: string[] = [];
  const note = (_fields: object, message: string) => void lines.push(message);
  return { lines, debug: () => undefined, info: note, warn: note, error: note };
}

const AWAY = 'requests are counted in PostgreSQL: Redis does not answer';
const BACK = 'requests are counted in Redis again';

describe.skipIf(redis.missing)(`requests counted in a Redis that goes away${redis.reason}`, () => {
  let database: TestDatabase;
  let inRedis: RedisDatabase;
  let proxy: CutProxy;
  let url: string;
  let log: ReturnType<typeof listening>;
  const opened: RequestRates[] = [];
  /** How often Redis was asked. */
  let asked = 0;

  beforeEach(async () => {
    database = await createTestDatabase();
    inRedis = await takeRedisDatabase(redis.value());
    const to = new URL(inRedis.url);
    proxy = await startCutProxy({ host: to.hostname, port: Number(to.port || 6379) });
    to.hostname = '127.0.0.1';
    to.port = String(proxy.port);
    url = to.href;
    log = listening();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((rates) => rates.close()));
    await proxy.close();
    await inRedis.release();
    await database.drop();
  });

  const open = async (awaySeconds: number) => {
    const counted = await redisRequestRates(url, log);
    const noted: RequestRates = {
      ...counted,
      take: (...given) => {
        asked += 1;
        return counted.take(...given);
      },
    };
    const rates = ratesWithSubstitute(noted, postgresRequestRates(database.url), { log, awaySeconds });
    opened.push(rates);
    return rates;
  };
  /** How many of so many are let through; none may fail. */
  const letThrough = async (rates: RequestRates, n: number) => {
    const taken = await Promise.all(Array.from({ length: n }, () => rates.take('a', RATE)));
    return taken.filter(({ records }) => records > 0).length;
  };

  it.each(['cut', 'hang'] as const)(
    'by PostgreSQL meanwhile (%s): as many once more, and no more',
    async (how) => {
      const rates = await open(3600);
      expect(await letThrough(rates, 50)).toBe(20);
      await proxy[how]();
      expect(await letThrough(rates, 50)).toBe(20);
      // Nobody waits for Redis again, nor is it told again.
      const before = asked;
      for (let n = 0; n < 5; n += 1) expect(await letThrough(rates, 10)).toBe(0);
      expect(asked).toBe(before);
      expect(log.lines).toEqual([AWAY]);
      // It comes back, and has forgotten all: for a minute it is not asked.
      await inRedis.empty();
      await proxy.mend();
      await sleep(300);
      expect(await letThrough(rates, 50)).toBe(0);
      expect(log.lines).toEqual([AWAY]);
    },
  );

  it('by Redis again, once its time is over, which one request finds out', async () => {
    const rates = await open(0.3);
    expect(await letThrough(rates, 5)).toBe(5);
    await proxy.cut();
    expect(await letThrough(rates, 5)).toBe(5);
    await sleep(350);
    // Still away: another time begins, and nothing is told again.
    expect(await letThrough(rates, 5)).toBe(5);
    await proxy.mend();
    while (log.lines.length < 2) {
      await letThrough(rates, 1);
      await sleep(20);
    }
    expect(log.lines).toEqual([AWAY, BACK]);
    // It knows what it was told before, and what it was asked since.
    const left = 20 - 5 - 1;
    expect(await letThrough(rates, 50)).toBe(left);
  });

  it('by PostgreSQL from the beginning, when Redis is away at the start', async () => {
    await proxy.cut();
    const rates = await open(3600);
    expect(await letThrough(rates, 50)).toBe(20);
    expect(log.lines).toEqual([AWAY]);
  });

  it('fail only when neither answers', async () => {
    const counted = await redisRequestRates(url, log);
    const nowhere = postgresRequestRates('postgres://nobody@127.0.0.1:1/nothing');
    const rates = ratesWithSubstitute(counted, nowhere, { log });
    opened.push(rates);
    expect(await letThrough(rates, 3)).toBe(3);
    await proxy.cut();
    await expect(rates.take('a', RATE)).rejects.toThrow(RetryableFault);
  });
});
