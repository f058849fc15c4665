import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import type { S3ObjectStore } from '../../src/adapters/s3/object-store.ts';
import type { PartSize } from '../../src/adapters/s3/part-size.ts';
import { PermanentFault } from '../../src/core/errors.ts';
import {
  ObjectChanged,
  ObjectGone,
  PartsRefused,
  type UploadedPart,
  UploadGone,
} from '../../src/engine/ports/object-store.ts';
import { onEveryServer, type TestStore } from '../support/object-stores.ts';

/** The `ObjectStore` port, as far as it is about uploads in parts, large copies and removal. */

const MiB = 1024 * 1024;
const PATIENT = { timeout: 60_000, interval: 50 };

const hex = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A part that is not the last has at least 5 MiB. */
const CONTENTS = [randomBytes(5 * MiB), randomBytes(5 * MiB + 1), Buffer.from('the end')];

onEveryServer('uploads in parts', (opened) => {
  let store: S3ObjectStore;
  beforeAll(() => {
    store = opened().with({ pageKeys: 2 });
  });

  const stored = async (key: string) => await buffer(await store.read(key));
  const putTo = async (url: string, body: Buffer) => {
    const answer = await fetch(url, { method: 'PUT', body: new Uint8Array(body) });
    await answer.arrayBuffer();
    return answer;
  };

  /** An upload whose parts have been put as a client does it. */
  async function filled(key: string, contents = CONTENTS) {
    const id = await store.createMultipart(key, { contentType: 'text/csv' });
    const { urls } = await store.presignParts(key, id, contents.length);
    const parts: UploadedPart[] = [];
    for (const [index, content] of contents.entries()) {
      const answer = await putTo(urls[index]!, content);
      expect(answer.status).toBe(200);
      parts.push({ number: index + 1, etag: answer.headers.get('etag')! });
    }
    return { id, urls, parts };
  }

  it('become one object when they are completed, and are nothing before', async () => {
    const key = 'parts/whole';
    const { id, parts } = await filled(key);
    expect(await store.head(key)).toBeNull();
    expect(await store.listParts(key, id)).toEqual(
      parts.map((part, index) => ({ ...part, bytes: CONTENTS[index]!.length })),
    );
    const completed = await store.completeMultipart(key, id, parts);
    expect(completed).toEqual({ bytes: 10 * MiB + 8, etag: expect.stringMatching(/^"\w+-3"$/) });
    expect(await store.head(key)).toEqual(completed);
    expect(hex(await stored(key))).toBe(hex(Buffer.concat(CONTENTS)));
    const get = await store.presignGet(key, 'x');
    const answer = await fetch(get.url);
    await answer.body?.cancel();
    expect(answer.headers.get('content-type')).toBe('text/csv');
    expect(await opened().unfinished(key)).toEqual([]);
  });

  it('may be put again: the last one counts', async () => {
    const key = 'parts/again';
    const { id, urls, parts } = await filled(key);
    const answer = await putTo(urls[2]!, Buffer.from('another end'));
    const last = { number: 3, etag: answer.headers.get('etag')! };
    expect((await store.listParts(key, id))[2]).toEqual({ ...last, bytes: 11 });
    await expect(store.completeMultipart(key, id, parts)).rejects.toBeInstanceOf(PartsRefused);
    await store.completeMultipart(key, id, [...parts.slice(0, 2), last]);
    expect((await stored(key)).subarray(-11).toString()).toBe('another end');
  });

  it('are refused in any other form, which leaves them as they were', async () => {
    const key = 'parts/refused';
    const { id, parts } = await filled(key);
    const [first, second, third] = parts as [UploadedPart, UploadedPart, UploadedPart];
    const wrong = { ...second, etag: '"0123456789abcdef0123456789abcdef"' };
    for (const list of [
      [first, wrong, third],
      [second, first, third],
      [first, first, third],
      [first, second, { ...third, number: 4 }],
    ]) {
      await expect(store.completeMultipart(key, id, list)).rejects.toBeInstanceOf(PartsRefused);
    }
    expect(await store.head(key)).toBeNull();
    await store.completeMultipart(key, id, parts);
    expect(await store.head(key)).toMatchObject({ bytes: 10 * MiB + 8 });
  });

  it('are refused when one that is not the last is too small', async () => {
    const key = 'parts/small';
    const { id, parts } = await filled(key, [Buffer.from('small'), Buffer.from('end')]);
    await expect(store.completeMultipart(key, id, parts)).rejects.toMatchObject({
      name: 'PartsRefused',
      code: 'EntityTooSmall',
    });
    await store.abortMultipart(key, id);
  });

  it('are gone with their upload', async () => {
    const key = 'parts/aborted';
    const { id, urls, parts } = await filled(key);
    await store.abortMultipart(key, id);
    await store.abortMultipart(key, id);
    await expect(store.listParts(key, id)).rejects.toBeInstanceOf(UploadGone);
    await expect(store.completeMultipart(key, id, parts)).rejects.toBeInstanceOf(UploadGone);
    expect((await putTo(urls[0]!, Buffer.from('late'))).status).toBe(404);
    expect(await store.head(key)).toBeNull();
  });

  it('once completed stay so, whatever comes afterwards', async () => {
    const key = 'parts/completed';
    const { id, urls, parts } = await filled(key);
    const completed = await store.completeMultipart(key, id, parts);
    await expect(store.listParts(key, id)).rejects.toBeInstanceOf(UploadGone);
    // Servers differ in what they say of a second time.
    const again = await store.completeMultipart(key, id, parts).catch((error: unknown) => error);
    if (!(again instanceof UploadGone)) expect(again).toEqual(completed);
    await store.abortMultipart(key, id);
    expect((await putTo(urls[0]!, Buffer.from('late'))).status).toBe(404);
    expect(await store.head(key)).toEqual(completed);
  });

  describe('the URL of a part', () => {
    const ofUpload = (url: string, id: string) => {
      const changed = new URL(url);
      changed.searchParams.set('uploadId', id);
      return changed.href;
    };

    it('opens that part and nothing else', async () => {
      const key = 'parts/url';
      const id = await store.createMultipart(key);
      const other = await store.createMultipart(key);
      const { urls, expiresAt } = await store.presignParts(key, id, 2);
      expect(expiresAt).toBeGreaterThan(Date.now());
      expect(expiresAt).toBeLessThanOrEqual(Date.now() + 300_000);
      const [url] = urls as [string, string];
      for (const changed of [
        url.replace('partNumber=1', 'partNumber=2'),
        url.replace('parts/url', 'parts/urls'),
        ofUpload(url, other),
      ]) {
        expect(changed).not.toBe(url);
        expect((await putTo(changed, Buffer.from('x'))).status).toBe(403);
      }
      expect((await fetch(url)).status).toBe(403);
      expect((await fetch(url, { method: 'DELETE' })).status).toBe(403);
      expect(await store.listParts(key, id)).toEqual([]);
      await store.removeAll(key);
    });

    it('is there for as many as S3 has', async () => {
      const key = 'parts/ten thousand';
      const id = await store.createMultipart(key);
      const { urls } = await store.presignParts(key, id, 10_000);
      expect(new Set(urls).size).toBe(10_000);
      expect((await putTo(urls[9_999]!, Buffer.from('x'))).status).toBe(200);
      expect(await store.listParts(key, id)).toMatchObject([{ number: 10_000, bytes: 1 }]);
      await store.abortMultipart(key, id);
    });

    it('is over when its time is', async () => {
      const key = 'parts/late';
      const id = await store.createMultipart(key);
      const { urls, expiresAt } = await opened().with({ presignSeconds: 1 }).presignParts(key, id, 1);
      await new Promise((resolve) => setTimeout(resolve, expiresAt - Date.now() + 1100));
      expect((await putTo(urls[0]!, Buffer.from('late'))).status).toBe(403);
      await store.abortMultipart(key, id);
    });
  });
});

