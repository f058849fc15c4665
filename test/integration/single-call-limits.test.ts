import Fastify, { type FastifyInstance } from 'fastify';
import Type from 'typebox';
import { v4 as uuidv4 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, type Sql } from '../../src/adapters/postgres/connect.ts';
import { postgresLimitStore } from '../../src/adapters/postgres/limit-store.ts';
import { countSingleCall } from '../../src/api/limit-single-call.ts';
import { answerErrorsAsProblems } from '../../src/api/plugins/errors.ts';
import { tellRateLimit } from '../../src/api/rate-limit-headers.ts';
import type { RequestLimit } from '../../src/core/account-limits.ts';
import type { OperationLimits } from '../../src/core/limits.ts';
import { defineOperation } from '../../src/core/operation.ts';
import { AMPLE, testCaller } from '../support/caller.ts';
import { createTestDatabase, type TestDatabase } from '../support/sheaf.ts';

/** Single calls of two API processes on one database. */

const ACCOUNT = uuidv4();

let database: TestDatabase;
const connections: Sql[] = [];
const apis: FastifyInstance[] = [];

/** Publishing, as the training pack has it; fewer are less to wait for. */
const RATE = { records: 5, seconds: 60, per: 'account', lockSeconds: 300 } as const;

const operation = (limits: OperationLimits, name = 'publish') =>
  defineOperation({
    name,
    version: 1,
    title: 'Publish',
    description: 'Publishes something.',
    input: Type.Object({ value: Type.String() }, { additionalProperties: false }),
    output: Type.Object({}),
    failures: {},
    limits,
    run: async () => [],
  });

const OPERATIONS = {
  publish: operation({ rate: RATE }),
  publish_all: operation({ rate: { ...RATE, per: 'operation' } }, 'publish_all'),
  free: operation({}, 'free'),
};

/** What an admin has set for the account that calls, by operation. */
const set = new Map<string, RequestLimit>();

beforeAll(async () => {
  database = await createTestDatabase();
  for (const _ of [1, 2]) {
    const sql = connect(database.url, { max: 4, name: 'test' });
    connections.push(sql);
    const limits = postgresLimitStore({ sql, leaseSeconds: 30 });
    const api = Fastify();
    answerErrorsAsProblems(api);
    api.post<{ Params: { name: keyof typeof OPERATIONS }; Querystring: { account?: string } }>(
      '/operations/:name',
      async (request, reply) => {
        const { account = ACCOUNT } = request.query;
        const requests = { ...AMPLE.requests, ...Object.fromEntries(set) };
        const caller = testCaller({ accountId: account, limits: { ...AMPLE, requests } });
        const counted = await countSingleCall(limits, OPERATIONS[request.params.name], caller);
        if (counted !== null) tellRateLimit(reply, counted);
        return { status: 'succeeded' };
      },
    );
    apis.push(api);
  }
});
afterAll(async () => {
  await Promise.all(apis.map((api) => api.close()));
  await Promise.all(connections.map((sql) => sql.end()));
  await database.drop();
});
beforeEach(async () => {
  set.clear();
  await connections[0]!`truncate limit_rates`;
});

const call = (n: number, name = 'publish', account = ACCOUNT) =>
  apis[n % 2]!.inject({ method: 'POST', url: `/operations/${name}?account=${account}` });

/** The parameters of the one item of a header, by name. */
function parameters(header: unknown): Record<string, number> {
  const [name, ...rest] = String(header).split(';');
  expect(name).toMatch(/^"publish(_all)?"$/);
  return Object.fromEntries(rest.map((text) => [text.split('=')[0]!, Number(text.split('=')[1])]));
}

