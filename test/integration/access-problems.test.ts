import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serveApi } from '../../src/api/serve.ts';
import { REQUEST_ERRORS } from '../../src/core/errors.ts';
import type { OnRealParts } from '../support/access/real-problems.ts';
import { addKey, addTenant, addUser, type Tenant } from '../support/access/tenants.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** How the codes are reached that take accounts, users and limits. */

const NOBODY = '0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11';

let sheaf: TestSheaf;
let api: { url: string; close(): Promise<void> };
let tenant: Tenant;
let key: string;
let administrator: string;
let tenants = 0;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  api = await serveApi(sheaf.services, {
    adminKey: 'the-admin-key-of-this-test',
    host: '127.0.0.1',
    port: 0,
  });
  administrator = (await addKey(sheaf.sql, sheaf.caller.accountId, { name: 'administrator', role: 'admin' }))
    .key;
});
afterAll(async () => {
  await api?.close();
  await sheaf?.close();
});
beforeEach(async () => {
  tenants += 1;
  tenant = await addTenant(sheaf, `tenant-${tenants}`);
  key = (await addKey(sheaf.sql, tenant.id, { name: 'admin', role: 'admin' })).key;
});

async function send(method: string, path: string, body?: unknown, as: string | null = key) {
  return await fetch(`${api.url}${path}`, {
    method,
    headers: {
      ...(as !== null && { authorization: `Bearer ${as}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

const limited = (limits: object) => send('PATCH', `/admin/accounts/${tenant.id}`, { limits }, administrator);

const signIn = (username: string) =>
  send('POST', '/auth/token', { username, password: 'not the right one', account: tenant.name }, null);

const REACHED: Record<OnRealParts, [number, () => Promise<Response>]> = {
  sign_in_failed: [401, () => signIn('nobody')],
  refresh_token_invalid: [
    401,
    () => send('POST', '/auth/refresh', { refresh_token: `sheafr_${'A'.repeat(43)}` }, null),
  ],
  account_suspended: [
    403,
    async () => {
      await send('PATCH', `/admin/accounts/${tenant.id}`, { suspended: true }, administrator);
      return await send('GET', '/batches');
    },
  ],
  user_not_found: [404, () => send('GET', `/users/${NOBODY}`)],
  role_not_found: [404, () => send('GET', '/roles/nowhere')],
  api_key_not_found: [404, () => send('DELETE', `/api-keys/${NOBODY}`)],
  account_not_found: [404, () => send('GET', `/admin/accounts/${NOBODY}`, undefined, administrator)],
  name_taken: [409, () => send('POST', '/api-keys', { name: 'ADMIN', role: 'viewer' })],
  role_built_in: [409, () => send('DELETE', '/roles/viewer')],
  role_in_use: [
    409,
    async () => {
      await send('PATCH', `/users/${tenant.things.user}`, { role: tenant.things.role });
      return await send('DELETE', `/roles/${tenant.things.role}`);
    },
  ],
  last_admin: [
    409,
    async () => {
      const admin = await addUser(sheaf.sql, tenant.id, 'the-only-one', 'admin');
      return await send('DELETE', `/users/${admin}`);
    },
  ],
  account_administers: [
    409,
    () => send('PATCH', `/admin/accounts/${sheaf.caller.accountId}`, { suspended: true }, administrator),
  ],
  storage_full: [
    409,
    async () => {
      await limited({ stored_bytes: 10 });
      return await send('POST', '/uploads', { size: 11 });
    },
  ],
  too_many_batches: [
    429,
    async () => {
      await limited({ batches: 0 });
      const ticket = (await (await send('POST', '/uploads')).json()) as { url: string; handler: string };
      await fetch(ticket.url, { method: 'PUT', body: 'learner_id,email\nada,ada@example.org\n' });
      return await send('POST', '/batches', { handler: ticket.handler, operation: 'create_learner' });
    },
  ],
  sign_in_locked: [
    429,
    async () => {
      for (let attempt = 1; attempt <= 6; attempt += 1) await signIn('somebody');
      return await signIn('somebody');
    },
  ],
};

describe('every code that takes accounts', () => {
  it.each(Object.entries(REACHED))('%s is answered as a problem', async (code, [status, ask]) => {
    const response = await ask();
    expect(await response.json()).toMatchObject({
      type: `urn:sheaf:error:${code}`,
      title: REQUEST_ERRORS[code as OnRealParts].title,
      status,
      code,
      detail: expect.stringMatching(/\w/),
      request_id: response.headers.get('x-request-id'),
    });
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.status).toBe(status);
    const retryAfter = Number(response.headers.get('retry-after') ?? 0);
    expect(retryAfter > 0, 'says when to try again').toBe(status === 429);
  });
});
