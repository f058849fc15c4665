import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { problemOf } from '../../src/api/problem.ts';
import {
  REQUEST_ERRORS,
  RequestError,
  type RequestErrorCode,
  RetryableFault,
} from '../../src/core/errors.ts';
import { OperationRegistry } from '../../src/core/operation.ts';
import { openTrainingReads } from '../../src/operations/training/reads/training-reads.ts';
import type { OnRealParts } from '../support/access/real-problems.ts';
import { addPerson, apiInMemory, callerWith, filledUpload, someBatch, type World } from './api-memory.ts';

let world: World;
beforeEach(async () => {
  world = await apiInMemory({ bodyLimit: 2000 });
});
afterEach(() => world.app.close());

const NOBODY = '0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11';

const submit = (handler: string, key?: string) =>
  world.post('/batches', { handler, operation: 'add_person' }, key);

const raw = (payload: string, contentType = 'application/json') =>
  world.request({ method: 'POST', url: '/batches', payload, headers: { 'content-type': contentType } });

/** An upload that was changed before a batch is asked of it. */
async function submitChanged(change: (handler: string) => void) {
  const handler = await filledUpload(world);
  change(handler);
  return submit(handler);
}

const refuseWith = (code: RequestErrorCode) =>
  submitChanged(() => {
    world.trouble = null;
    const store = world.batches;
    store.set = () => {
      throw new RequestError(code, 'another request was faster');
    };
  });

const retryWith = async (code: RequestErrorCode) => {
  const batch = await someBatch(world, { status: 'completed' });
  world.batches.set = () => {
    throw new RequestError(code, 'another request was faster');
  };
  return world.post(`/batches/${batch}/retry`, {});
};

/** A call of an operation whose transaction ends so. */
async function called(code: RequestErrorCode) {
  const operations = new OperationRegistry([
    { ...addPerson, limits: { rate: { records: 1, seconds: 60, per: 'account' } } },
  ]);
  const run = async () => {
    throw new RequestError(code, 'this is how it ended');
  };
  const other = await apiInMemory({ operations }, { calls: { run, note: run, keep: run } });
  const response = await other.post('/operations/add_person', { name: 'Grace' });
  await other.app.close();
  return response;
}

/** How each code is reached, and with which status; what takes accounts is tried on real parts (access-problems). */
const REACHED: Record<Exclude<RequestErrorCode, OnRealParts>, [number, () => ReturnType<World['get']>]> = {
  malformed_json: [400, () => raw('{"handler":')],
  malformed_request: [400, () => world.get('/batches/%ZZ')],
  unauthenticated: [401, () => world.get('/batches', 'nobody')],
  forbidden: [
    403,
    () => {
      world.callers.set('reader', callerWith([{ effect: 'allow', actions: ['get_*'] }]));
      return world.post('/uploads', {}, 'reader');
    },
  ],
  exam_not_open: [
    403,
    async () => {
      const sql = async <Row>() => [{ slug: 'x', course: 'y', state: 'upcoming' } as Row];
      const upcoming = await apiInMemory({}, { training: openTrainingReads(sql, 'account-1') });
      upcoming.callers.set('learner', callerWith([{ effect: 'allow', actions: ['get_exam'] }]));
      const answer = await upcoming.get('/training/exams/x', 'learner');
      await upcoming.app.close();
      return answer;
    },
  ],
  route_not_found: [404, () => world.get('/nowhere')],
  handler_not_found: [404, () => submit(NOBODY)],
  batch_not_found: [404, () => world.get(`/batches/${NOBODY}`)],
  operation_not_found: [404, () => world.get('/operations/nothing')],
  cohort_not_found: [404, () => world.get(`/training/cohorts/${NOBODY}`)],
  exam_not_found: [404, () => world.get('/training/exams/nothing')],
  format_not_written: [
    404,
    async () =>
      world.get(`/batches/${await someBatch(world, { resultsReady: true, results: [] })}/results?format=csv`),
  ],
  upload_missing: [409, () => submitChanged(() => world.objects.clear())],
  upload_used: [
    409,
    () =>
      submitChanged((handler) => {
        world.uploads.get(handler)!.usedBy = NOBODY;
      }),
  ],
  upload_not_multipart: [
    409,
    async () => world.post(`/uploads/${await filledUpload(world)}/complete`, [{ number: 1, etag: 'e' }]),
  ],
  upload_in_use: [409, () => refuseWith('upload_in_use')],
  duplicate_file: [409, () => refuseWith('duplicate_file')],
  not_retriable: [409, () => retryWith('not_retriable')],
  already_retried: [409, () => retryWith('already_retried')],
  not_cancellable: [
    409,
    async () =>
      world.patch(`/batches/${await someBatch(world, { status: 'completed' })}`, { status: 'cancel' }),
  ],
  not_resumable: [409, async () => world.patch(`/batches/${await someBatch(world)}`, { status: 'resume' })],
  results_not_ready: [409, async () => world.get(`/batches/${await someBatch(world)}/results`)],
  upload_expired: [
    410,
    () =>
      submitChanged((handler) => {
        world.uploads.get(handler)!.expiresAt = 1;
      }),
  ],
  upload_invalidated: [410, () => refuseWith('upload_invalidated')],
  results_expired: [
    410,
    async () =>
      world.get(`/batches/${await someBatch(world, { status: 'completed', expired: true })}/results`),
  ],
  file_too_large: [
    413,
    () =>
      submitChanged((handler) => {
        world.objects.set(world.uploads.get(handler)!.objectKey, { bytes: 1e12, etag: '"e"' });
      }),
  ],
  body_too_large: [413, () => raw(`"${'a'.repeat(3000)}"`)],
  unsupported_media_type: [415, () => raw('handler=1', 'application/x-www-form-urlencoded')],
  idempotency_key_reused: [
    422,
    async () => {
      const withKey = async (priority: number) => {
        const payload = { handler: await filledUpload(world), operation: 'add_person', priority };
        return world.request({
          method: 'POST',
          url: '/batches',
          payload,
          headers: { 'idempotency-key': 'k' },
        });
      };
      await withKey(1);
      return withKey(2);
    },
  ],
  invalid_request: [422, () => world.post('/batches', {})],
  internal: [
    500,
    () => {
      world.trouble = new Error('select * from secrets');
      return world.get('/batches');
    },
  ],
  outcome_unknown: [504, () => called('outcome_unknown')],
  rate_limited: [429, () => called('rate_limited')],
  unavailable: [
    503,
    () => {
      world.trouble = new RetryableFault('connect ECONNREFUSED 10.1.2.3');
      return world.get('/batches');
    },
  ],
};

