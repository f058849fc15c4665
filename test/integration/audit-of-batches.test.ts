import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestApi, type TestApi } from '../support/api.ts';
import { outsideOperation } from '../support/outside-operation.ts';
import { addBatch } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** What is noted of uploads, batches and single calls: each change once, with the change, and nothing besides. */

const CLOSED_PORT = 'http://127.0.0.1:1';

let sheaf: TestSheaf;
let api: TestApi;
beforeAll(async () => {
  sheaf = await openTestSheaf({}, { operations: [outsideOperation(CLOSED_PORT)] });
  api = await openTestApi(sheaf);
});
afterAll(async () => {
  await api.close();
  await sheaf.close();
});

/** The log only grows: a test looks at what has come since it began. */
let last = 0;
beforeEach(async () => {
  last = (await sheaf.sql`select coalesce(max(id), 0)::int as id from audit_log`)[0]!.id;
});

const noted = async () => [
  ...(await sheaf.sql`
    select action, target_kind, target_id, before, after from audit_log where id > ${last} order by id`),
];

const post = (url: string, payload: object, key?: string) =>
  api.request({
    method: 'POST',
    url,
    payload,
    headers: key === undefined ? {} : { 'idempotency-key': key },
  });
const patch = (id: string, payload: object) =>
  api.request({ method: 'PATCH', url: `/batches/${id}`, payload });

describe('an upload', () => {
  it('is noted when it is made and when it is taken back, each once', async () => {
    const { handler } = (await post('/uploads', { filename: 'a.csv', size: 5 })).json();
    for (let times = 0; times < 2; times += 1) {
      expect((await api.request({ method: 'DELETE', url: `/uploads/${handler}` })).statusCode).toBe(204);
    }
    const target = { target_kind: 'upload', target_id: handler, before: null };
    expect(await noted()).toEqual([
      { ...target, action: 'create_upload_url', after: { filename: 'a.csv', size: 5, parts: null } },
      { ...target, action: 'invalidate_upload_url', after: null },
    ]);
  });

  it('in parts is noted when they are put together, once', async () => {
    const { handler, parts } = (await post('/uploads', { parts: 1 })).json();
    const put = await fetch(parts[0].url, { method: 'PUT', body: 'name\nAda\n' });
    const etag = put.headers.get('etag');
    for (let times = 0; times < 2; times += 1) {
      const completed = await post(`/uploads/${handler}/complete`, [{ number: 1, etag }]);
      expect(completed.statusCode).toBe(200);
    }
    const target = { target_kind: 'upload', target_id: handler, before: null };
    expect(await noted()).toEqual([
      { ...target, action: 'create_upload_url', after: { filename: null, size: null, parts: 1 } },
      { ...target, action: 'complete_upload', after: { bytes: 9 } },
    ]);
  });

  it('that is asked for again under its key is not noted again', async () => {
    await post('/uploads', {}, 'the same');
    await post('/uploads', {}, 'the same');
    expect(await noted()).toHaveLength(1);
  });
});

