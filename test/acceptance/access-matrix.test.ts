import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serveApi } from '../../src/api/serve.ts';
import { PERMISSIONS } from '../../src/core/access.ts';
import { ROLES, type RoleName, type RouteRule, RULES, ruleOf } from '../support/access/routes.ts';
import { addKey, addRole, addTenant, type Tenant, type Things } from '../support/access/tenants.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Every route of the OpenAPI document × every role × what belongs to another account. */

interface DocumentedRoute {
  /** `GET /batches/{batch}` */
  name: string;
  permission: string | null;
}

const ADMIN_KEY = 'the-admin-key-of-this-test';

let sheaf: TestSheaf;
let api: { url: string; close(): Promise<void> };
let routes: DocumentedRoute[];
let own: Tenant;
let foreign: Tenant;
/** A key of `own` for each role, and one of each account's admin. */
const keys = {} as Record<RoleName | 'administrator' | 'stranger', string>;
let tenants = 0;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  api = await serveApi(sheaf.services, { adminKey: ADMIN_KEY, host: '127.0.0.1', port: 0 });
  const { paths } = (await (await fetch(`${api.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { 'x-permission': string | null }>>;
  };
  routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      permission: operation['x-permission'],
    })),
  );
  keys.administrator = (
    await addKey(sheaf.sql, sheaf.caller.accountId, { name: 'administrator', role: 'admin' })
  ).key;
});
afterAll(async () => {
  await api?.close();
  await sheaf?.close();
});

/** Each test has accounts of its own: what one deletes, the next one needs. */
beforeEach(async () => {
  tenants += 1;
  own = await addTenant(sheaf, `own-${tenants}`);
  foreign = await addTenant(sheaf, `foreign-${tenants}`);
  await addRole(sheaf.sql, own.id, 'nothing', [{ effect: 'deny', actions: ['*'] }]);
  for (const role of ROLES) keys[role] = (await addKey(sheaf.sql, own.id, { name: role, role })).key;
  keys.stranger = (await addKey(sheaf.sql, foreign.id, { name: 'stranger', role: 'admin' })).key;
});

interface Answer {
  status: number;
  code: string | undefined;
  text: string;
}

async function ask(route: string, rule: RouteRule, things: Things, key: string | null): Promise<Answer> {
  const { url, body } = rule.request(things);
  const response = await fetch(`${api.url}${url}`, {
    method: route.split(' ')[0]!,
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    // Of a stream the first bytes say enough.
    signal: AbortSignal.timeout(20_000),
  });
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    await response.body?.cancel();
    return { status: response.status, code: undefined, text: '' };
  }
  const text = await response.text();
  const isProblem = response.headers.get('content-type')?.includes('problem+json') ?? false;
  return { status: response.status, code: isProblem ? JSON.parse(text).code : undefined, text };
}

/** What the caller was told as far as access goes. */
function outcome({ status, code }: Answer): 'unauthenticated' | 'forbidden' | 'let in' {
  expect(status, `an error of our own: ${code}`).toBeLessThan(500);
  if (status === 401 && code === 'unauthenticated') return 'unauthenticated';
  return status === 403 && code === 'forbidden' ? 'forbidden' : 'let in';
}

const isLetIn = ({ access }: RouteRule, who: RoleName): boolean =>
  access === 'open' || access === 'known' || (Array.isArray(access) && access.includes(who));

/** All that an account has, as it is in the database. */
async function stateOf({ id }: Tenant): Promise<string> {
  const { sql } = sheaf;
  const tables = await sql<{ name: string }[]>`
    select table_name as name from information_schema.columns
    where table_schema = 'public' and column_name = 'account_id' and table_name <> 'audit_log' order by 1`;
  const rows = await Promise.all(
    tables.map(async ({ name }) => [
      name,
      // When a key was last used is not a change of what there is.
      await sql`
        select (to_jsonb(t) - 'last_used_at')::text as row from ${sql(name)} t where account_id = ${id} order by 1`,
    ]),
  );
  const [account] = await sql`select * from accounts where id = ${id}`;
  return JSON.stringify([account, rows]);
}

it('has a rule for each route, and no rule for any other', () => {
  const documented = routes.map(({ name }) => name);
  expect(
    documented.filter((name) => ruleOf(name) === undefined),
    'routes without a rule',
  ).toEqual([]);
  expect(
    Object.keys(RULES).filter((name) => !documented.includes(name)),
    'rules of no route',
  ).toEqual([]);
});

it('knows what each route answers that names a thing of another account', () => {
  const naming = routes.map(({ name }) => name).filter((name) => name.includes('{'));
  // Operations are everybody's, and whoever administers reaches into all accounts.
  const ofAnAccount = naming.filter((name) => !/^[A-Z]+ \/(?:operations|admin)\//.test(name));
  expect(ofAnAccount.filter((name) => ruleOf(name)?.missing === undefined)).toEqual([]);
  expect(ofAnAccount.length).toBeGreaterThan(15);
});

it('uses every permission, and documents who needs none', () => {
  const used = new Set(routes.map(({ permission }) => permission));
  expect(PERMISSIONS.filter((name) => !used.has(name))).toEqual([]);
  for (const { name, permission } of routes) {
    expect([name, permission === null], name).toEqual([name, ruleOf(name)?.access === 'open']);
  }
});

describe('without a key that is known', () => {
  it.each([
    ['none', null],
    ['a made-up API key', `sheaf_${'A'.repeat(43)}`],
    ['a token that nobody signed', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.'],
  ])('(%s) only the open routes answer', async (_, key) => {
    for (const { name } of routes) {
      const rule = ruleOf(name)!;
      const told = outcome(await ask(name, rule, own.things, key));
      expect([name, told]).toEqual([name, rule.access === 'open' ? 'let in' : 'unauthenticated']);
    }
  });
});

describe.each(ROLES)('as %s', (role) => {
  it('every route lets in whom it should, and nobody else', async () => {
    const told: [string, string][] = [];
    // What removes comes last, so that the rest still finds what it names.
    for (const { name } of inOrder(routes)) {
      told.push([name, outcome(await ask(name, ruleOf(name)!, own.things, keys[role]))]);
    }
    expect(told).toEqual(
      inOrder(routes).map(({ name }) => [name, isLetIn(ruleOf(name)!, role) ? 'let in' : 'forbidden']),
    );
  });
});

const inOrder = (all: readonly DocumentedRoute[]) =>
  [...all].sort((a, b) => Number(a.name.startsWith('DELETE')) - Number(b.name.startsWith('DELETE')));

it('lets admins of the account that administers into every route', async () => {
  for (const { name } of inOrder(routes)) {
    const answer = await ask(name, ruleOf(name)!, own.things, keys.administrator);
    const told = ruleOf(name)?.access === 'session' ? 'forbidden' : 'let in';
    expect([name, outcome(answer)]).toEqual([name, told]);
  }
});

describe('what belongs to another account', () => {
  const unknown = (): Things => {
    const id = randomUUID();
    const all = { upload: id, freeUpload: id, batch: id, user: id, apiKey: id, account: id, cohort: id };
    return { ...all, role: 'not_there', exam: 'not-there', course: 'not there' };
  };

  it('is answered as what is not there, and stays as it is', async () => {
    const before = await stateOf(foreign);
    for (const { name } of inOrder(routes)) {
      const rule = ruleOf(name)!;
      if (rule.missing === undefined) continue;
      const theirs = await ask(name, rule, foreign.things, keys.admin);
      expect([name, theirs.status, theirs.code]).toEqual([name, 404, rule.missing]);
      const nobodys = unknown();
      const not = await ask(name, rule, nobodys, keys.admin);
      // Word for word the same, but for the id that was asked for and that of the request.
      expect(neutral(theirs, rule.request(foreign.things))).toEqual(neutral(not, rule.request(nobodys)));
    }
    expect(await stateOf(foreign)).toBe(before);
  });

  function neutral({ text }: Answer, asked: { url: string; body?: unknown }) {
    const { request_id: _id, ...problem } = JSON.parse(text);
    const named = `${asked.url} ${JSON.stringify(asked.body)}`.match(
      /[0-9a-f-]{36}|[\w-]*(?:not|foreign)[\w-]*/g,
    );
    let told = JSON.stringify(problem);
    for (const name of named ?? []) told = told.replaceAll(name, '…');
    return told;
  }

  it('is in no list, whatever is searched for', async () => {
    const lists = routes.filter(({ name }) => ruleOf(name)?.lists);
    expect(lists.length).toBeGreaterThan(5);
    for (const { name } of lists) {
      const rule = ruleOf(name)!;
      const mine = await ask(name, rule, own.things, keys.admin);
      const theirs = await ask(name, rule, foreign.things, keys.stranger);
      expect([mine.status, theirs.status], name).toEqual([200, 200]);
      for (const id of Object.values(foreign.things)) expect(mine.text, name).not.toContain(id);
      // It would be found: whoever owns it does.
      const found = Object.values(foreign.things).filter((id) => theirs.text.includes(id));
      expect(found.length, `${name} lists nothing`).toBeGreaterThan(0);
    }
    const { batch } = foreign.things;
    for (const query of [`search=${batch}`, `search=${foreign.id}`, `metadata.of=${foreign.id}`]) {
      const search: RouteRule = { access: 'known', request: () => ({ url: `/batches?${query}` }) };
      expect((await ask('GET /batches', search, own.things, keys.admin)).text).not.toContain(batch);
      expect((await ask('GET /batches', search, own.things, keys.stranger)).text).toContain(batch);
    }
  });

  it('cannot be named in a body', async () => {
    const before = await stateOf(foreign);
    const { role, cohort, exam, account } = foreign.things;
    const tries: [string, unknown, number, string][] = [
      ['/users', { username: 'eve', password: 'a long enough one', role }, 422, 'invalid_request'],
      ['/api-keys', { name: 'eve', role }, 422, 'invalid_request'],
      // Nobody says whose something is.
      [
        '/users',
        { username: 'eve', password: 'a long enough one', role: 'viewer', account },
        422,
        'invalid_request',
      ],
      [
        '/users',
        { username: 'eve', password: 'a long enough one', role: 'viewer', account_id: account },
        422,
        'invalid_request',
      ],
      ['/api-keys', { name: 'eve', role: 'viewer', account_id: account }, 422, 'invalid_request'],
      [
        '/roles',
        { name: 'eve', statements: [{ effect: 'allow', actions: ['*'] }], account_id: account },
        422,
        'invalid_request',
      ],
      ['/uploads', { account_id: account }, 422, 'invalid_request'],
      ['/operations/update_cohort', { cohort_id: cohort, name: 'Mine' }, 422, 'cohort_not_found'],
      ['/operations/publish_cohort', { cohort_id: cohort }, 422, 'cohort_not_found'],
      ['/operations/delete_cohort', { cohort_id: cohort }, 422, 'cohort_not_found'],
      ['/operations/enroll_learner', { cohort_id: cohort, learner_id: 'eve' }, 422, 'cohort_not_found'],
      ['/operations/withdraw_learner', { cohort_id: cohort, learner_id: 'eve' }, 422, 'cohort_not_found'],
      ['/operations/update_exam', { slug: exam, title: 'Mine' }, 422, 'exam_not_found'],
    ];
    for (const [url, body, status, code] of tries) {
      const rule: RouteRule = { access: 'known', request: () => ({ url, body }) };
      const answer = await ask('POST', rule, own.things, keys.admin);
      expect([url, body, answer.status, answer.code]).toEqual([url, body, status, code]);
    }
    expect(await stateOf(foreign)).toBe(before);
  });

  it('is not answered under an Idempotency-Key of another account', async () => {
    const send = (key: string) =>
      fetch(`${api.url}/uploads`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'idempotency-key': 'one',
        },
        body: '{}',
      });
    const mine = (await (await send(keys.admin)).json()) as { handler: string };
    const again = (await (await send(keys.admin)).json()) as { handler: string };
    const theirs = (await (await send(keys.stranger)).json()) as { handler: string };
    expect(again.handler).toBe(mine.handler);
    expect(theirs.handler).not.toBe(mine.handler);
  });
});