describe('every code of the catalogue', () => {
  test.each(Object.entries(REACHED))('%s is answered as a problem', async (code, [status, ask]) => {
    const response = await ask();
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(response.headers['cache-control']).toBe('no-store');
    const problem = response.json();
    expect(problem).toMatchObject({
      type: `urn:sheaf:error:${code}`,
      title: REQUEST_ERRORS[code as RequestErrorCode].title,
      status,
      code,
      detail: expect.stringMatching(/\w/),
      request_id: response.headers['x-request-id'],
    });
    expect(response.statusCode).toBe(status);
  });
});

describe('what is said besides the body', () => {
  test('401 carries a challenge', async () => {
    expect((await world.get('/batches', 'nobody')).headers['www-authenticate']).toBe('Bearer realm="sheaf"');
  });

  test('503 says when to try again, and tells nothing of the inside', async () => {
    const response = await REACHED.unavailable[1]();
    expect(response.headers['retry-after']).toBe('5');
    expect(response.body).not.toContain('10.1.2.3');
  });

  test('500 tells nothing of the inside; the log has it, under the same request id', async () => {
    const response = await REACHED.internal[1]();
    expect(response.body).not.toContain('secrets');
    expect(response.body).not.toContain('stack');
    const line = world.logged.find((text) => text.includes('select * from secrets'));
    expect(line).toContain(response.json().request_id);
  });

  test('what a client does wrong is no error in the log', async () => {
    await world.post('/batches', {});
    await world.get('/batches', 'nobody');
    expect(world.logged.filter((text) => JSON.parse(text).level >= 40)).toEqual([]);
  });

  test('at most twenty places are listed', () => {
    const errors = Array.from({ length: 30 }, (_, index) => ({
      pointer: `/${index}`,
      code: 'invalid' as const,
      message: 'is',
    }));
    const problem = problemOf(new RequestError('invalid_request', 'a very long text', errors));
    expect(problem.errors).toHaveLength(20);
    expect(problem.detail).toBe('30 places are wrong; the first 20 are listed in errors');
  });
});

describe('paths', () => {
  test.each(['/batches/x', '/batches/x/results', `/batches/urn:uuid:${NOBODY}`, '/batches/%00'])(
    '%s: what cannot be an id is not found',
    async (path) => {
      const response = await world.get(path);
      expect([response.statusCode, response.json().code]).toEqual([404, 'batch_not_found']);
    },
  );

  test.each(['x', `urn:uuid:${NOBODY}`, '%00', NOBODY])('no change of /batches/%s', async (id) => {
    const patched = await world.patch(`/batches/${id}`, { status: 'cancel' });
    expect([patched.statusCode, patched.json().code]).toEqual([404, 'batch_not_found']);
    const deleted = await world.delete(`/batches/${id}`);
    expect([deleted.statusCode, deleted.json().code]).toEqual([404, 'batch_not_found']);
  });

  test('a path that is too long, and a method that is not there, are no routes', async () => {
    expect((await world.get(`/batches/${'a'.repeat(200)}`)).json().code).toBe('route_not_found');
    expect((await world.delete('/batches')).json().code).toBe('route_not_found');
  });

  test.each(['/docs/static/%00', '/docs/static/a%5cb', '/docs/static/%2e%2e%2fpackage.json'])(
    '%s leads out of the documents to nowhere',
    async (path) => {
      expect((await world.get(path)).json()).toMatchObject({ status: 404, code: 'route_not_found' });
    },
  );

  test('an unknown route needs no key, and reads no body', async () => {
    const response = await world.request({ method: 'POST', url: '/nowhere', payload: {}, key: null });
    expect(response.json()).toMatchObject({ status: 404, code: 'route_not_found' });
  });
});