describe('a batch', () => {
  it('is noted with what it runs, who asked for it, and from where', async () => {
    const handler = await sheaf.upload('learner_id\na\n');
    const response = await post('/batches', { handler, operation: 'create_learner' }, 'once');
    await post('/batches', { handler, operation: 'create_learner' }, 'once');
    const { batch } = response.json();
    const [entry, ...more] = await sheaf.sql`select * from audit_log where target_id = ${batch}`;
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      account_id: sheaf.caller.accountId,
      actor_account_id: sheaf.caller.accountId,
      actor_kind: 'admin_key',
      actor_name: 'tester',
      action: 'create_batch',
      target_kind: 'batch',
      ip: '127.0.0.1',
      request_id: response.headers['x-request-id'],
      after: { operation: 'create_learner', handler, dry_run: false },
    });
    const [row] = await sheaf.sql`select user_name, principal from batches where id = ${batch}`;
    expect(row).toEqual({ user_name: 'tester', principal: { kind: 'admin_key' } });
  });

  it('that is refused is not noted', async () => {
    const handler = await sheaf.upload('learner_id\na\n');
    await post('/batches', { handler, operation: 'create_learner' });
    const before = (await noted()).length;
    expect((await post('/batches', { handler, operation: 'create_learner' })).statusCode).toBe(409);
    expect(await noted()).toHaveLength(before);
  });

  it('is noted with what a change was and is; what changes nothing is not noted', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    await patch(id, { metadata: { a: 1 } });
    await patch(id, { metadata: { a: 1 } });
    await patch(id, { status: 'cancel', metadata: { a: 2 } });
    await patch(id, { status: 'cancel' });
    const entry = { action: 'update_batch', target_kind: 'batch', target_id: id };
    expect(await noted()).toEqual([
      { ...entry, before: { metadata: {} }, after: { metadata: { a: 1 } } },
      {
        ...entry,
        before: { status: 'processing', metadata: { a: 1 } },
        after: { status: 'cancel', metadata: { a: 2 } },
      },
    ]);
  });

  it('that is resumed is noted with its new limit; one that cannot be is not', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 2, stopAfter: { failures: 1 } });
    expect((await patch(id, { status: 'resume' })).statusCode).toBe(409);
    expect(await noted()).toEqual([]);
    await sheaf.sql`
      update batches set status = 'failed', failed_from = 'processing',
        status_reason = '{"code": "failure_limit", "message": "x"}' where id = ${id}`;
    expect((await patch(id, { status: 'resume', stop_after: { failures: 9 } })).statusCode).toBe(200);
    expect(await noted()).toEqual([
      {
        action: 'update_batch',
        target_kind: 'batch',
        target_id: id,
        before: { status: 'failed', stop_after: { failures: 1 } },
        after: { status: 'processing', stop_after: { failures: 9 } },
      },
    ]);
  });

  it('is noted once when it is deleted, however often that is asked for', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    for (let times = 0; times < 3; times += 1) {
      expect((await api.request({ method: 'DELETE', url: `/batches/${id}` })).statusCode).toBe(202);
    }
    expect(await noted()).toEqual([
      {
        action: 'delete_batch',
        target_kind: 'batch',
        target_id: id,
        before: { status: 'processing' },
        after: null,
      },
    ]);
  });

  it('is not noted by a transaction that is undone', async () => {
    const id = await addBatch(sheaf, { status: 'completed', chunks: 1 });
    expect((await patch(id, { status: 'cancel', metadata: { a: 1 } })).statusCode).toBe(409);
    expect(await noted()).toEqual([]);
  });
});

describe('a single call', () => {
  const target = (name: string) => ({
    action: name,
    target_kind: 'operation',
    target_id: name,
    before: null,
    after: null,
  });

  it('is noted by its operation, with nothing of the record; its repeat is not', async () => {
    const record = { learner_id: 'secret-of-the-record', email: 'a@example.org' };
    expect((await post('/operations/create_learner', record, 'call')).statusCode).toBe(200);
    expect((await post('/operations/create_learner', record, 'call')).headers['idempotent-replayed']).toBe(
      'true',
    );
    expect(await noted()).toEqual([target('create_learner')]);
  });

  it('whose record fails did nothing, and is not noted', async () => {
    await post('/operations/create_learner', { learner_id: 'twice' });
    expect((await post('/operations/create_learner', { learner_id: 'twice' })).statusCode).toBe(422);
    expect(await noted()).toEqual([target('create_learner')]);
  });

  it('with effects outside is noted before it has any: nobody knows what came of it', async () => {
    const response = await post('/operations/send', { id: 'a' });
    expect(response.statusCode).toBeGreaterThanOrEqual(500);
    expect(await noted()).toEqual([target('send')]);
  });
});
