import { randomBytes, randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { serveApi } from '../../src/api/serve.ts';
import { openServices, type Services } from '../../src/services.ts';
import { startWorkers } from '../../workers/start-workers.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/**
 * That no secret gets out by a way that it has no business on: everything is done with secrets that people do with
 * them, rightly and wrongly, while all that is logged is kept; then they are looked for. The log is at `trace`, and
 * nothing is taken out of it on the way.
 */

const secret = (prefix: string) => `${prefix}${randomBytes(24).toString('base64url')}`;

const ADMIN_KEY = secret('sheaf_');

/** By what each is, so that a failure tells which, and not the secret. */
const SECRETS = new Map<string, string>([['admin key', ADMIN_KEY]]);
/** All that was answered and is no place for a secret. */
const answers: string[] = [];
const logged: string[] = [];
const closers: (() => Promise<unknown>)[] = [];

let sheaf: TestSheaf;
/** With a database user whose password can be told from other words. */
let locations: TestSheaf['locations'];
let admin: postgres.Sql;
let url: string;

const log = pino(
  { level: 'trace' },
  new Writable({
    write(chunk, _encoding, done) {
      logged.push(String(chunk));
      done();
    },
  }),
);

async function serve(change: (services: Services) => Services = (it) => it): Promise<string> {
  const services = await openServices(sheaf.config, locations, log);
  const api = await serveApi(change(services), { adminKey: ADMIN_KEY, host: '127.0.0.1', port: 0 });
  closers.unshift(
    () => api.close(),
    () => services.close(),
  );
  return api.url;
}

beforeAll(async () => {
  sheaf = await openTestSheaf();
  const { credentials } = sheaf.locations.s3;
  SECRETS.set('S3 key', credentials!.secretAccessKey);
  admin = postgres(inject('postgresUrl'), { max: 1, onnotice: () => undefined });
  const databaseUrl = new URL(sheaf.locations.databaseUrl);
  databaseUrl.username = `u_${randomBytes(6).toString('hex')}`;
  databaseUrl.password = learn('database password', randomBytes(24).toString('hex'));
  await admin.unsafe(
    `create role ${databaseUrl.username} superuser login password '${databaseUrl.password}'`,
  );
  locations = { ...sheaf.locations, databaseUrl: databaseUrl.href };
  const services = await openServices(sheaf.config, locations, log);
  const workers = await startWorkers(services, sheaf.config);
  closers.push(
    () => workers.stop(),
    () => services.close(),
  );
  url = await serve();
});
afterAll(async () => {
  for (const close of closers.splice(0)) await close();
  await sheaf?.close();
  await admin?.unsafe(`drop role ${new URL(locations.databaseUrl).username}`);
  await admin?.end();
});

interface Sent {
  method?: string;
  body?: unknown;
  key?: string | undefined;
  headers?: Record<string, string>;
  /** The answer is where a secret is told, once: it is not looked through. */
  tells?: boolean;
  at?: string;
}

/** Sends a request, and keeps what is answered. */
// biome-ignore lint/suspicious/noExplicitAny: answers of many kinds are looked into, and a wrong one fails the test.
async function ask(path: string, sent: Sent = {}): Promise<{ status: number; body: any }> {
  const {
    method = sent.body === undefined ? 'GET' : 'POST',
    body,
    key = ADMIN_KEY,
    headers,
    at = url,
  } = sent;
  const response = await fetch(at + path, {
    method,
    redirect: 'manual',
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!sent.tells || response.status >= 400) answers.push(JSON.stringify([...response.headers]), text);
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

function learn(name: string, value: string): string {
  expect(value.length).toBeGreaterThanOrEqual(8);
  SECRETS.set(`${name} ${SECRETS.size}`, value);
  return value;
}

function learnUrl(name: string, presigned: string): string {
  learn(`signature of ${name}`, new URL(presigned).searchParams.get('X-Amz-Signature')!);
  return presigned;
}

async function makeUser(): Promise<{ name: string; password: string }> {
  const user = { name: `ada-${randomUUID().slice(0, 8)}`, password: learn('password', secret('pw-')) };
  const body = { username: user.name, password: user.password, role: 'admin' };
  expect((await ask('/users', { body })).status).toBe(201);
  return user;
}

async function signIn(username: string, password: string, wanted = 200) {
  const { status, body } = await ask('/auth/token', { body: { username, password }, tells: true, key: '' });
  expect(status).toBe(wanted);
  if (status !== 200) return { token: '', refresh: '' };
  return { token: learn('token', body.token), refresh: learn('refresh token', body.refresh_token) };
}

it('users and keys are made and used, rightly and wrongly', async () => {
  const { name, password } = await makeUser();
  const { token, refresh } = await signIn(name, password);
  expect((await ask('/me', { key: token })).status).toBe(200);

  const wrong = learn('wrong password', secret('wrong-'));
  await signIn(name, wrong, 401);
  await signIn(`nobody-${randomUUID()}`, wrong, 401);
  // Where a password is typed for the name.
  const typed = learn('password as a name', secret('typed-'));
  await signIn(typed, wrong, 401);

  const again = await ask('/auth/refresh', { body: { refresh_token: refresh }, tells: true });
  expect(again.status).toBe(200);
  learn('token', again.body.token);
  learn('refresh token', again.body.refresh_token);
  // The second use ends the session.
  expect((await ask('/auth/refresh', { body: { refresh_token: refresh }, tells: true })).status).toBe(401);

  const changed = learn('new password', secret('new-'));
  const session = await signIn(name, password);
  const change = { current_password: password, new_password: changed };
  expect((await ask('/me/password', { body: change, key: session.token })).status).toBe(204);
  const refused = { current_password: learn('wrong password', secret('no-')), new_password: changed };
  expect((await ask('/me/password', { body: refused, key: session.token })).status).toBeGreaterThanOrEqual(
    400,
  );
  expect((await ask('/auth/sign-out', { method: 'POST', key: session.token })).status).toBe(204);
  expect((await ask('/me', { key: session.token })).status).toBe(401);

  const made = await ask('/api-keys', { body: { name: 'nightly', role: 'admin' }, tells: true });
  expect(made.status).toBe(201);
  const key = learn('API key', made.body.key);
  expect((await ask('/batches', { key })).status).toBe(200);
  await ask(`/api-keys/${made.body.api_key}`);
  expect((await ask(`/api-keys/${made.body.api_key}`, { method: 'DELETE' })).status).toBe(204);
  expect((await ask('/batches', { key })).status).toBe(401);
});

it('files are uploaded, and results fetched', async () => {
  const made = await ask('/uploads', {
    body: { filename: 'learners.csv' },
    tells: true,
    headers: { 'idempotency-key': 'once' },
  });
  const put = learnUrl('an upload', made.body.url);
  await fetch(put, { method: 'PUT', headers: made.body.headers, body: 'learner_id,name\na,Ada\n' });
  const parts = await ask('/uploads', { body: { filename: 'large.csv', parts: 2 }, tells: true });
  expect(parts.status).toBe(201);
  for (const part of parts.body.parts) learnUrl('a part', part.url);

  const batch = await ask('/batches', { body: { handler: made.body.handler, operation: 'create_learner' } });
  expect(batch.status).toBe(201);
  const path = `/batches/${batch.body.batch}`;
  await expect.poll(async () => (await ask(path)).body.results_ready, { timeout: 60_000 }).toBe(true);
  const results = await ask(`${path}/results`, { tells: true });
  for (const file of results.body.files) learnUrl(file.kind, file.url);
  await ask('/batches');
  expect((await ask(path, { method: 'DELETE' })).status).toBe(202);
});

it('secrets are sent to where they do not belong', async () => {
  const odd = learn('misplaced secret', secret('odd-'));
  const attempts: [string, Sent][] = [
    ['/users', { body: { username: 'x', pasword: odd, role: 'admin' } }],
    ['/users', { body: { username: 'grace', password: odd, role: 'nobody' } }],
    ['/users', { body: { username: 'grace', password: { value: odd }, role: 'admin' } }],
    ['/users', { body: { username: 'grace', password: odd.repeat(100), role: 'admin' } }],
    ['/users', { body: `{"username":"grace","password":"${odd}","role"` }],
    ['/users', { body: `{"password":"${odd}","password":"${odd}"}` }],
    ['/users', { body: `password=${odd}`, headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    ['/auth/token', { body: { username: 'grace', password: odd, totp: odd } }],
    ['/auth/token', { body: { username: odd, password: 5 } }],
    ['/auth/token', { body: [odd] }],
    ['/auth/token', { body: `"${odd}` }],
    ['/auth/refresh', { body: { refresh_token: odd } }],
    ['/auth/refresh', { body: { refresh_token: learn('refresh token', secret('sheafr_')) } }],
    ['/me/password', { body: { current_password: odd, new_password: odd } }],
    ['/api-keys', { body: { name: 'x', role: 'admin', key: odd } }],
    ['/batches', { key: odd }],
    ['/batches', { key: learn('unknown key', `sheaf_${randomBytes(32).toString('base64url')}`) }],
    ['/batches', { key: learn('unknown token', `${odd}.${odd}.${odd}`) }],
    [
      '/batches',
      { headers: { 'x-api-key': odd, cookie: `token=${odd}`, 'proxy-authorization': `Basic ${odd}` } },
    ],
    [`/batches?search=${odd}`, {}],
    [`/health/live?token=${odd}`, {}],
    ['/uploads', { body: {}, headers: { 'idempotency-key': odd } }],
    ['/batches', { body: { handler: 'x', operation: 'create_learner', settings: { token: odd } } }],
    ['/nowhere', { body: { password: odd } }],
  ];
  for (const [path, sent] of attempts)
    await ask(path, { ...sent, tells: (sent.method ?? 'POST') === 'POST' });
});

it('what is behind it fails', async () => {
  const failing = new Error('the store is not as it should be');
  const broken = await serve((services) => ({
    ...services,
    account: (actor) => ({
      ...services.account(actor),
      uploads: new Proxy({} as never, { get: () => () => Promise.reject(failing) }),
    }),
  }));
  const body = { username: 'lin', password: learn('password', secret('pw-')), role: 'viewer' };
  expect((await ask('/uploads', { at: broken, body: { filename: 'a' } })).status).toBe(500);

  const name = sheaf.locations.s3.bucket.replace('-', '_');
  await admin`alter database ${admin(name)} allow_connections false`;
  await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
  try {
    expect((await ask('/users', { body })).status).toBe(503);
    expect((await ask('/auth/token', { body: { username: 'lin', password: body.password } })).status).toBe(
      503,
    );
    expect((await ask('/health/ready')).status).toBe(503);
  } finally {
    await admin`alter database ${admin(name)} allow_connections true`;
  }
  await expect.poll(async () => (await ask('/batches')).status, { timeout: 60_000 }).toBe(200);
});

it('and none of them is where it has no business', async () => {
  expect(SECRETS.size).toBeGreaterThan(25);
  const audit = JSON.stringify(await sheaf.sql`select * from audit_log`);
  expect(audit).toContain('sign_in_failed');
  const { status, body } = await ask('/admin/audit?limit=100');
  expect(status).toBe(200);
  expect(body.items.length).toBeGreaterThan(5);
  for (const path of ['/users', '/roles', '/api-keys', '/me', '/admin/accounts', '/metrics']) await ask(path);
  const tables = await Promise.all(
    [
      'users',
      'api_keys',
      'sessions',
      'refresh_tokens',
      'signing_keys',
      'sign_in_failures',
      'batches',
      'uploads',
    ].map(async (table) => JSON.stringify(await sheaf.sql`select * from ${sheaf.sql(table)}`)),
  );
  expect(logged.length).toBeGreaterThan(100);
  const places = { log: logged.join(''), answers: answers.join('\n'), audit, tables: tables.join('\n') };
  const found = Object.entries(places).flatMap(([place, text]) =>
    [...SECRETS].filter(([, value]) => text.includes(value)).map(([name]) => `${name} is in the ${place}`),
  );
  expect(found).toEqual([]);
});
