import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RetryableFault } from '../../src/core/errors.ts';
import { PartsRefused, type StoredPart, UploadGone } from '../../src/engine/ports/object-store.ts';
import { ALL, apiInMemory, callerWith, filledUpload, someBatch, type World } from './api-memory.ts';
import { objectsInMemory } from './api-memory-uploads.ts';

const MiB = 1024 * 1024;
const NOBODY = '0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11';

let world: World;
/** What was put of the one upload in parts that a test makes; `null`: the store does not know the upload any more. */
let stored: StoredPart[] | null;
/** Runs where the store puts the parts together. */
let joining: () => void;
/** Ids of uploads that were aborted, and keys that were removed. */
let removals: string[];

beforeEach(async () => {
  stored = [];
  joining = () => undefined;
  removals = [];
  const elsewhere = { uploads: new Map(), batches: new Map(), answers: new Map(), objects: new Map() };
  world = await apiInMemory({
    objects: {
      ...objectsInMemory(elsewhere),
      head: async (key) => world.objects.get(key) ?? null,
      listParts: async (key) => stored ?? Promise.reject(new UploadGone(key)),
      completeMultipart: async (key, _id, parts) => {
        joining();
        if (stored === null) throw new UploadGone(key);
        const bytes = stored.reduce((sum, part) => sum + part.bytes, 0);
        stored = null;
        const object = { bytes, etag: `"x-${parts.length}"` };
        world.objects.set(key, object);
        return object;
      },
      abortMultipart: async (_key, id) => {
        removals.push(id);
        stored = null;
      },
      remove: async (key) => {
        removals.push(key);
        world.objects.delete(key);
      },
    },
  });
  world.callers.set('all', callerOf(20 * MiB));
});
afterEach(() => world.app.close());

/** Somebody of an account that may upload files of so many bytes. */
const callerOf = (fileBytes: number) => {
  const caller = callerWith(ALL);
  return { ...caller, limits: { ...caller.limits, fileBytes } };
};

const key = (handler: string) => world.uploads.get(handler)!.objectKey;
const changed = (handler: string, change: object) => Object.assign(world.uploads.get(handler)!, change);

/** An upload whose three parts have been put, and what it is completed with. */
async function filledParts(about: object = {}) {
  const { handler } = (await world.post('/uploads', { parts: 3, ...about })).json();
  stored = [1, 2, 3].map((number) => ({ number, etag: `"e${number}"`, bytes: number === 3 ? 7 : 5 * MiB }));
  return { handler: handler as string, parts: stored.map(({ number, etag }) => ({ number, etag })) };
}

const complete = (handler: string, parts: unknown) => world.post(`/uploads/${handler}/complete`, parts);

describe('an upload in parts', () => {
  test('has a URL for each, and tells how long they are', async () => {
    const response = await world.post('/uploads', { parts: 3, size: 12 * MiB, content_type: 'text/csv' });
    expect(response.statusCode).toBe(201);
    const { handler, ...ticket } = response.json();
    expect(ticket).toEqual({
      parts: [1, 2, 3].map((number) => ({ number, url: `http://store/${key(handler)}?part=${number}` })),
      part_bytes: 5 * MiB,
      method: 'PUT',
      headers: {},
      validity_ts: 4_102_444_800.123,
    });
    expect(world.uploads.get(handler)).toMatchObject({
      partCount: 3,
      multipartId: `parts of ${key(handler)}`,
      size: 12 * MiB,
      urlExpiresAt: 4_102_444_800.123,
    });
  });

  test('of a size that is not stated does not tell', async () => {
    expect((await world.post('/uploads', { parts: 2 })).json()).not.toHaveProperty('part_bytes');
  });

  test('may have as many as S3 takes', async () => {
    const { parts } = (await world.post('/uploads', { parts: 10_000 })).json();
    expect(parts).toHaveLength(10_000);
    expect(parts.at(-1).number).toBe(10_000);
  });

  test('is answered the same again under its key', async () => {
    const ask = () =>
      world.request({
        method: 'POST',
        url: '/uploads',
        payload: { parts: 2 },
        headers: { 'idempotency-key': 'k' },
      });
    const first = await ask();
    const second = await ask();
    expect(second.json()).toEqual(first.json());
    expect(second.headers['idempotent-replayed']).toBe('true');
    expect(world.uploads.size).toBe(1);
  });
});

