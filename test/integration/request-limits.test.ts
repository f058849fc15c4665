import { connect as connectTo } from 'node:net';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import { v4 as uuidv4 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApi } from '../../src/api/app.ts';
import type { RequestLimit } from '../../src/core/account-limits.ts';
import { openServices, type Services } from '../../src/services.ts';
import { AMPLE, testCaller } from '../support/caller.ts';
import { required } from '../support/requirements.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Requests to two servers with services of their own, as two API processes have them, on one PostgreSQL or Redis. */

type Requests = Record<string, RequestLimit>;

const silent = pino({ level: 'silent' });
const redis = required('TEST_REDIS_URL');

function suite(queue: 'postgres' | 'redis') {
  let sheaf: TestSheaf;
  let second: Services;
  const servers: FastifyInstance[] = [];
  /** What is set for an account. */
  const set = new Map<string, Requests>();

  beforeAll(async () => {
    sheaf = await openTestSheaf({}, { queue });
    second = await openServices(sheaf.config, sheaf.locations, silent);
    for (const services of [sheaf.services, second]) {
      const authenticator = {
        authenticate: async (account: string | undefined) => {
          if (account === undefined) return null;
          const requests = { ...AMPLE.requests, ...set.get(account) };
          const statements =
            account === READER ? [{ effect: 'allow' as const, actions: ['get_*'] }] : undefined;
          const limits = { ...AMPLE, requests };
          return testCaller({ accountId: account, limits, ...(statements && { statements }) });
        },
      };
      servers.push(await buildApi({ ...services, authenticator }));
    }
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await second.close();
    await sheaf.close();
  });

  const READER = uuidv4();
  const accountWith = (requests: Requests) => {
    const account = uuidv4();
    set.set(account, requests);
    return account;
  };
  const request = (n: number, account: string | null, options: InjectOptions) =>
    servers[n % 2]!.inject({
      ...options,
      headers: { ...(account && { authorization: account }), ...options.headers },
    });
  const get = (n: number, account: string | null, url: string) => request(n, account, { method: 'GET', url });

  /** The parameters of the one item of a header, by name. */
  const told = (header: unknown) => {
    const [name, ...rest] = String(header).split(';');
    const numbers = rest.map((text) => [text.split('=')[0]!, Number(text.split('=')[1])]);
    return { name: JSON.parse(name!), ...Object.fromEntries(numbers) };
  };

  it('are told the limit of the account, and what is left', async () => {
    const account = accountWith({ '*': { perMinute: 7, lockSeconds: 0 } });
    const first = await get(0, account, '/operations');
    expect(first.statusCode).toBe(200);
    expect(first.headers['ratelimit-policy']).toBe('"get_operations";q=7;w=60');
    expect(told(first.headers.ratelimit)).toMatchObject({ name: 'get_operations', r: 6 });
    expect(told((await get(1, account, '/operations')).headers.ratelimit).r).toBe(5);
    // Also where the answer is an error, or the whole is not asked for.
    const missing = await get(0, account, '/operations/nothing');
    expect([missing.statusCode, told(missing.headers.ratelimit).r]).toEqual([404, 4]);
    const invalid = await get(1, account, '/operations?x=1');
    expect([invalid.statusCode, told(invalid.headers.ratelimit).r]).toEqual([422, 3]);
    const head = await request(0, account, { method: 'HEAD', url: '/operations' });
    expect([head.statusCode, told(head.headers.ratelimit).r]).toEqual([200, 2]);
  });

  it('are refused by both servers once nothing is left, for as long as is said', async () => {
    const account = accountWith({ get_operations: { perMinute: 5, lockSeconds: 300 } });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => get(n, account, '/operations/create_learner')),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(5);
    for (const answer of answers.filter(({ statusCode }) => statusCode !== 200)) {
      expect(answer.statusCode).toBe(429);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.json()).toMatchObject({ code: 'rate_limited' });
      expect(answer.json().detail).toMatch(
        /^get_operations was asked for more than 5 times in 60 s; .* in \d+ s$/,
      );
      expect(answer.headers['ratelimit-policy']).toBe('"get_operations";q=5;w=60');
      const { r, t } = told(answer.headers.ratelimit);
      const after = Number(answer.headers['retry-after']);
      expect(r).toBe(0);
      expect(after).toBeGreaterThan(290);
      expect(after).toBeLessThanOrEqual(300);
      expect(t).toBeGreaterThanOrEqual(after);
    }
  });

  it('count for their account and for what they do, and for nothing else', async () => {
    const account = accountWith({ '*': { perMinute: 1, lockSeconds: 300 } });
    expect((await get(0, account, '/operations')).statusCode).toBe(200);
    expect((await get(1, account, '/operations')).statusCode).toBe(429);
    expect((await get(1, account, '/batches')).statusCode).toBe(200);
    const other = accountWith({ '*': { perMinute: 1, lockSeconds: 300 } });
    expect((await get(1, other, '/operations')).statusCode).toBe(200);
  });

  it('that are refused cost nothing else: no body is read, no key of idempotency is kept', async () => {
    const account = accountWith({ create_upload_url: { perMinute: 1, lockSeconds: 0 } });
    await sheaf.sql`insert into accounts (id, name) values (${account}, ${account})`;
    const upload = (n: number, payload: object) =>
      request(n, account, {
        ...{ method: 'POST', url: '/uploads', payload },
        headers: { 'idempotency-key': 'mine', 'content-type': 'application/json' },
      });
    expect((await upload(0, {})).statusCode).toBe(201);
    // Not even the same request is answered again; nor is it found wrong.
    expect((await upload(1, {})).statusCode).toBe(429);
    expect((await upload(0, { filename: 7 })).statusCode).toBe(429);

    const address = new URL(await servers[0]!.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connectTo(Number(address.port), address.hostname);
    socket.write(
      `POST /uploads HTTP/1.1\r\nHost: sheaf\r\nAuthorization: ${account}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{`,
    );
    const answer = await new Promise<string>((resolve) => {
      socket.once('data', (data) => resolve(data.toString()));
    });
    socket.destroy();
    expect(answer).toMatch(/^HTTP\/1\.1 429 /);
  });

  it('are not counted where nobody is known, or may not do it', async () => {
    const account = accountWith({ '*': { perMinute: 1, lockSeconds: 300 } });
    for (const url of ['/health/live', '/health/ready', '/openapi.json', '/nothing', '/docs/json']) {
      for (let n = 0; n < 4; n += 1) {
        const answer = await get(n, account, url);
        expect(answer.statusCode, url).not.toBe(429);
        expect(answer.headers, url).not.toHaveProperty('ratelimit');
      }
    }
    const unknown = await get(0, null, '/operations');
    expect(unknown.statusCode).toBe(401);
    expect(unknown.headers).not.toHaveProperty('ratelimit');
    set.set(READER, { '*': { perMinute: 1, lockSeconds: 300 } });
    for (let n = 0; n < 3; n += 1) {
      const forbidden = await request(n, READER, { method: 'POST', url: '/uploads' });
      expect(forbidden.statusCode).toBe(403);
      expect(forbidden.headers).not.toHaveProperty('ratelimit');
    }
  });

  it('of streams count once, when they are opened, and are told of it', async () => {
    const batch = await sheaf.submit(await sheaf.upload('learner_id,email\na,a@example.org\n'));
    const account = sheaf.caller.accountId;
    set.set(account, { get_batch: { perMinute: 3, lockSeconds: 0 } });
    const address = await servers[1]!.listen({ host: '127.0.0.1', port: 0 });
    const stop = new AbortController();
    const open = () =>
      fetch(`${address}/batches/${batch}/events`, {
        headers: { authorization: account },
        signal: stop.signal,
      });
    const stream = await open();
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    expect(stream.headers.get('x-request-id')).toMatch(/./);
    expect(told(stream.headers.get('ratelimit')).r).toBe(2);
    await stream.body!.getReader().read();
    expect(told((await get(0, account, `/batches/${batch}`)).headers.ratelimit).r).toBe(1);
    expect(told((await open()).headers.get('ratelimit')).r).toBe(0);
    expect((await open()).status).toBe(429);
    stop.abort();
  });

  describe('to run an operation', () => {
    const call = (n: number, account: string, name: string) =>
      request(n, account, { method: 'POST', url: `/operations/${name}`, payload: {} });

    it('count by its own rate, in the place of the general one', async () => {
      const account = accountWith({ '*': { perMinute: 2, lockSeconds: 300 } });
      for (let n = 0; n < 4; n += 1) {
        const answer = await call(n, account, 'publish_cohort');
        expect(answer.statusCode).toBe(422);
        expect(answer.headers['ratelimit-policy']).toBe('"publish_cohort";q=30;w=60');
        expect(told(answer.headers.ratelimit).r).toBe(29 - n);
      }
    });

    it('count by what is set for the account, in the place of both', async () => {
      const account = accountWith({ publish_cohort: { perMinute: 2, lockSeconds: 600 } });
      for (let n = 0; n < 2; n += 1) {
        const answer = await call(n, account, 'publish_cohort');
        expect(answer.headers['ratelimit-policy']).toBe('"publish_cohort";q=2;w=60');
      }
      const refused = await call(0, account, 'publish_cohort');
      expect(refused.statusCode).toBe(429);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(590);
    });

    it('count like all others where it has no rate', async () => {
      const account = accountWith({ create_learner: { perMinute: 1, lockSeconds: 0 } });
      const first = await call(0, account, 'create_learner');
      expect(told(first.headers.ratelimit)).toMatchObject({ name: 'create_learner', r: 0 });
      expect((await call(1, account, 'create_learner')).statusCode).toBe(429);
    });

    it('count together where there is none, whatever they name', async () => {
      const account = accountWith({ '*': { perMinute: 2, lockSeconds: 0 } });
      expect((await call(0, account, 'no_such_thing')).statusCode).toBe(404);
      expect((await call(1, account, 'nor_this')).statusCode).toBe(404);
      expect((await call(0, account, 'nor_that')).statusCode).toBe(429);
    });
  });
}

describe('requests on PostgreSQL', () => suite('postgres'));

describe.skipIf(redis.missing)(`requests on Redis${redis.reason}`, () => suite('redis'));
