import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildApi } from '../../src/api/app.ts';
import { openAuthenticator } from '../../src/engine/authenticate.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** An account that is suspended while its people and programs are at work; two API processes, which share the database. */

const ADMIN_KEY = 'the-key-of-the-settings';
const PASSWORD = 'correct horse battery';

let sheaf: TestSheaf;
let apis: FastifyInstance[];

beforeAll(async () => {
  sheaf = await openTestSheaf();
  const { services } = sheaf;
  const api = () =>
    buildApi({
      ...services,
      authenticator: openAuthenticator({
        ...services,
        adminKey: ADMIN_KEY,
        limits: services.settings.accountLimits,
      }),
    });
  apis = [await api(), await api()];
});
afterAll(async () => {
  for (const api of apis) await api.close();
  await sheaf.close();
});

const request = (
  method: InjectOptions['method'],
  url: string,
  { key = ADMIN_KEY, payload, api = 0 }: { key?: string; payload?: object; api?: number } = {},
) =>
  apis[api]!.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}` },
    ...(payload && { payload }),
  });

it('keys, sessions and signing in stop at once in every process, and come back', async () => {
  const admin = { username: 'ada', password: PASSWORD };
  const made = await request('POST', '/admin/accounts', { payload: { name: 'acme', admin } });
  const url = `/admin/accounts/${made.json().account}`;
  const signIn = (api: number) =>
    request('POST', '/auth/token', {
      api,
      payload: { username: 'ADA', password: PASSWORD, account: 'acme' },
    });
  const session = (await signIn(0)).json();
  const key = (
    await request('POST', '/api-keys', { key: session.token, payload: { name: 'nightly', role: 'operator' } })
  ).json().key;
  const refresh = (api: number) =>
    request('POST', '/auth/refresh', { api, payload: { refresh_token: session.refresh_token } });
  const tries = async () => {
    const answers = [];
    for (const api of [0, 1]) {
      answers.push(await request('GET', '/batches', { key: session.token, api }));
      answers.push(await request('GET', '/batches', { key, api }));
      answers.push(await signIn(api));
    }
    return answers;
  };

  for (const answer of await tries()) expect(answer.statusCode).toBe(200);
  const me = (await request('GET', '/me', { key: session.token })).json();
  await request('PATCH', url, { payload: { suspended: true } });
  for (const answer of await tries()) {
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'account_suspended']);
  }
  expect((await refresh(1)).statusCode).not.toBe(200);
  // Nobody learns of it who does not know the password.
  const wrong = { username: 'ada', password: 'wrong horse battery', account: 'acme' };
  expect((await request('POST', '/auth/token', { payload: wrong })).json().code).toBe('sign_in_failed');
  // Nor is anything done on behalf of them that was begun before.
  const { principals } = sheaf.services;
  expect(await principals.rightsOf(made.json().account, me.principal)).toBeNull();
  // Its admin cannot let it go on.
  const own = await request('PATCH', url, { key: session.token, payload: { suspended: false } });
  expect(own.statusCode).toBe(403);
  // Others work on.
  expect((await request('GET', '/batches')).statusCode).toBe(200);

  await request('PATCH', url, { payload: { suspended: false } });
  for (const answer of await tries()) expect(answer.statusCode).toBe(200);
});

it('the admin of an account is nobody under /admin', async () => {
  const admin = { username: 'eve', password: PASSWORD };
  await request('POST', '/admin/accounts', { payload: { name: 'globex', admin } });
  const payload = { username: 'eve', password: PASSWORD, account: 'globex' };
  const { token } = (await request('POST', '/auth/token', { payload })).json();
  for (const url of ['/admin/batches', '/admin/accounts', '/admin/audit', '/admin/audit/export']) {
    const answer = await request('GET', url, { key: token });
    expect([url, answer.statusCode, answer.json().code]).toEqual([url, 403, 'forbidden']);
  }
  expect((await request('GET', '/users', { key: token })).json().items.length).toBe(1);
});
