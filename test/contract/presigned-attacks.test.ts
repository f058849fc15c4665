import { beforeAll, describe, expect, it } from 'vitest';
import type { S3ObjectStore } from '../../src/adapters/s3/object-store.ts';
import type { PresignedRequest } from '../../src/engine/ports/object-store.ts';
import { onEveryServer } from '../support/object-stores.ts';
import { send } from '../support/s3-signing.ts';

/**
 * Presigned URLs that were changed, on every S3 server that there is: what their holder may not do with them. What is
 * bound to them (size, hash, type, time) is in object-store.test.ts, parts of uploads in object-parts.test.ts.
 */

const BODY = 'learner_id\na\n';

/** The same request but for its URL, method or headers, as it goes over the wire. */
async function sendChanged(
  { url, method, headers }: PresignedRequest,
  change: { url?: string; method?: string; headers?: Record<string, string>; body?: string } = {},
) {
  // URL would resolve the `..` of a path.
  const [, origin = '', path = '', query = ''] =
    /^(https?:\/\/[^/]+)([^?]*)\??(.*)$/.exec(change.url ?? url) ?? [];
  return await send(origin, {
    method: change.method ?? method,
    path,
    query,
    headers: { host: new URL(origin).host, ...headers, ...change.headers },
    body: change.body ?? (method === 'PUT' ? BODY : ''),
  });
}

const parameter = (url: string, name: string) => new URL(url).searchParams.get(name) ?? '';

function withParameter(url: string, name: string, value: string): string {
  const changed = new URL(url);
  changed.searchParams.set(name, value);
  return changed.href;
}

function without(url: string, name: string): string {
  const changed = new URL(url);
  changed.searchParams.delete(name);
  return changed.href;
}

/** Each takes a URL to another, given one that is as good for something else. */
const CHANGES: [string, (url: string, other: string) => string][] = [
  ['nothing signed', (url) => url.replace(/\?.*/, '')],
  ['no signature', (url) => without(url, 'X-Amz-Signature')],
  ['an empty signature', (url) => withParameter(url, 'X-Amz-Signature', '')],
  [
    'the signature of another',
    (url, other) => withParameter(url, 'X-Amz-Signature', parameter(other, 'X-Amz-Signature')),
  ],
  ['all of the query of another', (url, other) => url.replace(/\?.*/, '') + other.replace(/[^?]*/, '')],
  ['more time', (url) => withParameter(url, 'X-Amz-Expires', '604800')],
  [
    'a later date',
    (url) => withParameter(url, 'X-Amz-Date', `${parameter(url, 'X-Amz-Date').slice(0, 9)}235959Z`),
  ],
  [
    'another key id',
    (url) => withParameter(url, 'X-Amz-Credential', `x${parameter(url, 'X-Amz-Credential')}`),
  ],
  [
    'another region',
    (url) =>
      withParameter(
        url,
        'X-Amz-Credential',
        parameter(url, 'X-Amz-Credential').replace('us-east-1', 'eu-west-1'),
      ),
  ],
  ['another algorithm', (url) => withParameter(url, 'X-Amz-Algorithm', 'none')],
  ['fewer signed headers', (url) => withParameter(url, 'X-Amz-SignedHeaders', '')],
  ['another account’s key', (url) => url.replace('/account-1/', '/account-2/')],
  ['a way up to another account', (url) => url.replace('/account-1/', '/account-1/../account-2/')],
  ['an encoded way up', (url) => url.replace('/account-1/', '/account-1/%2e%2e/account-2/')],
  ['a bucket for a key', (url) => url.replace(/\/account-1\/[^?]*/, '/')],
  ['the whole bucket', (url) => url.replace(/\/(uploads|batches)\/account-1\/[^?]*/, '')],
];

onEveryServer('a presigned URL', (opened) => {
  let store: S3ObjectStore;
  beforeAll(() => {
    ({ store } = opened());
  });

  const mine = 'uploads/account-1/mine';
  const theirs = 'uploads/account-2/mine';
  const bound = { bytes: BODY.length };

  describe('of an upload', () => {
    it.each(CHANGES)('with %s', async (_name, change) => {
      const put = await store.presignPut(mine, bound);
      const other = await store.presignPut(theirs, bound);
      const url = change(put.url, other.url);
      expect(url).not.toBe(put.url);
      expect((await sendChanged(put, { url })).status).toBeOneOf([400, 403, 404, 405]);
      expect([await store.head(mine), await store.head(theirs)]).toEqual([null, null]);
    });

    it.each([
      ['x-amz-copy-source', (bucket: string) => `/${bucket}/secret`],
      ['x-amz-acl', () => 'public-read'],
      ['x-amz-website-redirect-location', () => 'https://evil.example.com'],
    ])('with the header %s, which was not signed', async (name, value) => {
      await store.put('secret', Buffer.from('of-account-2'));
      const put = await store.presignPut(mine, bound);
      const { status } = await sendChanged(put, { headers: { [name]: value(opened().settings.bucket) } });
      const refused = status === 403 && (await store.head(mine)) === null;
      expect(refused || opened().mayTakeUnsignedHeaders).toBe(true);
      await store.removeAll(mine);
    });

    it('does not turn into a multipart upload, nor delete', async () => {
      const put = await store.presignPut(mine, bound);
      for (const [method, query] of [
        ['POST', '&uploads='],
        ['PUT', '&partNumber=1&uploadId=x'],
        ['DELETE', ''],
        ['GET', ''],
        ['HEAD', ''],
      ] as const) {
        const answer = await sendChanged(put, {
          method,
          url: put.url + query,
          body: method === 'PUT' ? BODY : '',
        });
        expect([method, answer.status]).toEqual([method, expect.toBeOneOf([400, 403])]);
      }
      expect(await opened().unfinished(mine)).toEqual([]);
    });
  });

  describe('of a result', () => {
    const result = 'batches/account-1/all';
    const foreign = 'batches/account-2/all';
    beforeAll(async () => {
      await store.put(result, Buffer.from('mine'));
      await store.put(foreign, Buffer.from('of-account-2'));
    });

    it.each(CHANGES)('with %s', async (_name, change) => {
      const get = await store.presignGet(result, 'all.ndjson');
      const other = await store.presignGet(foreign, 'all.ndjson');
      const url = change(get.url, other.url);
      expect(url).not.toBe(get.url);
      const answer = await sendChanged(get, { url });
      expect(answer.status).toBeOneOf([400, 403, 404]);
      expect(answer.body.toString()).not.toContain('of-account-2');
    });

    it('does not write, delete or list, nor come as another type', async () => {
      const get = await store.presignGet(result, 'all.ndjson');
      for (const [method, query] of [
        ['PUT', ''],
        ['DELETE', ''],
        ['POST', '&uploads='],
        ['GET', '&response-content-type=text/html'],
        ['GET', '&acl='],
      ] as const) {
        const answer = await sendChanged(get, {
          method,
          url: get.url + query,
          body: method === 'PUT' ? BODY : '',
        });
        expect([method, query, answer.status]).toEqual([method, query, expect.toBeOneOf([400, 403])]);
      }
      const typed = get.url.replace('all.ndjson', 'page.html');
      expect(typed).not.toBe(get.url);
      expect((await sendChanged(get, { url: typed })).status).toBe(403);
      expect((await store.head(result))?.bytes).toBe(4);
    });
  });
});
