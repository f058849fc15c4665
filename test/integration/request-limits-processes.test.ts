import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CutProxy, startCutProxy } from '../support/cut-proxy.ts';
import { type Program, startProgram } from '../support/program.ts';
import { required } from '../support/requirements.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { settingsOf } from '../support/worker-process.ts';

/** Two API processes (`npm run api`) count one limit, on PostgreSQL as on a Redis that goes away and comes back. */

const redis = required('TEST_REDIS_URL');
const LIMIT = 20;

let sheaf: TestSheaf;
const key = randomBytes(16).toString('hex');
const programs: Program[] = [];
let urls: string[] = [];

async function startApis(queue: 'postgres' | 'redis', redisUrl = ''): Promise<void> {
  const settings = {
    ...settingsOf(sheaf.locations),
    REDIS_URL: queue === 'redis' ? redisUrl : '',
    SHEAF_ADMIN_KEY: key,
    SHEAF_PORT: '0',
    SHEAF_REQUESTS_PER_MINUTE: String(LIMIT),
    // So that nothing comes back while the test goes on, however long it takes.
    SHEAF_REQUESTS_LOCK_SECONDS: '3600',
  };
  programs.push(
    ...(await Promise.all([1, 2].map(() => startProgram('src/api/main.ts', settings, /API is up at (\S+)/)))),
  );
  urls = programs.map(({ said }) => said);
}

/** How many of so many requests to both were answered with each status. */
async function ask(path: string, count: number): Promise<Record<number, number>> {
  const answers = await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const answer = await fetch(`${urls[n % urls.length]}${path}`, {
        headers: { authorization: `Bearer ${key}` },
      });
      await answer.arrayBuffer();
      return answer.status;
    }),
  );
  const counts: Record<number, number> = {};
  for (const status of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

afterEach(async () => {
  for (const program of programs.splice(0)) await program.kill();
});

describe('two API processes on one PostgreSQL', () => {
  beforeAll(async () => {
    sheaf = await openTestSheaf();
  });
  afterAll(() => sheaf.close());

  it('count one limit', async () => {
    await startApis('postgres');
    expect(await ask('/operations', 60)).toEqual({ 200: LIMIT, 429: 60 - LIMIT });
    expect(await ask('/operations', 10)).toEqual({ 429: 10 });
    // Another thing to do is another count, which a process that came later has, too.
    expect(await ask('/batches', 60)).toEqual({ 200: LIMIT, 429: 60 - LIMIT });
    await programs.shift()!.kill();
    urls = programs.map(({ said }) => said);
    expect(await ask('/batches', 5)).toEqual({ 429: 5 });
  });
});

describe.skipIf(redis.missing)(`two API processes on one Redis${redis.reason}`, () => {
  let proxy: CutProxy;
  beforeAll(async () => {
    sheaf = await openTestSheaf({}, { queue: 'redis' });
  });
  afterAll(async () => {
    await proxy?.close();
    await sheaf.close();
  });

  it('count one limit; while Redis is away and after it has forgotten all, one more, and no request fails', async () => {
    const to = new URL(sheaf.locations.redisUrl!);
    proxy = await startCutProxy({ host: to.hostname, port: Number(to.port || 6379) });
    to.hostname = '127.0.0.1';
    to.port = String(proxy.port);
    await startApis('redis', to.href);
    expect(await ask('/operations', 60)).toEqual({ 200: LIMIT, 429: 60 - LIMIT });
    expect((await sheaf.sql`select key from limit_rates`).length).toBe(0);

    await proxy.cut();
    // A minute later Redis is asked again.
    const until = performance.now() + 40_000;
    expect(await ask('/operations', 60)).toEqual({ 200: LIMIT, 429: 60 - LIMIT });
    await sheaf.emptyQueue();
    await proxy.mend();
    for (let n = 0; n < 10 && performance.now() < until; n += 1) {
      expect(await ask('/operations', 20)).toEqual({ 429: 20 });
    }
    const logged = programs.map((program) => program.log() + program.output());
    for (const text of logged) {
      expect(text.match(/requests are counted in PostgreSQL: Redis does not answer/g)).toHaveLength(1);
    }
  });
});
