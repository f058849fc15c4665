import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { postgresBatchesOfAll } from '../../src/adapters/postgres/all-batches.ts';
import { openDatabase } from '../../src/adapters/postgres/database.ts';
import { buildApi } from '../../src/api/app.ts';
import { BATCH_STATUSES, type BatchStatus, statusesBefore } from '../../src/core/batch.ts';
import { testCaller } from '../support/caller.ts';
import { addAccount, addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** The batches of all accounts, for whoever runs a Sheaf, and for nobody else. */

let sheaf: TestSheaf;
let app: FastifyInstance;
let acme: string;
let other: string;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  acme = await addAccount(sheaf.sql);
  other = await addAccount(sheaf.sql);
  const callers: Record<string, ReturnType<typeof testCaller>> = {
    admin: testCaller({ accountId: sheaf.services.accountId, administers: true, user: 'root' }),
    acme: testCaller({ accountId: acme, user: 'ada' }),
  };
  app = await buildApi({
    ...sheaf.services,
    authenticator: { authenticate: async (authorization) => callers[authorization ?? ''] ?? null },
  });
});
afterAll(async () => {
  await app.close();
  await sheaf.close();
});
beforeEach(() => clearBatches(sheaf.sql));

const request = (
  method: InjectOptions['method'],
  url: string,
  { as = 'admin', ...rest }: { as?: string; payload?: object } = {},
) => app.inject({ method, url, headers: { authorization: as }, remoteAddress: '203.0.113.9', ...rest });

interface Given {
  accountId?: string;
  status?: BatchStatus;
  operation?: string;
  metadata?: object;
  filename?: string;
}

async function add(given: Given = {}): Promise<string> {
  const { status = 'processing', accountId = acme } = given;
  const id = await addBatch(sheaf, { status, chunks: 0, accountId });
  await sheaf.sql`
    update batches set operation = ${given.operation ?? 'create_learner'}, user_name = 'ada',
      metadata = ${sheaf.sql.json((given.metadata ?? {}) as never)}
    where id = ${id}`;
  await sheaf.sql`
    update uploads set filename = ${given.filename ?? null}
    where id = (select upload_id from batches where id = ${id})`;
  return id;
}

async function statuses(): Promise<Record<string, string>> {
  const rows = await sheaf.sql<{ id: string; status: string }[]>`select id, status from batches`;
  return Object.fromEntries(rows.map(({ id, status }) => [id, status]));
}

async function entriesOf(target: string) {
  const { items } = (await request('GET', `/admin/audit?target=${encodeURIComponent(target)}`)).json();
  return items;
}

async function list(query: Record<string, string> = {}) {
  const response = await request('GET', `/admin/batches?${new URLSearchParams(query)}`);
  expect([response.statusCode, response.body.slice(0, 300)]).toEqual([200, expect.any(String)]);
  return response.json();
}

const found = async (query: Record<string, string>) =>
  (await list(query)).items.map(({ batch }: { batch: string }) => batch);

