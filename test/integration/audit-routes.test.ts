import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApi } from '../../src/api/app.ts';
import type { AuditReader } from '../../src/engine/ports/audit-log.ts';
import { testCaller } from '../support/caller.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** The audit log as it is looked at and exported over HTTP. */

const ENTRIES = 10_000;
const BYTES_OF_ONE = 4000;

let sheaf: TestSheaf;
let app: FastifyInstance;
let port: number;
/** How many pages exports have read, and how many exports have ended. */
const read = { pages: 0, ended: 0 };

beforeAll(async () => {
  sheaf = await openTestSheaf();
  const root = testCaller({ accountId: sheaf.services.accountId, administers: true, user: 'root' });
  const { admin } = sheaf.services;
  app = await buildApi({
    ...sheaf.services,
    admin: { ...admin, audit: counted(admin.audit) },
    authenticator: { authenticate: async () => root },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  port = (app.server.address() as AddressInfo).port;
  await sheaf.sql`
    insert into audit_log (account_id, actor_kind, actor_name, action, target_kind, target_id, after)
    select ${sheaf.services.accountId}, 'user', 'crowd', 'update_batch', 'batch', n::text,
      jsonb_build_object('text', repeat('x', ${BYTES_OF_ONE}))
    from generate_series(1, ${ENTRIES}) n`;
});
afterAll(async () => {
  await app.close();
  await sheaf.close();
});

function counted(audit: AuditReader): AuditReader {
  return {
    list: (page) => audit.list(page),
    async *export(filters) {
      try {
        for await (const page of audit.export(filters)) {
          read.pages += 1;
          yield page;
        }
      } finally {
        read.ended += 1;
      }
    },
  };
}

const list = (query = '') => app.inject({ method: 'GET', url: `/admin/audit${query}` });

function open(path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path, headers: { authorization: 'x' }, agent: false }, resolve).on(
      'error',
      reject,
    );
  });
}

async function lines(response: IncomingMessage): Promise<Record<string, unknown>[]> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk;
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(20);
}

describe('the list', () => {
  it('comes in pages', async () => {
    const first = (await list('?actor=crowd&limit=3')).json();
    expect(first.items.map(({ target }: { target: { id: string } }) => target.id)).toEqual([
      '10000',
      '9999',
      '9998',
    ]);
    const second = (await list(`?actor=crowd&limit=3&cursor=${first.next_cursor}`)).json();
    expect(second.items[0].target.id).toBe('9997');
    const last = (await list('?actor=crowd&target=7')).json();
    expect([last.items.length, last.next_cursor]).toEqual([1, null]);
    expect(last.items[0]).toMatchObject({
      account: { account: sheaf.services.accountId, name: 'default' },
      actor: { kind: 'user', id: null, name: 'crowd', account: null },
      action: 'update_batch',
    });
  });

  it.each([
    'account=x',
    'from=-1',
    'from=abc',
    'before=1e300',
    'search=',
    'nothing=1',
    'limit=101',
    'cursor=x',
    'cursor=MDE',
    'cursor=OTk5OTk5OTk5OTk5OTk5OTk5OQ',
    'target=%00',
    'actor=a&actor=b',
    `search=${'x'.repeat(201)}`,
  ])('?%s is refused, by the export too', async (query) => {
    expect((await list(`?${query}`)).json().code).toBe('invalid_request');
    expect((await list(`/export?${query}`)).json().code).toBe('invalid_request');
  });
});