onEveryServer('copies of large objects', (opened) => {
  /** Everything above 6 MiB is copied in parts, as everything above 5 GiB is with S3's own limit. */
  const copies = { wholeBytes: 6 * MiB, partBytes: 5 * MiB };
  const CONTENT = randomBytes(20 * MiB + 17);
  let world: TestStore;
  let store: S3ObjectStore;
  beforeAll(() => {
    world = opened();
    store = world.with({ copies });
  });

  const put = async (key: string, body: Buffer) => {
    await store.put(key, body);
    return (await store.head(key))!;
  };

  it('are the same bytes, whether the source was put whole or in parts', async () => {
    await store.copy('large/whole', 'large/copy', await put('large/whole', CONTENT));
    expect(hex(await buffer(await store.read('large/copy')))).toBe(hex(CONTENT));
    expect((await store.head('large/copy'))?.etag).toMatch(/-5"$/);
    await store.putStream('large/parts', Readable.from([CONTENT]));
    await store.copy('large/parts', 'large/copy of parts', (await store.head('large/parts'))!);
    expect(hex(await buffer(await store.read('large/copy of parts')))).toBe(hex(CONTENT));
    expect(await world.unfinished('large/')).toEqual([]);
  });

  it.each([
    ['shorter', CONTENT.subarray(0, 11 * MiB)],
    ['of the same length', Buffer.from(CONTENT).reverse()],
    ['longer', Buffer.concat([CONTENT, CONTENT.subarray(0, 10)])],
  ])('of a source that was overwritten by one that is %s are ObjectChanged', async (what, after) => {
    const from = `changed/${what}`;
    const head = await put(from, CONTENT);
    await put(from, after);
    await expect(store.copy(from, `${from} to`, head)).rejects.toBeInstanceOf(ObjectChanged);
    if (!world.mayIgnoreCopyConditions) expect(await store.head(`${from} to`)).toBeNull();
    expect(await world.unfinished(`${from} to`)).toEqual([]);
  });

  it('of a source that is not there are ObjectGone, and leave nothing', async () => {
    const copying = store.copy('gone/from', 'gone/to', { bytes: 20 * MiB, etag: '"x"' });
    await expect(copying).rejects.toBeInstanceOf(ObjectGone);
    expect(await store.head('gone/to')).toBeNull();
    expect(await world.unfinished('gone/')).toEqual([]);
  });

  it('can be aborted, and leave nothing', async () => {
    const head = await put('aborted/from', CONTENT);
    const abort = new AbortController();
    const copying = store.copy('aborted/from', 'aborted/to', head, { signal: abort.signal });
    const ended = expect(copying).rejects.toThrow();
    await Promise.race([expect.poll(() => world.unfinished('aborted/'), PATIENT).toHaveLength(1), ended]);
    abort.abort();
    await ended;
    expect(await world.unfinished('aborted/')).toEqual([]);
    expect(await store.head('aborted/to')).toBeNull();
  });
});

onEveryServer('streams whose parts grow', (opened) => {
  /** Three parts at the most, each larger than the one before. */
  const partBytes: PartSize = (number) => {
    if (number > 3) throw new PermanentFault('object_too_large', 'three parts are full');
    return (4 + number) * MiB;
  };

  it('are stored as they are', async () => {
    const { unfinished, ...world } = opened();
    const store = world.with({ partBytes });
    const key = 'stream/growing';
    const body = new PassThrough();
    const storing = store.putStream(key, body);
    const content = randomBytes(12 * MiB);
    if (!body.write(content)) await once(body, 'drain');
    await expect.poll(() => unfinished(key), PATIENT).toHaveLength(1);
    const [id] = await unfinished(key);
    await expect.poll(() => store.listParts(key, id!), PATIENT).toHaveLength(2);
    expect((await store.listParts(key, id!)).map((part) => part.bytes)).toEqual([5 * MiB, 6 * MiB]);
    body.end();
    await storing;
    expect(hex(await buffer(await store.read(key)))).toBe(hex(content));
  });

  it('that are too large for the store are refused for good, and leave nothing', async () => {
    const { unfinished, ...world } = opened();
    const store = world.with({ partBytes });
    const whole = Readable.from([randomBytes(18 * MiB)]);
    await store.putStream('stream/full', whole);
    expect(await store.head('stream/full')).toMatchObject({ bytes: 18 * MiB });

    const body = Readable.from([randomBytes(18 * MiB + 1)]);
    await expect(store.putStream('stream/huge', body)).rejects.toMatchObject({
      name: 'PermanentFault',
      code: 'object_too_large',
    });
    expect(body.destroyed).toBe(true);
    expect(await store.head('stream/huge')).toBeNull();
    expect(await unfinished('stream/huge')).toEqual([]);
  });
});

onEveryServer('removal', (opened) => {
  let world: TestStore;
  let store: S3ObjectStore;
  beforeAll(() => {
    world = opened();
    // More than a page of everything.
    store = world.with({ pageKeys: 2 });
  });

  it('of an object, also of one that is not there', async () => {
    await store.put('remove/it', Buffer.from('x'));
    await store.put('remove/it too', Buffer.from('x'));
    await store.remove('remove/it');
    await store.remove('remove/it');
    expect(await store.head('remove/it')).toBeNull();
    expect(await store.head('remove/it too')).not.toBeNull();
  });

  /** Five objects and four unfinished uploads, three of them of one key; and neighbours that must stay. */
  async function fill(prefix: string): Promise<void> {
    for (const name of ['a', 'b', 'b/c', 'ä ö&<>"', 'z'.repeat(500)]) {
      await store.put(`${prefix}${name}`, Buffer.from(name));
    }
    for (const name of ['b', 'm', 'm', 'm']) {
      const Key = `${prefix}${name}`;
      await world.client.send(new CreateMultipartUploadCommand({ Bucket: world.settings.bucket, Key }));
    }
    const neighbour = prefix.slice(0, -1);
    await store.put(neighbour, Buffer.from('x'));
    await store.put(`${neighbour}-/x`, Buffer.from('x'));
    await store.createMultipart(`${neighbour}-/x`);
  }

  async function onlyNeighbours(prefix: string): Promise<void> {
    expect(await world.unfinished(prefix)).toEqual([]);
    const neighbour = prefix.slice(0, -1);
    expect(await world.unfinished(neighbour)).toHaveLength(1);
    expect(await store.head(neighbour)).not.toBeNull();
    expect(await store.head(`${neighbour}-/x`)).not.toBeNull();
    for (const name of ['a', 'b', 'b/c', 'ä ö&<>"', 'z'.repeat(500)]) {
      expect(await store.head(`${prefix}${name}`)).toBeNull();
    }
  }

  it('of everything that begins so: objects and unfinished uploads, and nothing else', async () => {
    await fill('all/1/');
    expect(await store.removeAll('all/1/')).toBe(9);
    await onlyNeighbours('all/1/');
    expect(await store.removeAll('all/1/')).toBe(0);
  });

  it('is told beforehand in bytes, of objects over several pages', async () => {
    await fill('all/4/');
    const names = ['a', 'b', 'b/c', 'ä ö&<>"', 'z'.repeat(500)];
    expect(await store.bytesOf('all/4/')).toBe(Buffer.byteLength(names.join('')));
    expect(await store.bytesOf('all/none/')).toBe(0);
    const signal = AbortSignal.abort(new Error('not any more'));
    await expect(store.bytesOf('all/4/', { signal })).rejects.toThrow('not any more');
  });

  it('by two at once harms neither', async () => {
    await fill('all/2/');
    const counts = await Promise.all([store.removeAll('all/2/'), store.removeAll('all/2/')]);
    for (const count of counts) expect(count).toBeLessThanOrEqual(9);
    expect(counts[0]! + counts[1]!).toBeGreaterThanOrEqual(9);
    await onlyNeighbours('all/2/');
  });

  it('that is aborted throws the reason, and can be done again', async () => {
    await fill('all/3/');
    const signal = AbortSignal.abort(new Error('not any more'));
    await expect(store.removeAll('all/3/', { signal })).rejects.toThrow('not any more');
    expect(await store.head('all/3/a')).not.toBeNull();
    await store.removeAll('all/3/');
    await onlyNeighbours('all/3/');
  });

  it('of the whole bucket is nobody’s wish', async () => {
    await expect(store.removeAll('')).rejects.toThrow('a prefix must be given');
  });
});
