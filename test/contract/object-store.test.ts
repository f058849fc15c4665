import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type S3ObjectStore, type S3Settings, s3ObjectStore } from '../../src/adapters/s3/object-store.ts';
import { RetryableFault } from '../../src/core/errors.ts';
import { ObjectChanged, ObjectGone, type PresignedRequest } from '../../src/engine/ports/object-store.ts';
import { gate } from '../support/gate.ts';
import { onEveryServer, settingsOf } from '../support/object-stores.ts';
import { send } from '../support/s3-signing.ts';

/** The `ObjectStore` port, proved on every S3 server that there is; for objects in parts see object-parts.test.ts. */

const MiB = 1024 * 1024;
const PATIENT = { timeout: 60_000, interval: 50 };

const hex = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
const checksum = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('base64');

/** Sends exactly these headers and bytes: `fetch` would mend what does not fit together. */
async function sendAs(
  { url, method }: Pick<PresignedRequest, 'url' | 'method'>,
  headers: Record<string, string>,
  body = '',
) {
  const { origin, host, pathname, search } = new URL(url);
  const request = { method, path: pathname, query: search.slice(1), headers: { host, ...headers }, body };
  return await send(origin, request);
}

onEveryServer('the object store', (opened) => {
  let settings: S3Settings;
  let store: S3ObjectStore;
  beforeAll(() => {
    ({ settings, store } = opened());
  });

  const stored = async (key: string) => await buffer(await store.read(key));
  const unfinished = async (key: string) => await opened().unfinished(key);

  describe('a presigned PUT', () => {
    const BODY = 'learner_id\na\n';
    const bound = { bytes: BODY.length, sha256: hex(BODY), contentType: 'text/csv' };

    it('takes exactly what it was bound to', async () => {
      const put = await store.presignPut('put/exact', bound);
      expect(put.headers).toEqual({
        'content-length': String(BODY.length),
        'content-type': 'text/csv',
        'x-amz-checksum-sha256': checksum(BODY),
      });
      const answer = await fetch(put.url, { method: put.method, headers: put.headers, body: BODY });
      expect(answer.status).toBe(200);
      expect((await stored('put/exact')).toString()).toBe(BODY);
      expect(put.expiresAt).toBeGreaterThan(Date.now());
      expect(put.expiresAt).toBeLessThanOrEqual(Date.now() + 300_000);
    });

    it('that binds nothing takes anything', async () => {
      const put = await store.presignPut('put/free', {});
      expect(put.headers).toEqual({});
      const answer = await fetch(put.url, { method: 'PUT', body: 'whatever' });
      expect(answer.status).toBe(200);
      expect((await stored('put/free')).toString()).toBe('whatever');
    });

    const longer = `${BODY}b\n`;
    const other = BODY.replace('a', 'b');
    it.each<[string, Record<string, string | undefined>, string]>([
      ['a longer body', { 'content-length': String(longer.length) }, longer],
      ['a longer body with the checksum of its own', lengthAndChecksum(longer), longer],
      ['a shorter body', { 'content-length': '3' }, BODY.slice(0, 3)],
      ['other bytes with the checksum of their own', { 'x-amz-checksum-sha256': checksum(other) }, other],
      ['no checksum', { 'x-amz-checksum-sha256': undefined }, BODY],
      ['another content type', { 'content-type': 'text/html' }, BODY],
      ['no content type', { 'content-type': undefined }, BODY],
    ])('refuses %s', async (what, changes, body) => {
      const key = `put/refused ${what}`;
      const put = await store.presignPut(key, bound);
      const headers = Object.entries({ ...put.headers, ...changes }).filter(
        (entry) => entry[1] !== undefined,
      );
      const answer = await sendAs(put, Object.fromEntries(headers) as Record<string, string>, body);
      expect([400, 403]).toContain(answer.status);
      expect(await store.head(key)).toBeNull();
    });

    it('refuses other bytes under the same headers', async () => {
      const put = await store.presignPut('put/other', bound);
      const answer = await sendAs(put, put.headers, other);
      if (opened().mayIgnoreChecksums && answer.status === 200) return;
      expect(answer.status).toBe(400);
      expect(await store.head('put/other')).toBeNull();
    });

    it('opens no other key, and no other method', async () => {
      const put = await store.presignPut('put/mine', bound);
      const elsewhere = put.url.replace('put/mine', 'put/theirs');
      expect((await sendAs({ url: elsewhere, method: 'PUT' }, put.headers, BODY)).status).toBe(403);
      await store.put('put/mine', Buffer.from('secret'));
      expect((await fetch(put.url)).status).toBe(403);
      expect((await fetch(put.url, { method: 'DELETE' })).status).toBe(403);
      expect((await stored('put/mine')).toString()).toBe('secret');
    });

    it('is over when its time is', async () => {
      const brief = s3ObjectStore({ ...settings, presignSeconds: 1 });
      const put = await brief.presignPut('put/late', {});
      brief.close();
      await new Promise((resolve) => setTimeout(resolve, put.expiresAt - Date.now() + 1100));
      expect((await fetch(put.url, { method: 'PUT', body: 'late' })).status).toBe(403);
      expect(await store.head('put/late')).toBeNull();
    });
  });

  describe('a presigned GET', () => {
    it('answers the object as a file of the given name', async () => {
      await store.put('get/results', Buffer.from('{"record":1}\n'), { contentType: 'application/x-ndjson' });
      const get = await store.presignGet('get/results', 'batch-all.ndjson');
      const answer = await fetch(get.url, { method: get.method, headers: get.headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-disposition')).toBe('attachment; filename="batch-all.ndjson"');
      expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
      expect(await answer.text()).toBe('{"record":1}\n');
    });

    it('opens no other object', async () => {
      await store.put('get/theirs', Buffer.from('secret'));
      const get = await store.presignGet('get/mine', 'x');
      expect((await fetch(get.url.replace('get/mine', 'get/theirs'))).status).toBe(403);
    });
  });

  describe('head', () => {
    it('answers null where there is nothing', async () => {
      expect(await store.head('head/nothing')).toBeNull();
    });

    it('answers the size, and an ETag that changes with the content', async () => {
      await store.put('head/it', Buffer.from('one'));
      const first = await store.head('head/it');
      expect(first).toEqual({ bytes: 3, etag: expect.stringMatching(/^"\w+"$/) });
      expect(await store.head('head/it')).toEqual(first);
      await store.put('head/it', Buffer.from('four'));
      const second = await store.head('head/it');
      expect(second?.bytes).toBe(4);
      expect(second?.etag).not.toBe(first?.etag);
    });
  });

  describe('read', () => {
    const CONTENT = randomBytes(100_000);
    beforeAll(() => store.put('read/it', CONTENT));

    it('answers the whole object', async () => {
      expect((await stored('read/it')).equals(CONTENT)).toBe(true);
    });

    it.each([
      [0, 1],
      [0, 100_000],
      [99_999, 100_000],
      [1234, 56_789],
    ])('answers the bytes [%i, %i)', async (start, end) => {
      const bytes = await buffer(await store.read('read/it', { range: { start, end } }));
      expect(bytes.equals(CONTENT.subarray(start, end))).toBe(true);
    });

    it('of an object that was overwritten since it was looked at is ObjectChanged', async () => {
      await store.put('read/changed', Buffer.from('before'));
      const looked = await store.head('read/changed');
      const same = await store.read('read/changed', { ifMatch: looked!.etag });
      expect((await buffer(same)).toString()).toBe('before');
      await store.put('read/changed', Buffer.from('after!'));
      const changed = store.read('read/changed', { ifMatch: looked!.etag });
      await expect(changed).rejects.toBeInstanceOf(ObjectChanged);
      const part = store.read('read/changed', { ifMatch: looked!.etag, range: { start: 0, end: 2 } });
      await expect(part).rejects.toBeInstanceOf(ObjectChanged);
    });

    it('of what is not there is ObjectGone', async () => {
      await expect(store.read('read/nothing')).rejects.toBeInstanceOf(ObjectGone);
      await expect(store.read('read/nothing', { ifMatch: '"x"' })).rejects.toBeInstanceOf(ObjectGone);
    });

    it('can be aborted before it begins and in the middle of the body', async () => {
      const aborted = AbortSignal.abort(new Error('not any more'));
      await expect(store.read('read/it', { signal: aborted })).rejects.toThrow();

      // Far more than any buffer between here and there holds.
      await store.put('read/large', Buffer.alloc(64 * MiB));
      const abort = new AbortController();
      const body = await store.read('read/large', { signal: abort.signal });
      let bytes = 0;
      const reading = (async () => {
        for await (const piece of body as AsyncIterable<Buffer>) {
          bytes += piece.length;
          abort.abort();
        }
      })();
      await expect(reading).rejects.toThrow();
      expect(bytes).toBeGreaterThan(0);
      expect(bytes).toBeLessThan(64 * MiB);
    });
  });

  describe('copy', () => {
    const put = async (key: string, body: string | Buffer) => {
      await store.put(key, Buffer.from(body));
      return (await store.head(key))!;
    };

    it('makes an object that outlives the change of its source', async () => {
      const head = await put('copy/from', 'content');
      await store.copy('copy/from', 'copy/to', head);
      await store.put('copy/from', Buffer.from('changed'));
      expect((await stored('copy/to')).toString()).toBe('content');
    });

    it('copies what was stored in parts', async () => {
      const content = randomBytes(9 * MiB);
      await store.putStream('copy/parts', Readable.from([content]));
      await store.copy('copy/parts', 'copy/whole', (await store.head('copy/parts'))!);
      expect(hex(await stored('copy/whole'))).toBe(hex(content));
    });

    it('of a source that is not there is ObjectGone', async () => {
      const copying = store.copy('copy/nothing', 'copy/none', { bytes: 1, etag: '"x"' });
      await expect(copying).rejects.toBeInstanceOf(ObjectGone);
      expect(await store.head('copy/none')).toBeNull();
    });

    it.each([
      ['of another length', 'longer than before'],
      ['of the same length', 'AFTER'],
    ])('of a source that was overwritten by one %s is ObjectChanged', async (what, after) => {
      const from = `copy/changed ${what}`;
      const head = await put(from, 'first');
      await put(from, after);
      await expect(store.copy(from, `${from} to`, head)).rejects.toBeInstanceOf(ObjectChanged);
      if (!opened().mayIgnoreCopyConditions) expect(await store.head(`${from} to`)).toBeNull();
    });

    it('can be aborted', async () => {
      const head = await put('copy/aborted', 'content');
      const aborted = AbortSignal.abort();
      await expect(
        store.copy('copy/aborted', 'copy/aborted to', head, { signal: aborted }),
      ).rejects.toThrow();
      expect(await store.head('copy/aborted to')).toBeNull();
    });
  });

  describe('put', () => {
    it('stores bytes with their type, also none, and over what was there', async () => {
      await store.put('bytes/it', Buffer.from('first'));
      await store.put('bytes/it', Buffer.alloc(0), { contentType: 'application/json' });
      expect(await store.head('bytes/it')).toMatchObject({ bytes: 0 });
      const get = await store.presignGet('bytes/it', 'x');
      expect((await fetch(get.url)).headers.get('content-type')).toBe('application/json');
    });

    it('can be aborted', async () => {
      const aborted = store.put('bytes/aborted', Buffer.from('x'), { signal: AbortSignal.abort() });
      await expect(aborted).rejects.toThrow();
      expect(await store.head('bytes/aborted')).toBeNull();
    });
  });

  describe('putStream', () => {
    const pieces = (content: Buffer, size: number) =>
      Readable.from(
        (function* () {
          for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
        })(),
      );

    it.each([
      ['nothing at all', 0],
      ['a few bytes', 10],
      ['one part exactly', 8 * MiB],
      ['many parts', 20 * MiB],
    ])('stores a stream of %s', async (what, bytes) => {
      const content = randomBytes(bytes);
      const key = `stream/${what}`;
      await store.putStream(key, pieces(content, 100_000), { contentType: 'application/x-ndjson' });
      expect(await store.head(key)).toMatchObject({ bytes });
      expect(hex(await stored(key))).toBe(hex(content));
      const get = await store.presignGet(key, 'x');
      const answer = await fetch(get.url);
      expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
      await answer.body?.cancel();
      expect(await unfinished(key)).toEqual([]);
    });

    it('shows nothing before it is whole', async () => {
      const body = new PassThrough();
      const storing = store.putStream('stream/growing', body);
      for (let part = 0; part < 3; part += 1) await write(body, randomBytes(8 * MiB));
      await expect.poll(() => unfinished('stream/growing'), PATIENT).toHaveLength(1);
      expect(await store.head('stream/growing')).toBeNull();
      body.end();
      await storing;
      expect(await store.head('stream/growing')).toMatchObject({ bytes: 24 * MiB });
    });

    it.each([
      ['its first part', 1000],
      ['its third part', 18 * MiB],
    ])('of a stream that breaks in %s throws its error and leaves nothing', async (what, bytes) => {
      const key = `stream/broken in ${what}`;
      const content = randomBytes(bytes);
      const body = Readable.from(
        (async function* () {
          yield* pieces(content, 1_000_000) as AsyncIterable<Buffer>;
          throw new Error('the source broke');
        })(),
      );
      await expect(store.putStream(key, body)).rejects.toThrow('the source broke');
      expect(await store.head(key)).toBeNull();
      expect(await unfinished(key)).toEqual([]);
    });

    it.each([
      ['in its first part', 1000],
      ['in its third part', 18 * MiB],
    ])('that is aborted %s, its source silent, throws the reason and leaves nothing', async (what, bytes) => {
      const key = `stream/aborted ${what}`;
      const abort = new AbortController();
      const body = new PassThrough();
      const storing = store.putStream(key, body, { signal: abort.signal });
      const ended = expect(storing).rejects.toThrow('not any more');
      for (let left = bytes; left > 0; left -= MiB) await write(body, randomBytes(Math.min(left, MiB)));
      if (bytes > 8 * MiB) await expect.poll(() => unfinished(key), PATIENT).toHaveLength(1);
      // The source never ends: nobody but the signal can end this.
      abort.abort(new Error('not any more'));
      await ended;
      expect(await unfinished(key)).toEqual([]);
      expect(await store.head(key)).toBeNull();
    });

    it('that was aborted before it began reads nothing', async () => {
      const signal = AbortSignal.abort(new Error('not any more'));
      const storing = store.putStream('stream/never', Readable.from([Buffer.from('x')]), { signal });
      await expect(storing).rejects.toThrow('not any more');
      expect(await store.head('stream/never')).toBeNull();
    });
  });

  describe('a key', () => {
    it.each([
      'with space',
      'a+b=c&d;e,f',
      'percent%20and%2Fslash',
      'what?not#this',
      'quotes "double" \'single\'',
      'brackets (1) [2] {3} *!~',
      'Größe/日本語/🦉',
      'double//slash',
      'dots/.../x',
      'x'.repeat(900),
    ])('such as %s names one object throughout', async (name) => {
      const key = `keys/${name}`;
      await store.put(key, Buffer.from(name));
      expect((await stored(key)).toString()).toBe(name);
      const head = (await store.head(key))!;
      await store.copy(key, `${key}.copy`, head);
      expect((await stored(`${key}.copy`)).toString()).toBe(name);
      await store.putStream(`${key}.stream`, Readable.from([Buffer.from(name)]));
      expect((await stored(`${key}.stream`)).toString()).toBe(name);
      const put = await store.presignPut(`${key}.put`, { bytes: 2 });
      expect((await fetch(put.url, { method: 'PUT', headers: put.headers, body: 'ok' })).status).toBe(200);
      const get = await store.presignGet(`${key}.put`, 'x');
      expect(await (await fetch(get.url)).text()).toBe('ok');
    });
  });

  it('pings a bucket that is there, and not one that is not', async () => {
    await store.ping();
    const other = s3ObjectStore({ ...settings, bucket: `${settings.bucket}-none` });
    await expect(other.ping()).rejects.toThrow();
    other.close();
  });
});

function lengthAndChecksum(body: string) {
  return { 'content-length': String(body.length), 'x-amz-checksum-sha256': checksum(body) };
}

async function write(body: PassThrough, bytes: Buffer): Promise<void> {
  if (!body.write(bytes)) await once(body, 'drain');
}

describe('a server in trouble', () => {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' };
  const servers: Server[] = [];
  const stores: S3ObjectStore[] = [];

  afterEach(async () => {
    for (const store of stores.splice(0)) store.close();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  async function listen(answer: RequestListener): Promise<string> {
    const server = createServer(answer);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  function storeAt(endpoint: string, options: Partial<S3Settings> = {}): S3ObjectStore {
    const store = s3ObjectStore({ ...settingsOf({ endpoint, credentials }), ...options });
    stores.push(store);
    return store;
  }

  /** Every request that the store makes of the server. */
  const requests: [string, (store: S3ObjectStore) => Promise<unknown>][] = [
    ['head', (store) => store.head('x')],
    ['read', (store) => store.read('x')],
    ['put', (store) => store.put('x', Buffer.from('x'))],
    ['a small putStream', (store) => store.putStream('x', Readable.from([Buffer.from('x')]))],
    ['a large putStream', (store) => store.putStream('x', Readable.from([Buffer.alloc(9 * MiB)]))],
    ['copy', (store) => store.copy('x', 'y', { bytes: 1, etag: '"x"' })],
    ['a large copy', (store) => store.copy('x', 'y', { bytes: 6 * 1024 ** 3, etag: '"x"' })],
    ['createMultipart', (store) => store.createMultipart('x')],
    ['listParts', (store) => store.listParts('x', 'id')],
    ['completeMultipart', (store) => store.completeMultipart('x', 'id', [{ number: 1, etag: '"x"' }])],
    ['abortMultipart', (store) => store.abortMultipart('x', 'id')],
    ['remove', (store) => store.remove('x')],
    ['removeAll', (store) => store.removeAll('x/')],
    ['bytesOf', (store) => store.bytesOf('x/')],
    ['ping', (store) => store.ping()],
  ];

  it.each(requests)('that is away makes %s a RetryableFault', async (_name, request) => {
    // A port on which nobody listens any more.
    const endpoint = await listen(() => undefined);
    await new Promise((resolve) => servers.pop()!.close(resolve));
    await expect(request(storeAt(endpoint))).rejects.toBeInstanceOf(RetryableFault);
  });

  it.each(requests)('that answers 503 makes %s a RetryableFault', async (_name, request) => {
    const endpoint = await listen((incoming, response) => {
      incoming.resume();
      response.writeHead(503).end();
    });
    await expect(request(storeAt(endpoint))).rejects.toMatchObject({
      name: 'RetryableFault',
      message: 'the object store answered 503',
    });
  });

  it('that refuses is none that can be retried', async () => {
    const endpoint = await listen((_incoming, response) => void response.writeHead(403).end());
    const error = await storeAt(endpoint)
      .head('x')
      .catch((it: unknown) => it);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(RetryableFault);
  });

  it.each(requests)('that takes %s in and stays silent is given up', async (_name, request) => {
    const endpoint = await listen((incoming) => void incoming.resume());
    const store = storeAt(endpoint, { silenceMs: 200 });
    await expect(request(store)).rejects.toMatchObject({
      name: 'RetryableFault',
      message: 'the object store could not be reached',
    });
  });

  it('that stays silent does not hold up an upload that is aborted', async () => {
    const arrived = gate();
    const endpoint = await listen((incoming) => {
      incoming.resume();
      void arrived.wait();
    });
    const abort = new AbortController();
    const body = Readable.from([Buffer.from('x')]);
    const storing = storeAt(endpoint).putStream('x', body, { signal: abort.signal });
    const ended = expect(storing).rejects.toThrow('not any more');
    await arrived.arrived;
    abort.abort(new Error('not any more'));
    await ended;
  });

  it('that falls silent in the middle of a body is given up', async () => {
    const silent = gate();
    const endpoint = await listen((_incoming, response) => {
      response.writeHead(200, { 'content-length': '1000', etag: '"x"' });
      response.write('the beginning');
      void silent.wait();
    });
    const body = await storeAt(endpoint, { silenceMs: 200 }).read('x');
    await silent.arrived;
    await expect(buffer(body)).rejects.toBeInstanceOf(RetryableFault);
  });

  it('that cuts the connection in the middle of a body makes the reading a RetryableFault', async () => {
    const endpoint = await listen((_incoming, response) => {
      response.writeHead(200, { 'content-length': '1000', etag: '"x"' });
      response.write('the beginning', () => response.destroy());
    });
    const body = await storeAt(endpoint).read('x');
    await expect(buffer(body)).rejects.toBeInstanceOf(RetryableFault);
  });
});
