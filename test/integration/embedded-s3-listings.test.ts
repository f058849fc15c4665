import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandInput,
  ListObjectsCommand,
  type ListObjectsCommandInput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { s3OfFile } from '../support/s3-of-file.ts';
import type { TestS3 } from '../support/s3-server.ts';
import { send, signed } from '../support/s3-signing.ts';

/* The listings beside ListObjectsV2: its first version, uploads and buckets, each page by page. */

let s3: TestS3;
let client: S3Client;
let Bucket: string;
const keys = ['a/1', 'a/2', 'a/b/1', 'b', 'c/1', 'c/2', 'd ü', 'e/'];

s3OfFile((made) => {
  ({ s3, client, Bucket } = made);
});
beforeAll(async () => {
  for (const Key of keys) await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
});

describe('the first version of the listing', () => {
  const all = async (query: Partial<ListObjectsCommandInput>): Promise<string[][]> => {
    const pages: string[][] = [];
    let Marker = query.Marker;
    for (;;) {
      const page = await client.send(new ListObjectsCommand({ Bucket, ...query, Marker }));
      const listed = (page.Contents ?? []).map(({ Key = '' }) => Key);
      pages.push([...listed, ...(page.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix)]);
      if (!page.IsTruncated) return pages;
      expect(pages.length).toBeLessThan(keys.length);
      // Without a delimiter S3 names no next marker: it is the last key.
      expect(page.NextMarker === undefined).toBe(query.Delimiter === undefined);
      Marker = page.NextMarker ?? listed.at(-1);
    }
  };

  it('goes on behind the last key, or the last common prefix', async () => {
    expect(await all({})).toEqual([keys]);
    expect(await all({ MaxKeys: 3 })).toEqual([keys.slice(0, 3), keys.slice(3, 6), keys.slice(6)]);
    const folded = ['a/', 'b', 'c/', 'd ü', 'e/'];
    expect((await all({ Delimiter: '/', MaxKeys: 1 })).flat()).toEqual(folded);
    expect((await all({ Delimiter: '/', MaxKeys: 2 })).flat().sort()).toEqual(folded);
    expect(await all({ Delimiter: '/', Prefix: 'a/' })).toEqual([['a/1', 'a/2', 'a/b/']]);
    expect(await all({ Marker: 'c/1' })).toEqual([['c/2', 'd ü', 'e/']]);
    expect(await all({ Marker: 'c/', Delimiter: '/' })).toEqual([['d ü', 'e/']]);
    expect(await all({ Marker: 'z' })).toEqual([[]]);
  });

  it('says who the owner is, and refuses what it does not know', async () => {
    const { Contents, Marker, MaxKeys } = await client.send(new ListObjectsCommand({ Bucket, Prefix: 'b' }));
    expect(Contents).toMatchObject([{ Key: 'b', Size: 1, Owner: { ID: 'sheaf' }, StorageClass: 'STANDARD' }]);
    expect([Marker ?? '', MaxKeys]).toEqual(['', 1000]);
    for (const query of ['start-after=a', 'continuation-token=a', 'list-type=3', 'versions=']) {
      const get = signed(s3.server.endpoint, { method: 'GET', path: `/${Bucket}`, query });
      expect(await send(s3.server.endpoint, get)).toMatchObject({ status: 501, code: 'NotImplemented' });
    }
    const get = signed(s3.server.endpoint, { method: 'GET', path: `/${Bucket}`, query: 'max-keys=a' });
    expect(await send(s3.server.endpoint, get)).toMatchObject({ status: 400, code: 'InvalidArgument' });
  });

  it('percent-encodes keys when asked to', async () => {
    const query = 'delimiter=%2F&encoding-type=url&marker=c%2F&max-keys=1';
    const get = signed(s3.server.endpoint, { method: 'GET', path: `/${Bucket}`, query });
    const text = (await send(s3.server.endpoint, get)).body.toString();
    for (const part of [
      '<Key>d%20%C3%BC</Key>',
      '<NextMarker>d%20%C3%BC</NextMarker>',
      '<Marker>c/</Marker>',
    ]) {
      expect(text).toContain(part);
    }
  });
});

describe('multipart uploads', () => {
  let own: string;
  const ids: Record<string, string[]> = {};

  beforeAll(async () => {
    own = await s3.bucket();
    for (const Key of ['x/1', 'x/2', 'x/2', 'y', 'y', 'z/1', '\u{1f389}', '\uffee']) {
      const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ Bucket: own, Key }));
      ids[Key] = [...(ids[Key] ?? []), UploadId];
    }
  });

  const all = async (query: Partial<ListMultipartUploadsCommandInput>): Promise<string[]> => {
    const listed: string[] = [];
    let markers: { KeyMarker?: string; UploadIdMarker?: string } = {};
    for (;;) {
      const page = await client.send(new ListMultipartUploadsCommand({ Bucket: own, ...query, ...markers }));
      const items = [
        ...(page.Uploads ?? []).map(({ Key = '', UploadId = '' }) => {
          expect(ids[Key]).toContain(UploadId);
          return Key;
        }),
        ...(page.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix),
      ];
      expect(items.length).toBeLessThanOrEqual(query.MaxUploads ?? 1000);
      listed.push(...items);
      if (!page.IsTruncated) return listed;
      expect(listed.length).toBeLessThanOrEqual(10);
      markers = { KeyMarker: page.NextKeyMarker };
      if (page.NextUploadIdMarker) markers.UploadIdMarker = page.NextUploadIdMarker;
    }
  };

  it('are listed in pages of any size, folded or not', async () => {
    const inOrder = ['x/1', 'x/2', 'x/2', 'y', 'y', 'z/1', '\uffee', '\u{1f389}'];
    const folded = ['x/', 'y', 'y', 'z/', '\uffee', '\u{1f389}'];
    for (const MaxUploads of [1, 2, 3, 1000]) {
      expect(await all({ MaxUploads })).toEqual(inOrder);
      expect((await all({ MaxUploads, Delimiter: '/' })).sort()).toEqual([...folded].sort());
      expect(await all({ MaxUploads, Prefix: 'x/', Delimiter: '/' })).toEqual(['x/1', 'x/2', 'x/2']);
    }
    expect(await all({ MaxUploads: 1, Delimiter: '/' })).toEqual(folded);
  });
});

describe('buckets', () => {
  it('are listed in pages, by prefix', async () => {
    for (const name of ['page-1', 'page-2', 'page-3'])
      await client.send(new CreateBucketCommand({ Bucket: name }));
    const listed: string[][] = [];
    let ContinuationToken: string | undefined;
    do {
      const query = { Prefix: 'page-', MaxBuckets: 2, ContinuationToken };
      const page = await client.send(new ListBucketsCommand(query));
      listed.push((page.Buckets ?? []).map(({ Name = '' }) => Name));
      ContinuationToken = page.ContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(listed).toEqual([['page-1', 'page-2'], ['page-3']]);
    await expect(client.send(new ListBucketsCommand({ MaxBuckets: 0 }))).rejects.toMatchObject({
      name: 'InvalidArgument',
    });
  });
});
