import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BatchStatus } from '../../src/core/batch.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { apiInMemory, someBatch, type World } from './api-memory.ts';

let world: World;
beforeEach(async () => {
  world = await apiInMemory();
});
afterEach(() => world.app.close());

const failed: Partial<BatchRow> = {
  status: 'failed',
  failedFrom: 'processing',
  statusReason: { code: 'failure_limit', message: '3 records have failed' },
};

describe('cancel', () => {
  test.each(['new', 'copying', 'copied', 'validating', 'processing', 'processed'] as const)(
    'in %s: the batch is in cancel from then on',
    async (status) => {
      const id = await someBatch(world, { status });
      const response = await world.patch(`/batches/${id}`, { status: 'cancel' });
      expect([response.statusCode, response.json()]).toEqual([
        200,
        expect.objectContaining({ batch: id, status: 'cancel' }),
      ]);
    },
  );

  test.each(['cancel', 'cancelling', 'cancelled'] as const)('in %s: again is no error', async (status) => {
    const response = await world.patch(`/batches/${await someBatch(world, { status })}`, {
      status: 'cancel',
    });
    expect([response.statusCode, response.json().status]).toEqual([200, status]);
  });

  const TOO_LATE = [
    'writing_results',
    'completed',
    'validation_failed',
    'hash_mismatch',
    'failed',
    'deleting',
  ] as const satisfies BatchStatus[];
  test.each(TOO_LATE)('in %s: 409, and nothing of the request happens', async (status) => {
    const id = await someBatch(world, { status, metadata: { old: 1 } });
    const response = await world.patch(`/batches/${id}`, { status: 'cancel', metadata: { fresh: 1 } });
    expect(response.json()).toMatchObject({ status: 409, code: 'not_cancellable' });
    expect(response.json().detail).toContain(status);
    expect((await world.get(`/batches/${id}`)).json()).toMatchObject({ status, metadata: { old: 1 } });
  });
});

describe('resume', () => {
  test('a failed batch goes on where it failed, with the limit that it is given', async () => {
    const id = await someBatch(world, failed);
    const body = { status: 'resume', stop_after: { share: 0.1 } };
    const response = await world.patch(`/batches/${id}`, body);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      status: 'processing',
      status_reason: null,
      failed_from: null,
      resumable: false,
      stop_after: { share: 0.1, min_records: 1000 },
    });
  });

  test('null lifts the limit', async () => {
    const id = await someBatch(world, { ...failed, stopAfter: { failures: 3 } });
    const response = await world.patch(`/batches/${id}`, { status: 'resume', stop_after: null });
    expect(response.json()).toMatchObject({ status: 'processing', stop_after: null });
  });

  test.each([
    ['of one that runs', { status: 'processing' }],
    ['of one whose input is gone', { ...failed, statusReason: { code: 'input_gone', message: 'gone' } }],
    ['of one that is to be deleted', { ...failed, deleting: true }],
  ] as const)('%s: 409', async (_name, change) => {
    const response = await world.patch(`/batches/${await someBatch(world, change)}`, { status: 'resume' });
    expect(response.json()).toMatchObject({ status: 409, code: 'not_resumable' });
  });
});

test('metadata takes the place of all that there was, in any status', async () => {
  const id = await someBatch(world, { status: 'completed', metadata: { old: 1, both: 1 } });
  const response = await world.patch(`/batches/${id}`, { metadata: { both: 2, fresh: [null] } });
  expect(response.json()).toMatchObject({ status: 'completed', metadata: { both: 2, fresh: [null] } });
  expect(response.json().metadata).not.toHaveProperty('old');
});

describe('a PATCH that is wrong', () => {
  test.each([
    [{}, '', 'required'],
    [{ status: 'delete' }, '/status', 'not_allowed'],
    [{ status: null }, '/status', 'not_allowed'],
    [{ state: 'cancel' }, '/state', 'unknown_field'],
    [{ priority: 5 }, '/priority', 'unknown_field'],
    [{ metadata: { Key: 1 } }, '/metadata/Key', 'invalid_format'],
    [{ metadata: { text: 'x'.repeat(20_000) } }, '/metadata', 'too_large'],
    [{ stop_after: { failures: 5 } }, '/stop_after', 'not_allowed'],
    [{ status: 'cancel', stop_after: null }, '/stop_after', 'not_allowed'],
    [{ status: 'resume', stop_after: {} }, '/stop_after', 'required'],
    [{ status: 'resume', stop_after: { failures: 0 } }, '/stop_after/failures', 'out_of_range'],
  ])('%j', async (body, pointer, code) => {
    const id = await someBatch(world, { ...failed, metadata: { old: 1 } });
    const response = await world.patch(`/batches/${id}`, body);
    expect(response.statusCode).toBe(422);
    expect(response.json().errors).toMatchObject([{ pointer, code }]);
    expect((await world.get(`/batches/${id}`)).json()).toMatchObject({
      status: 'failed',
      metadata: { old: 1 },
    });
  });

  test('with nothing in it says what there is', async () => {
    const response = await world.patch(`/batches/${await someBatch(world)}`, {});
    expect(response.json().detail).toBe('body: must hold at least one of status, metadata, stop_after');
  });

  test('is one without a body', async () => {
    const response = await world.request({ method: 'PATCH', url: `/batches/${await someBatch(world)}` });
    expect(response.json().errors).toMatchObject([{ pointer: '', code: 'invalid_type' }]);
  });
});

describe('DELETE', () => {
  test.each([
    ['processing', 'cancel'],
    ['writing_results', 'writing_results'],
    ['completed', 'deleting'],
    ['failed', 'deleting'],
    ['deleting', 'deleting'],
  ] as const)('in %s: 202, and then it is in %s', async (status, next) => {
    const id = await someBatch(world, { status });
    const response = await world.delete(`/batches/${id}`);
    expect([response.statusCode, response.json()]).toEqual([202, { batch: id, status: next }]);
    expect((await world.get(`/batches/${id}`)).json()).toMatchObject({
      status: next,
      deletion_requested: true,
    });
    const again = await world.delete(`/batches/${id}`);
    expect(again.statusCode).toBe(202);
  });

  test('once it is gone: 404', async () => {
    const id = await someBatch(world);
    world.batches.delete(id);
    expect((await world.delete(`/batches/${id}`)).json()).toMatchObject({
      status: 404,
      code: 'batch_not_found',
    });
  });

  test('takes no body, and no parameters', async () => {
    const id = await someBatch(world);
    const request = { method: 'DELETE', url: `/batches/${id}` } as const;
    const withBody = await world.request({ ...request, payload: { force: true } });
    expect(withBody.json().errors).toMatchObject([{ pointer: '', code: 'not_allowed' }]);
    const broken = await world.request({
      ...request,
      payload: '{',
      headers: { 'content-type': 'application/json' },
    });
    expect(broken.json().code).toBe('malformed_json');
    expect((await world.delete(`/batches/${id}?force=true`)).statusCode).toBe(422);
    expect((await world.get(`/batches/${id}`)).json()).toMatchObject({ deletion_requested: false });
  });
});
