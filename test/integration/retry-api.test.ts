import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Statement } from '../../src/core/access.ts';
import { retryBatch } from '../../src/engine/retry-batch.ts';
import { openTestApi, type TestApi } from '../support/api.ts';
import { heldCsv, heldOperation } from '../support/held-operation.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** Retries as they are asked for: once under a key, noted, within the limits of the account. */

const held = heldOperation();
let sheaf: TestSheaf;
let api: TestApi;

beforeAll(async () => {
  sheaf = await openTestSheaf({}, { operations: [held.operation] });
  await sheaf.startWorkers();
  api = await openTestApi(sheaf);
});
afterAll(async () => {
  await api.close();
  await sheaf.close();
});

const parentOf = (prefix: string) => sheaf.run(heldCsv([`${prefix}1`, 'bad']), { operation: 'hold' });
const post = (batch: string, payload: object, key?: string) =>
  api.request({
    method: 'POST',
    url: `/batches/${batch}/retry`,
    payload,
    headers: key === undefined ? {} : { 'idempotency-key': key },
  });

it('is made once under a key, and noted once', async () => {
  const parent = await parentOf('k');
  const first = await post(parent.id, { metadata: { again: true } }, 'the same');
  expect(first.statusCode).toBe(201);
  expect(first.json()).toMatchObject({
    status: 'new',
    retry_of: { batch: parent.id, records: 'failed' },
    metadata: { again: true },
    retries: [],
  });
  const { batch } = first.json();
  expect(first.headers.location).toBe(`/batches/${batch}`);
  await sheaf.ended(batch);
  const again = await post(parent.id, { metadata: { again: true } }, 'the same');
  expect([again.json().batch, again.headers['idempotent-replayed']]).toEqual([batch, 'true']);
  expect((await post(parent.id, { records: 'both' }, 'the same')).json().code).toBe('idempotency_key_reused');
  const seen = (await api.request({ method: 'GET', url: `/batches/${parent.id}` })).json();
  expect(seen.retries).toEqual([{ batch, status: 'completed' }]);
  const noted = await sheaf.sql`select action, after from audit_log where target_id = ${batch}`;
  expect([...noted]).toEqual([
    {
      action: 'create_batch',
      after: {
        ...{ operation: 'hold', handler: parent.uploadId, dry_run: false },
        ...{ retry_of: parent.id, records: 'failed' },
      },
    },
  ]);
});

it('takes nothing that it does not know, and no file of the parent is asked for', async () => {
  const parent = await parentOf('u');
  for (const body of [
    { records: 'all' },
    { operation: 'hold' },
    { on_duplicate_file: 'warn' },
    { extra: 1 },
  ]) {
    expect((await post(parent.id, body)).statusCode).toBe(422);
  }
  expect((await post(parent.id, { mapping: { id: 'nothing' } })).json().errors).toMatchObject([
    { pointer: '/mapping/id', code: 'unknown_field' },
  ]);
});

it('needs a role that allows the operation', async () => {
  const parent = await parentOf('r');
  const statements: Statement[] = [{ effect: 'allow', actions: ['create_batch'] }];
  await expect(
    retryBatch(sheaf.engine, { ...sheaf.caller, statements }, parent.id, {}),
  ).rejects.toMatchObject({
    code: 'forbidden',
  });
});

it('counts as any batch does among what the account may have', async () => {
  const parent = await parentOf('l');
  const limit = (limits: object) =>
    sheaf.sql`update accounts set limits = ${sheaf.sql.json(limits as never)} where id = ${sheaf.caller.accountId}`;
  try {
    await limit({ batches: 0 });
    expect((await post(parent.id, {})).json().code).toBe('too_many_batches');
    await limit({ storedBytes: 1 });
    expect((await post(parent.id, {})).json().code).toBe('storage_full');
  } finally {
    await limit({});
  }
  expect((await post(parent.id, {})).statusCode).toBe(201);
});
