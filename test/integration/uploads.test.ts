import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serveApi } from '../../src/api/serve.ts';
import { SheafClient } from '../../src/client/client.ts';
import { RequestError, RetryableFault } from '../../src/core/errors.ts';
import { type CompleteUpload, completeUpload } from '../../src/engine/complete-upload.ts';
import { createMultipartUpload } from '../../src/engine/create-multipart-upload.ts';
import { invalidateUpload } from '../../src/engine/invalidate-upload.ts';
import type { UploadedPart } from '../../src/engine/ports/object-store.ts';
import { removeUploads } from '../../src/engine/remove-uploads.ts';
import { actorFor } from '../support/actor.ts';
import { gate } from '../support/gate.ts';
import { addAccount, clearBatches } from '../support/rows.ts';
import { openTestSheaf, sha256, type TestSheaf } from '../support/sheaf.ts';

/** An upload's life between the database and the object store, both real, and nobody working in between. */

const MiB = 1024 * 1024;
const HEADER = 'learner_id\n';

let sheaf: TestSheaf;
beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_MAX_FILE_BYTES: String(20 * MiB) });
});
afterAll(() => sheaf.close());
beforeEach(() => clearBatches(sheaf.sql));

/** A file of a little more than 10 MiB in three parts. */
const rows = `${randomBytes(4).toString('hex')}\n`.repeat(Math.ceil((5 * MiB) / 9));
const PARTS = [Buffer.from(HEADER + rows), Buffer.from(rows), Buffer.from('last\n')];
const FILE = Buffer.concat(PARTS);

async function putParts(urls: readonly string[], bodies = PARTS): Promise<UploadedPart[]> {
  const parts: UploadedPart[] = [];
  for (const [index, body] of bodies.entries()) {
    const answer = await fetch(urls[index]!, { method: 'PUT', body });
    await answer.arrayBuffer();
    expect(answer.status).toBe(200);
    parts.push({ number: index + 1, etag: answer.headers.get('etag')! });
  }
  return parts;
}

async function partedUpload(about: { size?: number; hash?: string } = {}) {
  const { handler, urls } = await createMultipartUpload(sheaf.engine, sheaf.caller, { ...about, parts: 3 });
  return { handler, urls, parts: await putParts(urls) };
}

const complete = (handler: string, parts: readonly UploadedPart[], engine: CompleteUpload = sheaf.engine) =>
  completeUpload(engine, sheaf.caller, handler, parts);
const takeBack = (handler: string) => invalidateUpload(sheaf.engine, handler);
const keyOf = (handler: string) => `uploads/${sheaf.caller.accountId}/${handler}`;
const head = (handler: string) => sheaf.services.objects.head(keyOf(handler));
const row = async (handler: string) => (await sheaf.sql`select * from uploads where id = ${handler}`)[0]!;

/** Nothing of it is in the store: `removeAll` counts objects and unfinished uploads. */
const nothingStored = async (handler: string) =>
  expect(await sheaf.services.objects.removeAll(keyOf(handler))).toBe(0);

async function code(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => new Error('it was done'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RequestError)) throw error;
  return error.code;
}