describe('a size over what a single PUT takes', () => {
  test('is refused with the word that helps', async () => {
    const roomy = await apiInMemory();
    roomy.callers.set('all', callerOf(50e9));
    const most = 5 * 1024 ** 3;
    const refused = await roomy.post('/uploads', { size: most + 1 });
    expect(refused.json()).toMatchObject({ status: 422, errors: [{ pointer: '/size', code: 'too_large' }] });
    expect(refused.json().detail).toContain('ask for parts');
    expect((await roomy.post('/uploads', { size: most })).statusCode).toBe(201);
    expect((await roomy.post('/uploads', { size: most + 1, parts: 2 })).statusCode).toBe(201);
    const few = await roomy.post('/uploads', { size: 2 * most + 1, parts: 2 });
    expect(few.json().errors).toMatchObject([{ pointer: '/parts', code: 'out_of_range' }]);
    expect(few.json().detail).toContain('at least 3');
    await roomy.app.close();
  });
});

describe('completing', () => {
  test('makes one file of the parts, of which a batch can be created', async () => {
    const { handler, parts } = await filledParts({ size: 10 * MiB + 7 });
    const response = await complete(handler, parts);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ handler, bytes: 10 * MiB + 7, etag: '"x-3"' });
    expect(world.uploads.get(handler)?.multipartId).toBeNull();
    expect((await world.post('/batches', { handler, operation: 'add_person' })).statusCode).toBe(201);
  });

  test('takes ETags without their quotes too', async () => {
    const { handler } = await filledParts();
    const bare = [1, 2, 3].map((number) => ({ number, etag: `e${number}` }));
    expect((await complete(handler, bare)).statusCode).toBe(200);
  });

  test('may be repeated when the answer was lost, with an Idempotency-Key or without', async () => {
    const { handler, parts } = await filledParts();
    const first = await complete(handler, parts);
    const second = await world.request({
      method: 'POST',
      url: `/uploads/${handler}/complete`,
      payload: parts,
      headers: { 'idempotency-key': 'k' },
    });
    expect([second.statusCode, second.json()]).toEqual([200, first.json()]);
  });

  test('goes on where an earlier run died, between the store and the row', async () => {
    const { handler, parts } = await filledParts();
    const object = { bytes: 10 * MiB + 7, etag: '"x-3"' };
    stored = null;
    world.objects.set(key(handler), object);
    expect((await complete(handler, parts)).json()).toEqual({ handler, ...object });
    expect(world.uploads.get(handler)?.multipartId).toBeNull();
  });

  test('needs every part, in order, as the store has it', async () => {
    const { handler, parts } = await filledParts();
    const [one, two, three] = parts as [object, object, object];
    const wrong: [object[], object[]][] = [
      [[one, three], [{ pointer: '', code: 'part_missing', message: 'part 2 is not listed' }]],
      [[one], [{ pointer: '', code: 'part_missing', message: 'the parts 2, 3 are not listed' }]],
      [[two, one, three], [{ pointer: '/1/number', code: 'part_order' }]],
      [[one, two, two, three], [{ pointer: '/2/number', code: 'part_order' }]],
      [
        [one, { number: 2, etag: '"e1"' }, { number: 3, etag: 'x' }],
        [
          { pointer: '/1/etag', code: 'part_changed' },
          { pointer: '/2/etag', code: 'part_changed' },
        ],
      ],
      [[one, two, three, { number: 4, etag: 'x' }], [{ pointer: '/3/number', code: 'out_of_range' }]],
    ];
    for (const [list, errors] of wrong) {
      const response = await complete(handler, list);
      expect([response.statusCode, response.json().code]).toEqual([422, 'invalid_request']);
      expect(response.json().errors).toMatchObject(errors);
    }
    expect(world.objects.size).toBe(0);
    expect((await complete(handler, parts)).statusCode).toBe(200);
  });

  test('tells of parts that were never put, and of those that are too small', async () => {
    const { handler, parts } = await filledParts();
    stored!.splice(1, 1);
    expect((await complete(handler, parts)).json().errors).toMatchObject([
      { pointer: '/1', code: 'part_missing', message: 'has not been put to its URL' },
    ]);
    stored!.splice(1, 0, { number: 2, etag: '"e2"', bytes: 5 * MiB - 1 });
    expect((await complete(handler, parts)).json().errors).toMatchObject([
      { pointer: '/1', code: 'part_too_small' },
    ]);
  });

  test('compares the length with the one that was stated', async () => {
    const { handler, parts } = await filledParts({ size: 11 * MiB });
    const response = await complete(handler, parts);
    expect(response.json().errors).toMatchObject([{ pointer: '', code: 'size_differs' }]);
    expect(world.objects.size).toBe(0);
  });

  test('of a file over the limit is refused before it is one', async () => {
    const { handler, parts } = await filledParts();
    stored![2]!.bytes = 20 * MiB;
    expect((await complete(handler, parts)).json()).toMatchObject({ status: 413, code: 'file_too_large' });
    expect(world.objects.size).toBe(0);
  });

  test('of a part that is put again at this moment is the client’s to repeat', async () => {
    const { handler, parts } = await filledParts();
    joining = () => {
      throw new PartsRefused('k', 'InvalidPart');
    };
    const response = await complete(handler, parts);
    expect(response.json()).toMatchObject({ status: 422, errors: [{ pointer: '', code: 'part_changed' }] });
  });

  test.each([
    [{ parts: [] }, '', 'invalid_type'],
    [[], '', 'too_short'],
    [[{ number: 0, etag: 'x' }], '/0/number', 'out_of_range'],
    [[{ number: 10_001, etag: 'x' }], '/0/number', 'out_of_range'],
    [[{ number: '1', etag: 'x' }], '/0/number', 'invalid_type'],
    [[{ number: 1 }], '/0/etag', 'required'],
    [[{ number: 1, etag: '' }], '/0/etag', 'too_short'],
    [[{ number: 1, etag: 'x', url: 'x' }], '/0/url', 'unknown_field'],
    [['x'], '/0', 'invalid_type'],
  ])('refuses %j', async (body, pointer, code) => {
    const { handler } = await filledParts();
    const { errors } = (await complete(handler, body)).json();
    expect(errors).toMatchObject([{ pointer, code }]);
  });

  test('takes a list of ten thousand parts as clients write it, and refuses more', async () => {
    const { handler } = (await world.post('/uploads', { parts: 10_000 })).json();
    stored = Array.from({ length: 10_000 }, (_, index) => ({
      number: index + 1,
      etag: `"${'a'.repeat(64)}"`,
      bytes: 1,
    }));
    const list = stored.map(({ number, etag }) => ({ number, etag }));
    const send = (parts: object[]) =>
      world.request({
        method: 'POST',
        url: `/uploads/${handler}/complete`,
        payload: JSON.stringify(parts, null, 4),
        headers: { 'content-type': 'application/json' },
      });
    const small = await send(list);
    expect(small.json().detail).toBe('9999 places are wrong; the first 20 are listed in errors');
    const over = await send([...list, { number: 10_000, etag: 'x' }]);
    expect(over.json().errors).toMatchObject([{ pointer: '', code: 'too_long' }]);
  });

  describe('is refused', () => {
    test('where there is a single PUT', async () => {
      const response = await complete(await filledUpload(world), [{ number: 1, etag: 'x' }]);
      expect(response.json()).toMatchObject({ status: 409, code: 'upload_not_multipart' });
    });

    test.each(['x', NOBODY])('of the unknown handler %s', async (handler) => {
      const response = await complete(handler, [{ number: 1, etag: 'x' }]);
      expect(response.json()).toMatchObject({ status: 404, code: 'handler_not_found' });
    });

    test('to another account, as if it were not there', async () => {
      const { handler, parts } = await filledParts();
      world.callers.set('stranger', callerWith([{ effect: 'allow', actions: ['*'] }], 'account-2'));
      const response = await world.post(`/uploads/${handler}/complete`, parts, 'stranger');
      expect(response.json()).toMatchObject({ status: 404, code: 'handler_not_found' });
      expect((await complete(handler, parts)).statusCode).toBe(200);
    });

    test.each([
      [{ expiresAt: 1 }, 410, 'upload_expired'],
      [{ removedAt: 1 }, 410, 'upload_expired'],
      [{ invalidatedAt: 1 }, 410, 'upload_invalidated'],
    ])('of an upload with %j', async (change, status, code) => {
      const { handler, parts } = await filledParts();
      changed(handler, change);
      expect((await complete(handler, parts)).json()).toMatchObject({ status, code });
      expect(world.objects.size).toBe(0);
    });

    test('of one whose parts the store has lost', async () => {
      const { handler, parts } = await filledParts();
      stored = null;
      expect((await complete(handler, parts)).json()).toMatchObject({ status: 410, code: 'upload_expired' });
    });

    test('of one that a batch has used up, and whose object is gone', async () => {
      const { handler, parts } = await filledParts();
      await complete(handler, parts);
      world.objects.clear();
      changed(handler, { usedBy: NOBODY, removedAt: 1 });
      expect((await complete(handler, parts)).json()).toMatchObject({ status: 409, code: 'upload_used' });
    });

    test('of one that is taken back while the store is busy, and leaves nothing there', async () => {
      const { handler, parts } = await filledParts();
      joining = () => void changed(handler, { invalidatedAt: 1 });
      expect((await complete(handler, parts)).json()).toMatchObject({
        status: 410,
        code: 'upload_invalidated',
      });
      expect(world.objects.size).toBe(0);
      expect(removals).toEqual([key(handler)]);
    });
  });
});