describe('the list', () => {
  it('has the batches of all accounts, newest first, with whose they are and who made them', async () => {
    const [first, second, third] = [await add(), await add({ accountId: other }), await add()];
    const { items } = await list();
    expect(items.map(({ batch }: { batch: string }) => batch)).toEqual([third, second, first]);
    expect(items[1]).toMatchObject({
      account: { account: other, name: other },
      user: 'ada',
      links: { self: `/admin/batches/${second}` },
    });
    expect(items[1]).not.toHaveProperty('error_codes');
  });

  it('is filtered by account, and by all that an account filters its own by', async () => {
    const a = await add({ status: 'failed', operation: 'publish_cohort', metadata: { source: 'crm' } });
    const b = await add({ accountId: other, status: 'failed', filename: 'Needle.csv' });
    await add({ status: 'deleting' });
    expect(await found({ account: other })).toEqual([b]);
    expect(await found({ account: other.toUpperCase() })).toEqual([b]);
    expect(await found({ status: 'failed' })).toEqual([b, a]);
    expect(await found({ operation: 'publish_cohort' })).toEqual([a]);
    expect(await found({ 'metadata.source': 'crm' })).toEqual([a]);
    expect(await found({ search: 'needle' })).toEqual([b]);
    expect(await found({ search: 'needle', account: acme })).toEqual([]);
    expect(await found({ created_before: '1' })).toEqual([]);
    expect(await found({ account: '0199f39c-51aa-7f2e-9c01-77d0a1be4f13' })).toEqual([]);
  });

  it('comes in pages', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift(await add({ accountId: n % 2 === 0 ? acme : other }));
    const first = await list({ limit: '2' });
    const second = await list({ limit: '2', cursor: first.next_cursor });
    const third = await list({ limit: '2', cursor: second.next_cursor });
    const seen = [first, second, third].flatMap((page) =>
      page.items.map(({ batch }: { batch: string }) => batch),
    );
    expect(seen).toEqual(ids);
    expect(third.next_cursor).toBeNull();
  });

  it('does not have what is deleted', async () => {
    const id = await add({ status: 'deleting' });
    await sheaf.sql`update batches set deleted_at = now() where id = ${id}`;
    expect(await found({})).toEqual([]);
    expect((await request('GET', `/admin/batches/${id}`)).json().code).toBe('batch_not_found');
  });

  it.each(['account=acme', 'status=nope', 'limit=0', 'cursor=x', 'account=a&account=b', 'user=ada'])(
    '?%s is refused',
    async (query) => {
      expect((await request('GET', `/admin/batches?${query}`)).json().code).toBe('invalid_request');
    },
  );

  it('that looks through too much is cut off with a word on what to narrow', async () => {
    await sheaf.sql`
      insert into uploads (id, account_id, object_key, url_expires_at, expires_at, filename)
      select gen_random_uuid(), ${acme}, 'x' || n, now(), now(), repeat('x', 1000) from generate_series(1, 3000) n`;
    await sheaf.sql`
      insert into batches (id, account_id, upload_id, user_name, operation, operation_version, settings, mapping,
        on_invalid, metadata, status, statuses, upload_key, upload_etag, upload_bytes)
      select gen_random_uuid(), ${acme}, id, 'ada', 'create_learner', 1, '{}', '{}', 'skip',
        jsonb_build_object('list', (select jsonb_agg(n || 'some text') from generate_series(1, 500) n)),
        'processing', '[]', 'x', 'x', 1
      from uploads`;
    await sheaf.sql`analyze batches`;
    const { db, close } = openDatabase(sheaf.locations.databaseUrl, { max: 1, statementMs: 50 });
    const impatient = postgresBatchesOfAll(db);
    const filters = { search: 'found nowhere' };
    for (const [pointer, asked] of [
      ['?created_from', impatient.list({ limit: 1, filters })],
      ['/created_from', impatient.countCancellable(filters)],
      ['/created_from', impatient.cancellable({ limit: 1, filters })],
    ] as const) {
      await expect(asked).rejects.toMatchObject({
        code: 'invalid_request',
        errors: [{ pointer }],
      });
    }
    expect(await impatient.list({ limit: 1, filters: { account: other, search: 'x' } })).toEqual([]);
    await close();
  });
});

describe('one batch', () => {
  it('is seen, cancelled and deleted in its own account, and the log says whose admin did it', async () => {
    const id = await add();
    const seen = await request('GET', `/admin/batches/${id}`);
    expect(seen.json()).toMatchObject({ batch: id, status: 'processing', account: { account: acme } });
    const payload = { status: 'cancel' };
    const cancelled = await request('PATCH', `/admin/batches/${id}`, { payload });
    expect([cancelled.statusCode, cancelled.json().status]).toEqual([200, 'cancel']);
    expect((await request('PATCH', `/admin/batches/${id}`, { payload })).statusCode).toBe(200);
    const deleted = await request('DELETE', `/admin/batches/${id.toUpperCase()}`);
    expect([deleted.statusCode, deleted.json().batch]).toEqual([202, id]);
    const [removal, change, ...rest] = await entriesOf(id);
    expect(rest).toEqual([]);
    expect(change).toMatchObject({
      account: { account: acme },
      actor: { kind: 'admin_key', name: 'root', account: sheaf.services.accountId },
      action: 'update_batch',
      target: { kind: 'batch', id },
      ip: '203.0.113.9',
      request_id: cancelled.headers['x-request-id'],
      before: { status: 'processing' },
      after: { status: 'cancel' },
    });
    expect(removal).toMatchObject({ action: 'delete_batch', account: { account: acme } });
    expect((await request('GET', `/batches/${id}`, { as: 'acme' })).json().deletion_requested).toBe(true);
  });

  it('cannot be resumed, nor its metadata changed, from outside its account', async () => {
    const id = await add({ status: 'failed' });
    for (const payload of [{ status: 'resume' }, { metadata: {} }, {}, { status: 'cancel', metadata: {} }]) {
      expect((await request('PATCH', `/admin/batches/${id}`, { payload })).json().code).toBe(
        'invalid_request',
      );
    }
    const payload = { status: 'cancel' };
    expect((await request('PATCH', `/admin/batches/${id}`, { payload })).json().code).toBe('not_cancellable');
  });

  it.each(['nothing', '0199f39c-51aa-7f2e-9c01-77d0a1be4f13'])('%s is not found', async (id) => {
    const url = `/admin/batches/${id}`;
    const answers = [
      await request('GET', url),
      await request('PATCH', url, { payload: { status: 'cancel' } }),
      await request('DELETE', url),
    ];
    expect(answers.map((answer) => answer.json().code)).toEqual(Array(3).fill('batch_not_found'));
  });
});