describe('a file in parts', () => {
  it('is completed, hashed in copying and processed like any other', async () => {
    const workers = await sheaf.startWorkers();
    const lines = 40;
    const small = Buffer.from(HEADER + Array.from({ length: lines }, (_, n) => `r${n}\n`).join(''));
    const { handler, urls, partBytes } = await createMultipartUpload(sheaf.engine, sheaf.caller, {
      parts: 1,
      size: small.length,
      hash: sha256(small),
    });
    expect(partBytes).toBe(small.length);
    const object = await complete(handler, await putParts(urls, [small]));
    expect(object).toMatchObject({ bytes: small.length });
    const batch = await sheaf.ended(await sheaf.submit(handler));
    expect(batch).toMatchObject({ status: 'completed', hash: sha256(small), counts: { succeeded: lines } });
    await workers.stop();
  });

  it('whose hash is another than stated ends in hash_mismatch', async () => {
    const workers = await sheaf.startWorkers();
    const { handler, parts } = await partedUpload({ size: FILE.length, hash: 'a'.repeat(64) });
    await complete(handler, parts);
    const batch = await sheaf.ended(await sheaf.submit(handler));
    expect(batch.status).toBe('hash_mismatch');
    await workers.stop();
  });

  it('is answered again when it is complete', async () => {
    const { handler, parts } = await partedUpload();
    const first = await complete(handler, parts);
    expect(first.bytes).toBe(FILE.length);
    expect(await complete(handler, parts)).toEqual(first);
    expect(await row(handler)).toMatchObject({ part_count: 3, multipart_id: null });
  });

  it('by two at once is one file', async () => {
    const { handler, parts } = await partedUpload();
    const [one, two] = await Promise.all([complete(handler, parts), complete(handler, parts)]);
    expect(one).toEqual(two);
    expect(await head(handler)).toEqual(one);
  });

  it('goes on after a crash between the store and the row', async () => {
    const { handler, parts } = await partedUpload();
    const { uploads, objects, settings } = sheaf.engine;
    const crashing = {
      objects,
      settings,
      uploads: {
        find: uploads.find,
        completed: async () => {
          throw new Error('the process died here');
        },
      },
    };
    await expect(complete(handler, parts, crashing)).rejects.toThrow('died here');
    expect((await row(handler)).multipart_id).not.toBeNull();
    expect(await complete(handler, parts)).toEqual(await head(handler));
    expect((await row(handler)).multipart_id).toBeNull();
  });

  it('is not completed by another account, nor seen by it', async () => {
    const { handler, parts } = await partedUpload();
    const stranger = { ...sheaf.caller, accountId: await addAccount(sheaf.sql) };
    const engine = { ...sheaf.services, ...sheaf.services.account(actorFor(stranger)) };
    expect(await code(completeUpload(engine, stranger, handler, parts))).toBe('handler_not_found');
    expect(await code(invalidateUpload(engine, handler))).toBe('handler_not_found');
    expect(await row(handler)).toMatchObject({ invalidated_at: null });
    await complete(handler, parts);
  });

  it('over the limit is refused, and no file', async () => {
    const { handler, urls } = await createMultipartUpload(sheaf.engine, sheaf.caller, { parts: 2 });
    const parts = await putParts(urls, [Buffer.alloc(20 * MiB), Buffer.from('x')]);
    expect(await code(complete(handler, parts))).toBe('file_too_large');
    expect(await head(handler)).toBeNull();
  });

  it('of which a part was put again after the list was made is refused', async () => {
    const { handler, urls, parts } = await partedUpload();
    await putParts(urls, [Buffer.from(`${HEADER}${rows}again`)]);
    expect(await code(complete(handler, parts))).toBe('invalid_request');
    expect(await head(handler)).toBeNull();
  });

  it('whose beginning was cut short leaves a row that leads the sweep to the parts', async () => {
    const { uploads, objects, settings } = sheaf.engine;
    const crashing = {
      objects,
      settings,
      uploads: {
        ...uploads,
        openParts: async () => {
          throw new Error('the process died here');
        },
      },
    };
    await expect(createMultipartUpload(crashing, sheaf.caller, { parts: 2 })).rejects.toThrow('died here');
    const [left] = await sheaf.sql`select id, object_key, multipart_id from uploads`;
    expect(left).toMatchObject({ multipart_id: null });
    await sheaf.sql`
      update uploads set url_expires_at = now() - interval '2 days', expires_at = now() - interval '1 day'`;
    expect(await removeUploads(sheaf.services)).toBe(1);
    await nothingStored(left!.id);
  });
});