describe('a batch of an upload in parts', () => {
  test('waits for its completion', async () => {
    const { handler } = await filledParts();
    changed(handler, { urlExpiresAt: 1 });
    const response = await world.post('/batches', { handler, operation: 'add_person' });
    expect(response.json()).toMatchObject({ status: 409, code: 'upload_missing' });
    expect(response.json().detail).toContain(`POST /uploads/${handler}/complete`);
  });
});

describe('taking back', () => {
  test('answers 204 with nothing, each time, and removes the object', async () => {
    const handler = await filledUpload(world);
    for (let time = 0; time < 2; time += 1) {
      const response = await world.delete(`/uploads/${handler}`);
      expect([response.statusCode, response.body]).toEqual([204, '']);
    }
    expect(world.objects.size).toBe(0);
    const batch = await world.post('/batches', { handler, operation: 'add_person' });
    expect(batch.json()).toMatchObject({ status: 410, code: 'upload_invalidated' });
  });

  test('ends an upload in parts, so that it cannot be completed', async () => {
    const { handler, parts } = await filledParts();
    await world.delete(`/uploads/${handler}`);
    expect(removals).toEqual([`parts of ${key(handler)}`, key(handler)]);
    expect((await complete(handler, parts)).json().code).toBe('upload_invalidated');
  });

  test.each(['new', 'copying'] as const)('is refused while a batch is in %s', async (status) => {
    const batch = await someBatch(world, { status });
    const handler = world.batches.get(batch)!.uploadId;
    const response = await world.delete(`/uploads/${handler}`);
    expect(response.json()).toMatchObject({ status: 409, code: 'upload_in_use' });
    expect(response.json().detail).toContain(batch);
    expect(removals).toEqual([]);
  });

  test('is done once the batch has its copy', async () => {
    const batch = await someBatch(world, { status: 'processing' });
    const handler = world.batches.get(batch)!.uploadId;
    expect((await world.delete(`/uploads/${handler}`)).statusCode).toBe(204);
  });

  test.each(['x', NOBODY])('of the unknown handler %s is 404', async (handler) => {
    const response = await world.delete(`/uploads/${handler}`);
    expect(response.json()).toMatchObject({ status: 404, code: 'handler_not_found' });
  });

  test('what belongs to another account is as if it were not there', async () => {
    const handler = await filledUpload(world);
    world.callers.set('stranger', callerWith([{ effect: 'allow', actions: ['*'] }], 'account-2'));
    const response = await world.delete(`/uploads/${handler}`, 'stranger');
    expect(response.json().code).toBe('handler_not_found');
    expect(world.objects.size).toBe(1);
    expect(world.uploads.get(handler)?.invalidatedAt).toBeNull();
  });

  test('does not depend on the store: the sweep removes what is left', async () => {
    const calm = await apiInMemory({
      objects: {
        ...objectsInMemory(world),
        remove: async () => Promise.reject(new RetryableFault('the object store could not be reached')),
      },
    });
    const { handler } = (await calm.post('/uploads', {})).json();
    expect((await calm.delete(`/uploads/${handler}`)).statusCode).toBe(204);
    expect(calm.uploads.get(handler)?.invalidatedAt).not.toBeNull();
    expect(calm.logged.join('')).toContain('the sweep removes it');
    await calm.app.close();
  });
});