describe('bulk cancel', () => {
  const cancel = (payload: object) => request('POST', '/admin/batches/cancel', { payload });

  it('touches what fits and can be cancelled, and nothing else, whatever the status', async () => {
    const fitting: string[] = [];
    const untouched: Record<string, string> = {};
    const cancellable = statusesBefore('cancel_requested');
    for (const status of BATCH_STATUSES) {
      const id = await add({ status, metadata: { source: 'crm' } });
      if (cancellable.includes(status)) fitting.push(id);
      else untouched[id] = status;
      for (const given of [
        { accountId: other, metadata: { source: 'crm' } },
        { metadata: { source: 'web' } },
        { metadata: { source: 'crm' }, operation: 'publish_cohort' },
      ]) {
        untouched[await add({ status, ...given })] = status;
      }
    }
    const filter = { account: acme, 'metadata.source': 'crm', operation: 'create_learner' };
    const dry = await cancel({ ...filter, dry_run: true });
    expect(dry.json()).toEqual({ matched: fitting.length, cancelled: 0, already_ended: 0, more: true });
    expect(Object.values(await statuses()).filter((status) => status === 'cancel').length).toBe(4);

    const answer = await cancel(filter);
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { matched: fitting.length, cancelled: fitting.length, already_ended: 0, more: false },
    ]);
    const after = await statuses();
    expect(fitting.map((id) => after[id])).toEqual(fitting.map(() => 'cancel'));
    expect(after).toMatchObject(untouched);

    const again = await cancel(filter);
    expect(again.json()).toEqual({ matched: 0, cancelled: 0, already_ended: 0, more: false });
    const [bulkAgain, bulk] = await entriesOf('*');
    expect(bulkAgain.after).toEqual({ ...filter, matched: 0 });
    expect(bulk).toMatchObject({
      action: 'admin_cancel_batches',
      account: { account: acme },
      actor: { name: 'root' },
      after: { ...filter, matched: fitting.length },
      request_id: answer.headers['x-request-id'],
    });
    for (const id of fitting) {
      expect(await entriesOf(id)).toMatchObject([
        {
          action: 'update_batch',
          account: { account: acme },
          actor: { name: 'root', account: sheaf.services.accountId },
          after: { status: 'cancel' },
          request_id: answer.headers['x-request-id'],
        },
      ]);
    }
  });

  it('a dry run leaves nothing in the log', async () => {
    await add();
    const [latest] = await entriesOf('*');
    await cancel({ all: true, dry_run: true });
    expect((await entriesOf('*'))[0]).toEqual(latest);
  });

  it('of everything has to be said', async () => {
    const ids = [await add(), await add({ accountId: other }), await add({ status: 'completed' })];
    for (const payload of [{}, { all: false }, { dry_run: false }, { all: true, account: acme }]) {
      expect((await cancel(payload)).json().code).toBe('invalid_request');
    }
    for (const payload of [{ stauts: 'new' }, { status: 'nope' }, { search: 'a\0' }, { account: 'acme' }]) {
      expect([payload, (await cancel(payload)).json().code]).toEqual([payload, 'invalid_request']);
    }
    expect(Object.values(await statuses()).sort()).toEqual(['completed', 'processing', 'processing']);
    const answer = await cancel({ all: true });
    expect(answer.json()).toEqual({ matched: 2, cancelled: 2, already_ended: 0, more: false });
    const after = await statuses();
    expect(ids.map((id) => after[id])).toEqual(['cancel', 'cancel', 'completed']);
    const [entry] = await entriesOf('*');
    expect(entry).toMatchObject({ account: null, after: { all: true, matched: 2 } });
  });

  it('works through 1,000 at once, the oldest first, and says that there are more', async () => {
    await sheaf.sql`
      insert into uploads (id, account_id, object_key, url_expires_at, expires_at)
      select gen_random_uuid(), ${acme}, 'x' || n, now(), now() from generate_series(1, 1203) n`;
    await sheaf.sql`
      insert into batches (id, account_id, upload_id, user_name, operation, operation_version, settings, mapping,
        on_invalid, metadata, status, statuses, upload_key, upload_etag, upload_bytes, stage)
      select id, ${acme}, id, 'ada', 'create_learner', 1, '{}', '{}', 'skip', '{}', 'new', '[]', 'x', 'x', 1, 'copy'
      from uploads`;
    const spared = await add({ accountId: other });
    const first = (await cancel({ account: acme })).json();
    expect(first).toMatchObject({ matched: 1203, already_ended: 0, more: true });
    // How far it comes is also a question of time.
    expect(first.cancelled).toBeGreaterThan(0);
    expect(first.cancelled).toBeLessThanOrEqual(1000);
    const [order] = await sheaf.sql`
      select max(id::text) filter (where status = 'cancel') < min(id::text) filter (where status = 'new') as kept
      from batches where account_id = ${acme}`;
    expect(order?.kept).toBe(true);
    let { cancelled, more } = first;
    for (; more; ) {
      const next = (await cancel({ account: acme })).json();
      expect(next.matched).toBe(1203 - cancelled);
      cancelled += next.cancelled;
      more = next.more;
    }
    expect(cancelled).toBe(1203);
    expect((await statuses())[spared]).toBe('processing');
  });

  it('at once, several times, cancels each batch once', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 60; n += 1) ids.push(await add({ accountId: n % 2 === 0 ? acme : other }));
    const answers = await Promise.all([1, 2, 3].map(() => cancel({ operation: 'create_learner' })));
    const counts = answers.map((answer) => answer.json());
    expect(counts.reduce((sum, { cancelled }) => sum + cancelled, 0)).toBe(60);
    for (const { matched, cancelled, already_ended: ended } of counts) {
      expect(cancelled + ended).toBeLessThanOrEqual(matched);
    }
    const rows = await sheaf.sql<{ times: number }[]>`
      select (select count(*)::int from jsonb_array_elements(statuses) s where s ->> 'status' = 'cancel') as times
      from batches`;
    expect(rows.map(({ times }) => times)).toEqual(Array(60).fill(1));
    const [noted] = await sheaf.sql`
      select count(*)::int as n, count(distinct target_id)::int as batches from audit_log
      where action = 'update_batch' and target_id = any(${ids})`;
    expect(noted).toEqual({ n: 60, batches: 60 });
  });

  it('tells what ended by itself in between', async () => {
    const [ends, stays] = [await add(), await add()];
    const { batches } = sheaf.services.admin;
    const original = batches.cancellable;
    batches.cancellable = async (page) => {
      const rows = await original(page);
      await sheaf.sql`update batches set status = 'writing_results' where id = ${ends}`;
      return rows;
    };
    const answer = await cancel({ account: acme });
    batches.cancellable = original;
    expect(answer.json()).toEqual({ matched: 2, cancelled: 1, already_ended: 1, more: false });
    expect(await statuses()).toEqual({ [ends]: 'writing_results', [stays]: 'cancel' });
  });

  it('does not wait for ever for a row that somebody holds, and goes on with the others', async () => {
    const [held, free] = [await add(), await add()];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let holding: Promise<unknown> | undefined;
    await new Promise<void>((locked, failed) => {
      holding = sheaf.sql.begin(async (tx) => {
        await tx`select from batches where id = ${held} for update`;
        locked();
        await released;
      });
      holding.catch(failed);
    });
    const answer = await cancel({ account: acme });
    release();
    await holding;
    expect(answer.json()).toEqual({ matched: 2, cancelled: 1, already_ended: 0, more: true });
    expect(await statuses()).toEqual({ [held]: 'processing', [free]: 'cancel' });
    expect((await cancel({ account: acme })).json()).toMatchObject({ matched: 1, cancelled: 1, more: false });
  });
});

it('an admin of another account is refused on every route', async () => {
  const id = await add();
  const urls: [InjectOptions['method'], string, object?][] = [
    ['GET', '/admin/batches'],
    ['GET', `/admin/batches/${id}`],
    ['PATCH', `/admin/batches/${id}`, { status: 'cancel' }],
    ['DELETE', `/admin/batches/${id}`],
    ['POST', '/admin/batches/cancel', { all: true }],
    ['GET', '/admin/accounts'],
    ['POST', '/admin/accounts', { name: 'mine' }],
    ['GET', `/admin/accounts/${acme}`],
    ['PATCH', `/admin/accounts/${acme}`, { suspended: true }],
    ['GET', '/admin/audit'],
    ['GET', '/admin/audit/export'],
  ];
  for (const [method, url, payload] of urls) {
    const answer = await request(method, url, { as: 'acme', ...(payload && { payload }) });
    expect([method, url, answer.statusCode, answer.json().code]).toEqual([method, url, 403, 'forbidden']);
    const unknown = await request(method, url, { as: 'nobody', ...(payload && { payload }) });
    expect(unknown.statusCode).toBe(401);
  }
  expect((await statuses())[id]).toBe('processing');
});
