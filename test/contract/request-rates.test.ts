import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/adapters/postgres/connect.ts';
import { postgresRequestRates } from '../../src/adapters/postgres/request-rates.ts';
import { redisRequestRates } from '../../src/adapters/redis/request-rates.ts';
import { RetryableFault } from '../../src/core/errors.ts';
import type { RequestRate, RequestRates } from '../../src/engine/ports/request-rates.ts';
import { required } from '../support/requirements.ts';
import { createTestDatabase } from '../support/sheaf.ts';
import { silentLog } from '../support/silent-log.ts';

/**
 * The `RequestRates` port, proved on each place that keeps it, as two processes have it: two clients with connections
 * of their own. Time is moved in what is stored, never waited for; where it passes by itself, nothing is said of how
 * much may have come back.
 */

interface Place {
  open(): Promise<RequestRates>;
  /** Moves all that was counted and locked into the past. */
  age(seconds: number): Promise<void>;
  /** For how long what is known of the one key there is will be kept. */
  keptSeconds(): Promise<number>;
  remove(): Promise<void>;
}

const THREE: RequestRate = { records: 3, seconds: 3600 };

function suite(openPlace: () => Promise<Place>) {
  let place: Place;
  let rates: RequestRates;
  let elsewhere: RequestRates;
  beforeEach(async () => {
    place = await openPlace();
    rates = await place.open();
    elsewhere = await place.open();
  });
  afterEach(async () => {
    await Promise.all([rates.close(), elsewhere.close()]);
    await place.remove();
  });

  const both = (n: number) => Array.from({ length: n }, (_, index) => (index % 2 === 0 ? rates : elsewhere));
  const letThrough = async (n: number, rate: RequestRate) => {
    const taken = await Promise.all(both(n).map((each) => each.take('a', rate)));
    return taken.filter(({ records }) => records === 1).length;
  };

  it('lets as many through as there are, and tells what is left', async () => {
    const lefts: number[] = [];
    for (const each of both(3)) {
      const taken = await each.take('a', THREE);
      expect(taken).toMatchObject({ records: 1, waitSeconds: 0 });
      expect(taken.resetSeconds).toBeGreaterThan(3500);
      expect(taken.resetSeconds).toBeLessThan(3700);
      lefts.push(taken.left);
    }
    expect(lefts).toEqual([2, 1, 0]);
    const refused = await rates.take('a', THREE);
    expect(refused).toMatchObject({ records: 0, left: 0 });
    expect(refused.waitSeconds).toBeGreaterThan(3000);
    expect(refused.waitSeconds).toBeLessThan(3700);
    expect(refused.resetSeconds).toBeGreaterThanOrEqual(refused.waitSeconds);
  });

  it('is never taken beyond, by however many at once, who all come to a new key', async () => {
    expect(await letThrough(200, { records: 70, seconds: 3600 })).toBe(70);
  });

  it('locks no more than once, however many find nothing left at once', async () => {
    const locking = { ...THREE, lockSeconds: 18_000 };
    expect(await letThrough(60, locking)).toBe(3);
    const { waitSeconds } = await rates.take('a', locking);
    expect(waitSeconds).toBeGreaterThan(17_000);
    expect(waitSeconds).toBeLessThanOrEqual(18_000);
  });

  it('gives each back when its time is over for it, and not before', async () => {
    await rates.take('a', THREE);
    await rates.take('a', THREE);
    await place.age(2160);
    await rates.take('a', THREE);
    await place.age(1080);
    expect(await elsewhere.take('a', THREE)).toMatchObject({ records: 0, left: 0 });
    await place.age(576);
    expect(await elsewhere.take('a', THREE)).toMatchObject({ records: 1, left: 1 });
    expect(await rates.take('a', THREE)).toMatchObject({ records: 1, left: 0 });
    expect(await rates.take('a', THREE)).toMatchObject({ records: 0 });
  });

  it('says when there is one again and when all are, which is true', async () => {
    await rates.take('a', THREE);
    await place.age(2160);
    await rates.take('a', THREE);
    await rates.take('a', THREE);
    const { waitSeconds, resetSeconds } = await elsewhere.take('a', THREE);
    expect(waitSeconds).toBeLessThan(1800);
    expect(resetSeconds).toBeGreaterThan(3300);
    await place.age(waitSeconds);
    const again = await rates.take('a', THREE);
    expect(again).toMatchObject({ records: 1, left: 0 });
    await place.age(again.resetSeconds);
    expect(await rates.take('a', THREE)).toMatchObject({ records: 1, left: 2 });
  });

  it('of a second is never exceeded in any second, whoever takes, as long as they take', async () => {
    const quick: RequestRate = { records: 20, seconds: 1 };
    const began = performance.now();
    const given: { from: number; to: number }[] = [];
    await Promise.all(
      both(6).map(async (each) => {
        while (performance.now() - began < 4000) {
          const from = performance.now();
          const { records } = await each.take('a', quick);
          if (records > 0) given.push({ from, to: performance.now() });
        }
      }),
    );
    for (const { from } of given) {
      const within = given.filter((other) => other.from >= from && other.to < from + 1000);
      expect(within.length).toBeLessThanOrEqual(20);
    }
    expect(given.length).toBeLessThanOrEqual(20 * (Math.ceil((performance.now() - began) / 1000) + 1));
    expect(given.length).toBeGreaterThan(20);
  });

  it('stays locked though there are some again, no attempt makes it longer, and then all are there', async () => {
    const locking = { ...THREE, lockSeconds: 18_000 };
    await letThrough(4, locking);
    await place.age(7200);
    const refused = await elsewhere.take('a', locking);
    expect(refused).toMatchObject({ records: 0, left: 0 });
    expect(refused.waitSeconds).toBeGreaterThan(10_000);
    expect(refused.waitSeconds).toBeLessThanOrEqual(10_800);
    await place.age(10_872);
    expect(await rates.take('a', locking)).toMatchObject({ records: 1, left: 2 });
  });

  it('is not locked where there is no lock, and no refused request counts', async () => {
    const open = { ...THREE, lockSeconds: 0 };
    expect(await letThrough(3, open)).toBe(3);
    await place.age(1800);
    expect(await letThrough(20, open)).toBe(0);
    await place.age(2016);
    expect(await letThrough(20, open)).toBe(3);
  });

  it('keeps keys apart', async () => {
    expect(await letThrough(9, { ...THREE, lockSeconds: 18_000 })).toBe(3);
    expect(await elsewhere.take('b', THREE)).toMatchObject({ records: 1, left: 2 });
  });

  it('goes by the rate that is set now', async () => {
    expect(await letThrough(5, { records: 5, seconds: 3600 })).toBe(5);
    expect(await rates.take('a', { records: 2, seconds: 3600 })).toMatchObject({ records: 0, left: 0 });
    expect(await rates.take('a', { records: 10, seconds: 3600 })).toMatchObject({ records: 1, left: 4 });
  });

  it('counts what lies in the future, as the clock was set back, for no longer than anything else', async () => {
    await letThrough(3, THREE);
    await place.age(-86_400);
    expect(await rates.take('a', THREE)).toMatchObject({ records: 0 });
    await place.age(3816);
    expect(await letThrough(5, THREE)).toBe(3);
  });

  it('keeps what it knows for as long as that says something, and not for ever', async () => {
    await rates.take('a', THREE);
    expect(await place.keptSeconds()).toBeGreaterThan(3500);
    expect(await place.keptSeconds()).toBeLessThan(8000);
    await letThrough(5, { ...THREE, lockSeconds: 36_000 });
    expect(await place.keptSeconds()).toBeGreaterThan(35_000);
    expect(await place.keptSeconds()).toBeLessThan(40_000);
  });
}