describe('a single call', () => {
  it('is told the rate and what is left of it', async () => {
    const first = await call(0);
    expect(first.statusCode).toBe(200);
    expect(first.headers['ratelimit-policy']).toBe('"publish";q=5;w=60');
    const { r, t } = parameters(first.headers.ratelimit);
    expect(r).toBe(4);
    expect(t).toBeGreaterThanOrEqual(59);
    expect(t).toBeLessThanOrEqual(63);
    expect(parameters((await call(1)).headers.ratelimit).r).toBe(3);
  });

  it('is refused when nothing is left, by every process, with the time until it is taken again', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => call(n)));
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(5);
    const refused = answers.filter(({ statusCode }) => statusCode !== 200);
    for (const answer of refused) {
      expect(answer.statusCode).toBe(429);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.json()).toMatchObject({ code: 'rate_limited', type: 'urn:sheaf:error:rate_limited' });
      expect(answer.headers['ratelimit-policy']).toBe('"publish";q=5;w=60');
      const { r, t } = parameters(answer.headers.ratelimit);
      expect(r).toBe(0);
      const after = Number(answer.headers['retry-after']);
      expect(after).toBeGreaterThan(290);
      expect(after).toBeLessThanOrEqual(300);
      expect(t).toBeGreaterThanOrEqual(after);
    }
  });

  it('stays refused until the lock is over, though the rate is there again', async () => {
    const [sql] = connections;
    await Promise.all(Array.from({ length: 6 }, (_, n) => call(n)));
    const pass = (seconds: number) => sql!`
      update limit_rates set slice_at = slice_at - make_interval(secs => ${seconds}),
        locked_until = locked_until - make_interval(secs => ${seconds})`;
    await pass(200);
    const refused = await call(0);
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(100);
    await pass(101);
    expect((await call(1)).statusCode).toBe(200);
  });

  it('counts for its account alone, unless all share the rate', async () => {
    for (let n = 0; n < 6; n += 1) await call(n);
    expect((await call(0)).statusCode).toBe(429);
    expect((await call(0, 'publish', uuidv4())).statusCode).toBe(200);

    for (let n = 0; n < 5; n += 1) expect((await call(n, 'publish_all', uuidv4())).statusCode).toBe(200);
    expect((await call(0, 'publish_all', uuidv4())).statusCode).toBe(429);
  });

  it('counts by what is set for its account, in the place of the operation’s own rate', async () => {
    set.set('publish', { perMinute: 2, lockSeconds: 600 });
    expect((await call(0)).headers['ratelimit-policy']).toBe('"publish";q=2;w=60');
    expect((await call(1)).statusCode).toBe(200);
    const refused = await call(0);
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(590);

    set.set('publish', { perMinute: 8, lockSeconds: 0 });
    const other = uuidv4();
    for (let n = 0; n < 8; n += 1) expect((await call(n, 'publish', other)).statusCode).toBe(200);
    expect((await call(0, 'publish', other)).statusCode).toBe(429);
  });

  it('counts by what all share as well, and is told of what is nearer', async () => {
    set.set('publish_all', { perMinute: 3, lockSeconds: 0 });
    const first = await call(0, 'publish_all');
    expect(first.headers['ratelimit-policy']).toBe('"publish_all";q=3;w=60');
    expect(parameters(first.headers.ratelimit).r).toBe(2);
    for (let n = 0; n < 2; n += 1) await call(n, 'publish_all', uuidv4());
    const next = await call(1, 'publish_all');
    expect(next.headers['ratelimit-policy']).toBe('"publish_all";q=3;w=60');
    const last = await call(0, 'publish_all', uuidv4());
    expect(last.headers['ratelimit-policy']).toBe('"publish_all";q=5;w=60');
    expect(parameters(last.headers.ratelimit).r).toBe(0);
    expect((await call(1, 'publish_all')).headers['ratelimit-policy']).toBe('"publish_all";q=5;w=60');
  });

  it('of an operation without a rate is told nothing', async () => {
    const answer = await call(0, 'free');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).not.toHaveProperty('ratelimit');
    expect(answer.headers).not.toHaveProperty('ratelimit-policy');
  });
});