describe('over the API, as the client does it', () => {
  const adminKey = 'a-key-for-the-test';
  let api: Awaited<ReturnType<typeof serveApi>>;
  let client: SheafClient;
  beforeAll(async () => {
    api = await serveApi(sheaf.services, { adminKey, host: '127.0.0.1', port: 0 });
    client = new SheafClient({ baseUrl: api.url, apiKey: adminKey });
  });
  afterAll(() => api.close());

  it('a file over the threshold goes in parts, and is the same file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sheaf-uploads-'));
    const path = join(directory, 'learners.csv');
    await writeFile(path, FILE);
    const handler = await client.uploadFile(path, {
      about: { filename: 'learners.csv', hash: sha256(FILE) },
      largestPut: MiB,
      partBytes: 5 * MiB,
    });
    await rm(directory, { recursive: true });
    expect(await row(handler)).toMatchObject({ part_count: 3, multipart_id: null, size: FILE.length });
    expect(sha256(await sheaf.object(keyOf(handler)))).toBe(sha256(FILE));
    await client.createBatch({ handler, operation: 'create_learner' });
    await expect(client.invalidateUpload(handler)).rejects.toMatchObject({ code: 'upload_in_use' });
  });

  it('a request under an Idempotency-Key makes one upload, in parts or not', async () => {
    for (const body of [{ parts: 2 }, { filename: 'a.csv' }]) {
      const ask = async () => {
        const response = await fetch(`${api.url}/uploads`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${adminKey}`,
            'content-type': 'application/json',
            'idempotency-key': JSON.stringify(body),
          },
          body: JSON.stringify(body),
        });
        expect(response.status).toBe(201);
        return (await response.json()) as { handler: string };
      };
      const first = await ask();
      expect(await ask()).toEqual(first);
      const answers = await Promise.all([ask(), ask(), ask()]);
      expect(new Set(answers.map(({ handler }) => handler))).toEqual(new Set([first.handler]));
    }
    expect(await sheaf.sql`select from uploads`).toHaveLength(2);
  });

  it('an upload that is taken back is gone for its client', async () => {
    const { handler } = await client.createUpload();
    await client.invalidateUpload(handler);
    await client.invalidateUpload(handler);
    const batch = client.createBatch({ handler, operation: 'create_learner' });
    await expect(batch).rejects.toMatchObject({ status: 410, code: 'upload_invalidated' });
  });
});

describe('taking an upload back', () => {
  it('ends it for good, with its object', async () => {
    const handler = await sheaf.upload(HEADER);
    await takeBack(handler);
    const [first, object] = [await row(handler), await head(handler)];
    expect(object).toBeNull();
    await takeBack(handler);
    expect((await row(handler)).invalidated_at).toEqual(first.invalidated_at);
    expect(await code(sheaf.submit(handler))).toBe('upload_invalidated');
  });

  it('is refused from the making of a batch until it has its copy', async () => {
    const handler = await sheaf.upload(HEADER);
    const batch = await sheaf.submit(handler);
    expect(await code(takeBack(handler))).toBe('upload_in_use');
    await sheaf.sql`update batches set status = 'copying' where id = ${batch}`;
    expect(await code(takeBack(handler))).toBe('upload_in_use');
    expect(await head(handler)).not.toBeNull();
    await sheaf.sql`update batches set status = 'copied' where id = ${batch}`;
    await takeBack(handler);
    expect(await head(handler)).toBeNull();
  });

  it('of nobody’s upload is handler_not_found', async () => {
    expect(await code(takeBack(uuidv7()))).toBe('handler_not_found');
  });
});

/** Holds the upload's row while two requests come for it, one after the other, and lets them go in that order. */
async function inTurn<A, B>(handler: string, first: () => Promise<A>, second: () => Promise<B>) {
  const held = await sheaf.sql.reserve();
  await held`begin`;
  await held`select from uploads where id = ${handler} for update`;
  const waiting = async () => {
    const [found] = await sheaf.sql`
      select count(*)::int as n from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return found?.n;
  };
  const one = first();
  await expect.poll(waiting, { timeout: 60_000 }).toBe(1);
  const two = second();
  await expect.poll(waiting, { timeout: 60_000 }).toBe(2);
  await held`commit`;
  held.release();
  return await Promise.allSettled([one, two]);
}

describe('a batch and the taking back of its upload at once', () => {
  it('when the batch comes first, the upload stays', async () => {
    const handler = await sheaf.upload(HEADER);
    const [made, taken] = await inTurn(
      handler,
      () => sheaf.submit(handler),
      () => takeBack(handler),
    );
    expect(made.status).toBe('fulfilled');
    expect(taken).toMatchObject({ status: 'rejected', reason: { code: 'upload_in_use' } });
    expect(await head(handler)).not.toBeNull();
  });

  it('when the taking back comes first, there is no batch', async () => {
    const handler = await sheaf.upload(HEADER);
    const [taken, made] = await inTurn(
      handler,
      () => takeBack(handler),
      () => sheaf.submit(handler),
    );
    expect(taken.status).toBe('fulfilled');
    expect(made).toMatchObject({ status: 'rejected', reason: { code: 'upload_invalidated' } });
    expect(await sheaf.sql`select from batches`).toHaveLength(0);
    expect(await head(handler)).toBeNull();
  });
});

describe('completing and taking back at once', () => {
  /** The completion, held back before or after the store has put the parts together. */
  function held(at: 'before' | 'after') {
    const point = gate();
    const { objects, ...services } = sheaf.engine;
    const completeMultipart: typeof objects.completeMultipart = async (...args) => {
      if (at === 'before') await point.wait();
      const completed = await objects.completeMultipart(...args);
      if (at === 'after') await point.wait();
      return completed;
    };
    return { point, engine: { ...services, objects: { ...objects, completeMultipart } } };
  }

  it.each(['before', 'after'] as const)(
    'when it is taken back %s the store is done, nothing is left',
    async (at) => {
      const { handler, parts } = await partedUpload();
      const { point, engine } = held(at);
      const refused = code(complete(handler, parts, engine));
      await point.arrived;
      await takeBack(handler);
      point.open();
      expect(await refused).toBe('upload_invalidated');
      await nothingStored(handler);
    },
  );

  it('when it expires and is removed meanwhile, nothing is left', async () => {
    const { handler, parts } = await partedUpload();
    const { point, engine } = held('before');
    const refused = code(complete(handler, parts, engine));
    await point.arrived;
    await sheaf.sql`
      update uploads set url_expires_at = now() - interval '2 days', expires_at = now() - interval '1 day'`;
    expect(await removeUploads(sheaf.services)).toBe(1);
    point.open();
    expect(await refused).toBe('upload_expired');
    await nothingStored(handler);
  });
});

describe('an upload whose object is gone, which the database does not know', () => {
  const endUrl = (handler: string) =>
    sheaf.sql`update uploads set url_expires_at = now() - interval '1 minute' where id = ${handler}`;

  it('is missing as long as its URL can be put to, and has expired then', async () => {
    const handler = await sheaf.upload(FILE);
    await sheaf.services.objects.remove(keyOf(handler));
    expect(await code(sheaf.submit(handler))).toBe('upload_missing');
    await endUrl(handler);
    expect(await code(sheaf.submit(handler))).toBe('upload_expired');
  });

  it('is missing if it was put in parts', async () => {
    const { handler, parts } = await partedUpload();
    await complete(handler, parts);
    await sheaf.services.objects.remove(keyOf(handler));
    await endUrl(handler);
    expect(await code(sheaf.submit(handler))).toBe('upload_missing');
  });
});

describe('removing uploads', () => {
  const OVER = { url_expires_at: '-2 days' };

  /** An upload with an object, changed: moments as intervals from now, and a batch in some status. */
  async function upload(
    moments: Record<string, string>,
    { used = false, batch }: { used?: boolean; batch?: string } = {},
  ): Promise<string> {
    const handler = await sheaf.upload(HEADER);
    for (const [column, interval] of Object.entries(moments)) {
      await sheaf.sql`
        update uploads set ${sheaf.sql(column)} = now() + ${interval}::interval where id = ${handler}`;
    }
    if (batch !== undefined) {
      await sheaf.sql`update uploads set expires_at = now() + interval '1 day' where id = ${handler}`;
      const id = await sheaf.submit(handler);
      await sheaf.sql`update batches set status = ${batch}, stage = null where id = ${id}`;
      for (const [column, interval] of Object.entries(moments)) {
        await sheaf.sql`
          update uploads set ${sheaf.sql(column)} = now() + ${interval}::interval where id = ${handler}`;
      }
    }
    if (used) await sheaf.sql`update uploads set used_by = ${uuidv7()} where id = ${handler}`;
    return handler;
  }

  it.each<[string, Record<string, string>, { used?: boolean; batch?: string }]>([
    ['expired and was never used', { ...OVER, expires_at: '-1 day' }, {}],
    ['expired, and its batch has its copy', { ...OVER, expires_at: '-1 day' }, { batch: 'processing' }],
    ['expired, and its batch has failed', { ...OVER, expires_at: '-1 day' }, { batch: 'failed' }],
    ['was taken back', { ...OVER, invalidated_at: '-1 hour' }, {}],
    ['was copied', OVER, { used: true, batch: 'completed' }],
  ])('takes what %s', async (_what, moments, options) => {
    const handler = await upload(moments, options);
    expect(await removeUploads(sheaf.services)).toBe(1);
    await nothingStored(handler);
    expect((await row(handler)).removed_at).not.toBeNull();
    expect(await removeUploads(sheaf.services)).toBe(0);
  });

  it.each<[string, Record<string, string>, { used?: boolean; batch?: string }]>([
    ['has not expired', OVER, {}],
    ['has not expired, and its batch may be resumed', OVER, { batch: 'failed' }],
    ['has expired, but a batch waits for it', { ...OVER, expires_at: '-1 day' }, { batch: 'new' }],
    ['has expired, but a batch is copying it', { ...OVER, expires_at: '-1 day' }, { batch: 'copying' }],
    ['expired a moment ago: a batch may be on its way', { ...OVER, expires_at: '-10 seconds' }, {}],
    ['was copied, but its URL is valid', { url_expires_at: '1 hour' }, { used: true }],
    ['was copied, but a PUT may still be on its way', { url_expires_at: '-1 hour' }, { used: true }],
    ['was taken back, but its URL is valid', { url_expires_at: '1 hour', invalidated_at: '-1 minute' }, {}],
  ])('leaves what %s', async (_what, moments, options) => {
    const handler = await upload(moments, options);
    expect(await removeUploads(sheaf.services)).toBe(0);
    expect(await head(handler)).not.toBeNull();
  });

  it('takes a file in parts as soon as it is copied: nothing can be put there any more', async () => {
    const { handler, parts } = await partedUpload();
    await complete(handler, parts);
    expect(await removeUploads(sheaf.services)).toBe(0);
    await sheaf.sql`update uploads set used_by = ${uuidv7()} where id = ${handler}`;
    expect(await removeUploads(sheaf.services)).toBe(1);
    await nothingStored(handler);
  });

  it('takes parts that were never completed', async () => {
    const { handler, urls } = await partedUpload();
    await sheaf.sql`
      update uploads set url_expires_at = now() - interval '2 days', expires_at = now() - interval '1 day'`;
    expect(await removeUploads(sheaf.services)).toBe(1);
    await nothingStored(handler);
    expect((await fetch(urls[0]!, { method: 'PUT', body: 'late' })).status).toBe(404);
    expect((await row(handler)).multipart_id).toBeNull();
  });

  it('takes what was put after the upload was taken back', async () => {
    const handler = await sheaf.upload(HEADER);
    await takeBack(handler);
    await sheaf.services.objects.put(keyOf(handler), Buffer.from('late'));
    expect(await removeUploads(sheaf.services)).toBe(0);
    await sheaf.sql`update uploads set url_expires_at = now() - interval '1 day'`;
    expect(await removeUploads(sheaf.services)).toBe(1);
    await nothingStored(handler);
  });

  it('by two at once harms neither', async () => {
    const handlers = [];
    for (let n = 0; n < 5; n += 1) handlers.push(await upload({ ...OVER, expires_at: '-1 day' }));
    await Promise.all([removeUploads(sheaf.services), removeUploads(sheaf.services)]);
    for (const handler of handlers) {
      await nothingStored(handler);
      expect((await row(handler)).removed_at).not.toBeNull();
    }
  });

  it('goes on after a crash between the store and the row', async () => {
    const handler = await upload({ ...OVER, expires_at: '-1 day' });
    const { uploads, objects, log } = sheaf.services;
    const removed = async () => {
      throw new RetryableFault('the process died here');
    };
    const crashing = removeUploads({ uploads: { toRemove: uploads.toRemove, removed }, objects, log });
    await expect(crashing).rejects.toThrow('died here');
    await nothingStored(handler);
    expect(await removeUploads(sheaf.services)).toBe(1);
  });

  it('stops where the store is away, and goes past an upload that alone cannot be removed', async () => {
    const stuck = await upload({ ...OVER, expires_at: '-2 days' });
    const other = await upload({ ...OVER, expires_at: '-1 day' });
    const { uploads, objects, log } = sheaf.services;
    const failing = (error: Error, which: (prefix: string) => boolean) => ({
      uploads,
      log,
      objects: {
        ...objects,
        removeAll: async (prefix: string) => {
          if (which(prefix)) throw error;
          return await objects.removeAll(prefix);
        },
      },
    });
    const asked: string[] = [];
    const away = failing(new RetryableFault('away'), (prefix) => asked.push(prefix) > 0);
    await expect(removeUploads(away)).rejects.toThrow('away');
    expect(asked).toHaveLength(1);
    expect([await head(stuck), await head(other)]).not.toContain(null);
    const refused = failing(new Error('AccessDenied'), (prefix) => prefix === keyOf(stuck));
    expect(await removeUploads(refused)).toBe(1);
    expect(await head(other)).toBeNull();
    expect(await removeUploads(sheaf.services)).toBe(1);
  });
});
