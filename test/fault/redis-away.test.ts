import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CutProxy } from '../support/cut-proxy.ts';
import {
  COMMON_REQUESTS,
  expectToldWell,
  OUTAGE_RECORDS,
  OUTAGE_SETTINGS,
  openSheafBehindProxy,
  type SheafBehindProxy,
  startClients,
  startOutage,
  type Told,
} from '../support/outage.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';
import { required } from '../support/requirements.ts';
import type { TestSheaf } from '../support/sheaf.ts';

/**
 * The queue on a Redis that loses its memory or goes away while batches are under way: PostgreSQL knows what is to be
 * done, nothing is started again, nobody helps, and each record is done once.
 */

/** Of a batch. */
const CHUNKS = OUTAGE_RECORDS / Number(OUTAGE_SETTINGS.SHEAF_CHUNK_RECORDS);

const PATIENT = { timeout: 300_000 };
const installed = required('TEST_REDIS_URL');

describe.skipIf(installed.missing)(`Redis${installed.reason}`, PATIENT, () => {
  let redis: TestRedis;
  let behind: SheafBehindProxy;
  let proxy: CutProxy;
  let sheaf: TestSheaf;

  beforeAll(async () => {
    redis = await startTestRedis();
    behind = await openSheafBehindProxy(redis.port, (locations, port) => ({
      ...locations,
      redisUrl: `redis://127.0.0.1:${port}`,
    }));
    ({ sheaf, proxy } = behind);
  });
  afterAll(async () => {
    await behind?.close();
    await redis?.close();
  });

  const clients = () => startClients(sheaf, COMMON_REQUESTS);

  /** Nothing of what is asked needs the queue. */
  const expectUnmoved = (told: readonly Told[]) => {
    expectToldWell(told, { withinSeconds: 15 });
    expect(told.filter(({ status }) => status >= 300)).toEqual([]);
  };

  it('that is emptied (FLUSHALL) again and again', async () => {
    const asking = await clients();
    const batch = await startOutage(sheaf, 'a');
    for (const [phase, chunks] of [
      ['validate', 1],
      ['validate', 20],
      ['process', 1],
      ['process', 15],
      ['process', 30],
    ] as const) {
      await batch.settled(phase, chunks);
      await redis.flushAll();
    }
    await batch.endedOnce();
    expectUnmoved(await asking.stop());
  });

  it('that is killed, and is empty when it is back', async () => {
    const batch = await startOutage(sheaf, 'b');
    await batch.settled('process', 5);
    await redis.restart();
    await batch.endedOnce();
  });

  it('that is away, and resets connections in the middle', async () => {
    const asking = await clients();
    const batch = await startOutage(sheaf, 'c');
    await batch.settled('validate', 5);
    const broken = proxy.breakAfter(1_000, 'requests', 4);
    while (broken() < 4) await sleep(5);
    await batch.settled('process', 5);
    await proxy.cut();
    // What is made meanwhile is taken, and found when somebody looks.
    const other = await startOutage(sheaf, 'd');
    await sleep(3_000);
    await proxy.mend();
    await Promise.all([batch.endedOnce(), other.endedOnce()]);
    expectUnmoved(await asking.stop());
  });

  it('that stays away: batches end without it, and by it again once it is back', async () => {
    const asking = await clients();
    const batch = await startOutage(sheaf, 'f');
    await batch.settled('validate', 5);
    await proxy.cut();
    const other = await startOutage(sheaf, 'g');
    await Promise.all([batch.endedOnce(), other.endedOnce()]);
    expectUnmoved(await asking.stop());

    await proxy.mend();
    // Each of the two workers learns of it when it finds work; then it writes once what it was asked to write meanwhile.
    let byTickets = 0;
    for (const prefix of 'hijklmnop') {
      const before = await redis.written('process');
      await (await startOutage(sheaf, prefix)).endedOnce();
      if ((await redis.written('process')) - before >= CHUNKS) byTickets += 1;
      if (byTickets === 3) return;
    }
    expect.unreachable(`${byTickets} batches went by the queue`);
  });

  it('that is gone without a word', async () => {
    const asking = await clients();
    const batch = await startOutage(sheaf, 'e');
    await batch.settled('process', 5);
    proxy.strand();
    await batch.endedOnce();
    expectUnmoved(await asking.stop());
  });
});