describe('the export', () => {
  it('has every entry, one a line, newest first', async () => {
    const response = await open('/admin/audit/export?actor=crowd');
    expect(response.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'content-disposition': 'attachment; filename="audit-log.ndjson"',
      'x-content-type-options': 'nosniff',
    });
    const entries = await lines(response);
    expect(entries.length).toBe(ENTRIES);
    expect(entries.map(({ target }) => Number((target as { id: string }).id))).toEqual(
      Array.from({ length: ENTRIES }, (_, n) => ENTRIES - n),
    );
    const [first] = (await list('?actor=crowd&limit=1')).json().items;
    expect(entries[0]).toEqual(first);
  });

  it('is filtered as the list is, down to nothing', async () => {
    expect((await lines(await open('/admin/audit/export?actor=crowd&target=7'))).length).toBe(1);
    const none = await app.inject({ method: 'GET', url: '/admin/audit/export?actor=nobody' });
    expect([none.statusCode, none.body]).toEqual([200, '']);
  });

  it('reads no more than its reader takes', async () => {
    const before = read.pages;
    const response = await open('/admin/audit/export?actor=crowd');
    await until(() => read.pages > before);
    // Nobody takes anything: only what the connection itself holds was read.
    let seen = -1;
    while (seen !== read.pages) {
      seen = read.pages;
      await sleep(500);
    }
    const all = ENTRIES / 500;
    expect(read.pages - before).toBeLessThan(all * 0.8);
    expect((await lines(response)).length).toBe(ENTRIES);
    expect(read.pages - before).toBeGreaterThanOrEqual(all);
  });

  it('stops when its reader goes', async () => {
    const before = { ...read };
    const response = await open('/admin/audit/export?actor=crowd');
    response.on('error', () => undefined);
    await until(() => read.pages > before.pages);
    response.destroy();
    await until(() => read.ended > before.ended);
    expect(read.pages - before.pages).toBeLessThan(ENTRIES / 500);
  });

  it('has little of it in memory at any time, however fast it is taken', async () => {
    const before = read.pages;
    let [bytes, furthest] = [0, 0];
    for await (const chunk of await open('/admin/audit/export?actor=crowd')) {
      bytes += (chunk as Buffer).length;
      furthest = Math.max(furthest, (read.pages - before) * 500 * BYTES_OF_ONE - bytes);
    }
    expect(bytes).toBeGreaterThan(ENTRIES * BYTES_OF_ONE);
    expect(furthest).toBeLessThan(ENTRIES * BYTES_OF_ONE * 0.6);
  });

  it('does not read the log for a HEAD', async () => {
    const before = read.pages;
    const answer = await app.inject({ method: 'HEAD', url: '/admin/audit/export' });
    expect([answer.statusCode, answer.body, answer.headers['content-type']]).toEqual([
      200,
      '',
      'application/x-ndjson',
    ]);
    expect(read.pages).toBe(before);
  });

  it('ends when whoever reads it may not see it any more', async () => {
    const { admin } = sheaf.services;
    const root = testCaller({ accountId: sheaf.services.accountId, administers: true });
    let caller: typeof root | null = root;
    const withdrawn: AuditReader = {
      ...admin.audit,
      async *export(filters) {
        for await (const page of admin.audit.export(filters)) {
          yield page;
          caller = null;
        }
      },
    };
    const other = await buildApi({
      ...sheaf.services,
      admin: { ...admin, audit: withdrawn },
      authenticator: { authenticate: async () => caller },
    });
    const url = await other.listen({ host: '127.0.0.1', port: 0 });
    const taken = fetch(`${url}/admin/audit/export?actor=crowd`).then((response) => response.text());
    await expect(taken).rejects.toThrow(/terminated|aborted/);
    await other.close();
  });

  it('that fails half-way does not look as if it were whole', async () => {
    const { admin } = sheaf.services;
    const broken: AuditReader = {
      ...admin.audit,
      async *export(filters) {
        for await (const page of admin.audit.export(filters)) {
          yield page;
          throw new Error('the database went away');
        }
      },
    };
    const root = testCaller({ accountId: sheaf.services.accountId, administers: true });
    const other = await buildApi({
      ...sheaf.services,
      admin: { ...admin, audit: broken },
      authenticator: { authenticate: async () => root },
    });
    const url = await other.listen({ host: '127.0.0.1', port: 0 });
    const taken = fetch(`${url}/admin/audit/export?actor=crowd`).then((response) => response.text());
    await expect(taken).rejects.toThrow(/terminated|aborted/);
    await other.close();
  });
});