describe('requests counted in PostgreSQL', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  suite(async () => {
    const sql = connect(database.url, { max: 1, name: 'test' });
    await sql`truncate limit_rates`;
    return {
      open: async () => postgresRequestRates(database.url),
      age: async (seconds) =>
        void (await sql`
          update limit_rates set slice_at = slice_at - make_interval(secs => ${seconds}),
            locked_until = locked_until - make_interval(secs => ${seconds})`),
      keptSeconds: async () => {
        const [row] = await sql<{ seconds: number }[]>`
          select extract(epoch from forget_at - clock_timestamp())::float8 as seconds from limit_rates`;
        return row!.seconds;
      },
      remove: () => sql.end(),
    };
  });

  it('say that it is away', async () => {
    const rates = postgresRequestRates('postgres://nobody@127.0.0.1:1/nothing');
    await expect(rates.take('a', THREE)).rejects.toThrow(RetryableFault);
    await rates.close();
  });
});

const redis = required('TEST_REDIS_URL');

describe.skipIf(redis.missing)(`requests counted in Redis${redis.reason}`, () => {
  let admin: Redis;
  beforeAll(() => {
    admin = new Redis(redis.value());
  });
  afterAll(() => admin?.quit());

  const aged = async (key: string, seconds: number) => {
    const sliceMs = (Number(/:([\d.]+)s:/.exec(key)![1]) * 1000) / 50;
    const fields = Object.entries(await admin.hgetall(key)).map(([field, value]) =>
      field === 'locked'
        ? [field, Number(value) - seconds * 1000]
        : [Number(field) - Math.ceil((seconds * 1000) / sliceMs), value],
    );
    await admin.del(key);
    await admin.hset(key, Object.fromEntries(fields));
  };

  const openPlace = async (): Promise<Place & { keys(): Promise<string[]> }> => {
    const prefix = `test-${randomBytes(6).toString('hex')}`;
    const keys = () => admin.keys(`${prefix}*`);
    return {
      keys,
      open: () => redisRequestRates(redis.value(), silentLog, { prefix }),
      age: async (seconds) => {
        for (const key of await keys()) await aged(key, seconds);
      },
      keptSeconds: async () => (await admin.pttl((await keys())[0]!)) / 1000,
      remove: async () => {
        const left = await keys();
        if (left.length > 0) await admin.del(left);
      },
    };
  };
  suite(openPlace);

  it('take no more room for many', async () => {
    const place = await openPlace();
    const rates = await place.open();
    const quick = { records: 1_000_000, seconds: 1 };
    const began = performance.now();
    while (performance.now() - began < 1500) {
      await Promise.all(Array.from({ length: 100 }, () => rates.take('a', quick)));
    }
    const [key] = await place.keys();
    expect(await admin.hlen(key!)).toBeLessThanOrEqual(51);
    await rates.close();
    await place.remove();
  });

  it('are counted on when the server has forgotten the script', async () => {
    const place = await openPlace();
    const rates = await place.open();
    await rates.take('a', THREE);
    await admin.script('FLUSH');
    expect(await rates.take('a', THREE)).toMatchObject({ records: 1, left: 1 });
    await rates.close();
    await place.remove();
  });

  it('are counted where they were though this process was too busy to read the answer', async () => {
    const place = await openPlace();
    const rates = await place.open();
    await rates.take('a', THREE);
    const taking = rates.take('a', THREE);
    // The command goes out; then nothing happens here for longer than an answer may take.
    await new Promise((resolve) => setImmediate(resolve));
    const until = performance.now() + 1500;
    while (performance.now() < until);
    expect(await taking).toMatchObject({ records: 1, left: 1 });
    await rates.close();
    await place.remove();
  });

  describe('say at once that it is away', () => {
    let server: Server;
    const sockets: Socket[] = [];
    afterEach(async () => {
      for (const socket of sockets.splice(0)) socket.destroy();
      if (server?.listening) await new Promise((resolve) => server.close(resolve));
    });

    it('when nobody listens', async () => {
      const rates = await redisRequestRates('redis://127.0.0.1:1', silentLog);
      await expect(rates.take('a', THREE)).rejects.toThrow(RetryableFault);
      await rates.close();
    });

    it('when somebody listens and never answers', async () => {
      server = createServer((socket) => void sockets.push(socket));
      const port = await new Promise<number>((resolve) => {
        server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
      });
      const rates = await redisRequestRates(`redis://127.0.0.1:${port}`, silentLog);
      await expect(rates.take('a', THREE)).rejects.toThrow(RetryableFault);
      await rates.close();
    });
  });
});
