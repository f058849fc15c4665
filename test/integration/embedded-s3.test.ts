import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  ListPartsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { beforeAll, describe, expect, it } from 'vitest';
import { refusal, s3OfFile } from '../support/s3-of-file.ts';
import type { TestS3 } from '../support/s3-server.ts';
import { send, signed } from '../support/s3-signing.ts';

const MIB = 1024 ** 2;
let s3: TestS3;
let client: S3Client;
let Bucket: string;

s3OfFile((made) => {
  ({ s3, client, Bucket } = made);
});

const put = (Key: string, Body: PutObjectCommandInput['Body'], more: Partial<PutObjectCommandInput> = {}) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
  client.send(new GetObjectCommand({ Bucket, Key, ...more }));
const bytesOf = async (Key: string, more: Partial<GetObjectCommandInput> = {}): Promise<Buffer> =>
  Buffer.from((await (await get(Key, more)).Body?.transformToByteArray()) ?? []);
const endpointOf = (): string => s3.server.endpoint;
const md5 = (data: Buffer): string => createHash('md5').update(data).digest('hex');

describe('buckets', () => {
  it('are made, listed, found and removed', async () => {
    await client.send(new CreateBucketCommand({ Bucket: 'made' }));
    const again = client.send(new CreateBucketCommand({ Bucket: 'made' }));
    await expect(again).rejects.toEqual(refusal('BucketAlreadyOwnedByYou', 409));
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toContain('made');
    await client.send(new HeadBucketCommand({ Bucket: 'made' }));
    const { LocationConstraint } = await client.send(new GetBucketLocationCommand({ Bucket: 'made' }));
    expect(LocationConstraint).toBe('eu-west-1');
    await client.send(new PutObjectCommand({ Bucket: 'made', Key: 'x', Body: 'x' }));
    const full = client.send(new DeleteBucketCommand({ Bucket: 'made' }));
    await expect(full).rejects.toEqual(refusal('BucketNotEmpty', 409));
    await client.send(new DeleteObjectCommand({ Bucket: 'made', Key: 'x' }));
    await client.send(new DeleteBucketCommand({ Bucket: 'made' }));
    await expect(client.send(new HeadBucketCommand({ Bucket: 'made' }))).rejects.toEqual(
      refusal('NotFound', 404),
    );
    const lost = client.send(new PutObjectCommand({ Bucket: 'made', Key: 'x', Body: 'x' }));
    await expect(lost).rejects.toEqual(refusal('NoSuchBucket', 404));
  });

  it('have names by the rules', async () => {
    for (const name of ['ab', 'Upper', 'a..b', '-ab', '..', 'a_b', '10.0.0.1', 'x'.repeat(64), '.new-x']) {
      const answer = await send(endpointOf(), signed(endpointOf(), { method: 'PUT', path: `/${name}` }));
      expect([name, answer.status, answer.code]).toEqual([name, 400, 'InvalidBucketName']);
    }
  });
});

describe('objects', () => {
  it('come back as they were put, with their headers', async () => {
    const sent = {
      ContentType: 'text/csv; charset=utf-8',
      ContentDisposition: 'attachment; filename="a.csv"',
      CacheControl: 'no-store',
      ContentEncoding: 'identity',
      ContentLanguage: 'de',
      Metadata: { source: 'crm', empty: '', 'with-dash': 'a b' },
    };
    const { ETag } = await put('headers', 'a,b\n1,2\n', sent);
    expect(ETag).toBe(`"${md5(Buffer.from('a,b\n1,2\n'))}"`);
    const got = await get('headers');
    expect(got).toMatchObject({ ...sent, ETag, ContentLength: 8 });
    expect(await got.Body?.transformToString()).toBe('a,b\n1,2\n');
    expect(await client.send(new HeadObjectCommand({ Bucket, Key: 'headers' }))).toMatchObject({
      ...sent,
      ETag,
    });
    expect(
      await get('headers', { ResponseContentType: 'text/plain', ResponseCacheControl: 'x' }),
    ).toMatchObject({
      ContentType: 'text/plain',
      CacheControl: 'x',
    });
  });

  it('may be empty, streamed or large', async () => {
    await put('empty', '');
    expect((await bytesOf('empty')).length).toBe(0);
    const data = randomBytes(3 * MIB + 17);
    await put('streamed', Readable.from([data.subarray(0, MIB), data.subarray(MIB)]), {
      ContentLength: data.length,
    });
    expect((await bytesOf('streamed')).equals(data)).toBe(true);
  });

  it('keep names that are no good as file names', async () => {
    const keys = [
      '..',
      '../../../../etc/passwd',
      './x',
      'a//b',
      '/leading',
      'trailing/',
      'trailing',
      '%2e%2e/%2f',
      'a\\b',
      'nul\0nul',
      'new\nline\r\ttab',
      'a+b c&d=e?f#g;h:i@j$k,l!m*n(o)p\'q"r<s>t',
      'ü/ß/日本語/🎉/\uffee',
      'x'.repeat(1024),
      '\u0301e\u0301',
      '\u00e9',
      'e\u0301',
    ];
    const own = await s3.bucket();
    for (const Key of keys) await client.send(new PutObjectCommand({ Bucket: own, Key, Body: `is ${Key}` }));
    await s3.restart();
    client = s3.client;
    for (const Key of keys) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: own, Key }));
      expect(await Body?.transformToString()).toBe(`is ${Key}`);
    }
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: own }));
    const order = [...keys].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    expect(Contents?.map(({ Key }) => Key)).toEqual(order);
    const Objects = keys.map((Key) => ({ Key }));
    const { Deleted } = await client.send(new DeleteObjectsCommand({ Bucket: own, Delete: { Objects } }));
    expect(Deleted?.length).toBe(keys.length);
    await client.send(new DeleteBucketCommand({ Bucket: own }));
    await expect(put('x'.repeat(1025), 'x')).rejects.toEqual(refusal('KeyTooLongError', 400));
  });

  it('are read in ranges', async () => {
    await put('digits', '0123456789');
    const range = async (Range: string) => {
      const got = await get('digits', { Range });
      return [await got.Body?.transformToString(), got.ContentRange, got.$metadata.httpStatusCode];
    };
    expect(await range('bytes=0-0')).toEqual(['0', 'bytes 0-0/10', 206]);
    expect(await range('bytes=2-4')).toEqual(['234', 'bytes 2-4/10', 206]);
    expect(await range('bytes=7-')).toEqual(['789', 'bytes 7-9/10', 206]);
    expect(await range('bytes=7-99')).toEqual(['789', 'bytes 7-9/10', 206]);
    expect(await range('bytes=-3')).toEqual(['789', 'bytes 7-9/10', 206]);
    expect(await range('bytes=-99')).toEqual(['0123456789', 'bytes 0-9/10', 206]);
    expect(await range('bytes=5-2')).toEqual(['0123456789', undefined, 200]);
    await expect(range('bytes=10-')).rejects.toEqual(refusal('InvalidRange', 416));
    await expect(range('bytes=-0')).rejects.toEqual(refusal('InvalidRange', 416));
  });

  it('go when deleted, however often', async () => {
    await put('gone', 'x');
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'gone' }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'gone' }));
    await expect(get('gone')).rejects.toEqual(refusal('NoSuchKey', 404));
    await expect(client.send(new HeadObjectCommand({ Bucket, Key: 'gone' }))).rejects.toEqual(
      refusal('NotFound', 404),
    );
  });

  it('are deleted by the thousand', async () => {
    const own = await s3.bucket();
    const keys = Array.from({ length: 1000 }, (_, index) => `k/${index}`);
    await Promise.all(
      keys.slice(0, 50).map((Key) => client.send(new PutObjectCommand({ Bucket: own, Key, Body: Key }))),
    );
    const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
    const answer = await client.send(new DeleteObjectsCommand({ Bucket: own, Delete }));
    expect(answer.Deleted ?? []).toEqual([]);
    expect((await client.send(new ListObjectsV2Command({ Bucket: own }))).KeyCount).toBe(0);
    const tooMany = { Objects: [...keys, 'more'].map((Key) => ({ Key })) };
    await expect(client.send(new DeleteObjectsCommand({ Bucket: own, Delete: tooMany }))).rejects.toEqual(
      refusal('MalformedXML', 400),
    );
  });
});

describe('conditions', () => {
  it('hold on GET and HEAD', async () => {
    const { ETag } = await put('conditional', 'x');
    const { LastModified } = await get('conditional');
    const before = new Date((LastModified?.getTime() ?? 0) - 5000);
    const failing = refusal('PreconditionFailed', 412);
    expect((await get('conditional', { IfMatch: ETag })).ETag).toBe(ETag);
    await expect(get('conditional', { IfMatch: '"other"' })).rejects.toMatchObject({
      $metadata: { httpStatusCode: 412 },
    });
    await expect(get('conditional', { IfUnmodifiedSince: before })).rejects.toEqual(failing);
    expect((await get('conditional', { IfMatch: ETag, IfUnmodifiedSince: before })).ETag).toBe(ETag);
    for (const more of [{ IfNoneMatch: ETag }, { IfModifiedSince: LastModified }]) {
      await expect(get('conditional', more)).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
    }
    expect((await get('conditional', { IfNoneMatch: '"other"', IfModifiedSince: LastModified })).ETag).toBe(
      ETag,
    );
  });

  it('hold on PUT, also when many try at once', async () => {
    const first = await put('once', 'first', { IfNoneMatch: '*' });
    await expect(put('once', 'second', { IfNoneMatch: '*' })).rejects.toEqual(
      refusal('PreconditionFailed', 412),
    );
    await expect(put('once', 'second', { IfMatch: '"other"' })).rejects.toEqual(
      refusal('PreconditionFailed', 412),
    );
    await expect(put('never', 'x', { IfMatch: '"other"' })).rejects.toEqual(refusal('NoSuchKey', 404));
    await put('once', 'second', { IfMatch: first.ETag });
    const race = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => put('race', `racer ${index}`, { IfNoneMatch: '*' })),
    );
    expect(race.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    const winner = race.findIndex(({ status }) => status === 'fulfilled');
    expect((await bytesOf('race')).toString()).toBe(`racer ${winner}`);
  });

  it('hold on the source of a copy', async () => {
    const { ETag } = await put('copy-source', 'x');
    const copy = (more: object) =>
      client.send(
        new CopyObjectCommand({ Bucket, Key: 'copy-target', CopySource: `${Bucket}/copy-source`, ...more }),
      );
    await expect(copy({ CopySourceIfMatch: '"other"' })).rejects.toEqual(refusal('PreconditionFailed', 412));
    await expect(copy({ CopySourceIfNoneMatch: ETag })).rejects.toEqual(refusal('PreconditionFailed', 412));
    await expect(copy({ CopySourceIfModifiedSince: new Date(Date.now() + 60_000) })).rejects.toEqual(
      refusal('PreconditionFailed', 412),
    );
    await expect(get('copy-target')).rejects.toEqual(refusal('NoSuchKey', 404));
    await copy({ CopySourceIfMatch: ETag });
  });
});

describe('copies', () => {
  it('are objects of their own, across buckets too', async () => {
    const own = await s3.bucket();
    const Key = 'ü+%2e /copy';
    await put(Key, 'original', { Metadata: { a: '1' }, ContentType: 'text/plain' });
    const CopySource = `/${Bucket}/${encodeURIComponent(Key)}`;
    const { CopyObjectResult } = await client.send(
      new CopyObjectCommand({ Bucket: own, Key: 'copy', CopySource }),
    );
    await put(Key, 'overwritten');
    const copy = await client.send(new GetObjectCommand({ Bucket: own, Key: 'copy' }));
    expect(copy).toMatchObject({
      ETag: CopyObjectResult?.ETag,
      Metadata: { a: '1' },
      ContentType: 'text/plain',
    });
    expect(await copy.Body?.transformToString()).toBe('original');
    await client.send(new DeleteObjectCommand({ Bucket, Key }));
    await s3.restart();
    client = s3.client;
    const kept = await client.send(new GetObjectCommand({ Bucket: own, Key: 'copy' }));
    expect(await kept.Body?.transformToString()).toBe('original');
  });

  it('take new metadata when told to, and only then go onto themselves', async () => {
    await put('self', 'x', { Metadata: { a: '1' } });
    const copy = (more: object) =>
      client.send(new CopyObjectCommand({ Bucket, Key: 'self', CopySource: `${Bucket}/self`, ...more }));
    await expect(copy({})).rejects.toEqual(refusal('InvalidRequest', 400));
    await copy({ MetadataDirective: 'REPLACE', Metadata: { b: '2' } });
    const got = await get('self');
    expect(got.Metadata).toEqual({ b: '2' });
    expect(await got.Body?.transformToString()).toBe('x');
    await expect(
      client.send(new CopyObjectCommand({ Bucket, Key: 'c', CopySource: `${Bucket}/no` })),
    ).rejects.toEqual(refusal('NoSuchKey', 404));
  });
});

describe('checksums', () => {
  const body = 'checked';
  const sha256 = createHash('sha256').update(body).digest('base64');

  it('are verified, kept and given back when asked for', async () => {
    await put('sha', body, { ChecksumSHA256: sha256 });
    const got = await get('sha', { ChecksumMode: 'ENABLED' });
    expect(got.ChecksumSHA256).toBe(sha256);
    const plain = await send(
      s3.server.endpoint,
      signed(s3.server.endpoint, { method: 'GET', path: `/${Bucket}/sha` }),
    );
    expect(plain.headers['x-amz-checksum-sha256']).toBeUndefined();
    for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const) {
      await put(`by-${ChecksumAlgorithm}`, body, { ChecksumAlgorithm });
      const head = await client.send(
        new HeadObjectCommand({ Bucket, Key: `by-${ChecksumAlgorithm}`, ChecksumMode: 'ENABLED' }),
      );
      expect(head[`Checksum${ChecksumAlgorithm}`]).toBeTruthy();
    }
  });

  it('refuse a body that is another', async () => {
    const other = createHash('sha256').update('other').digest('base64');
    const wrongMd5 = createHash('md5').update('other').digest('base64');
    await expect(put('bad', body, { ChecksumSHA256: other })).rejects.toEqual(refusal('BadDigest', 400));
    await expect(put('bad', body, { ContentMD5: wrongMd5 })).rejects.toEqual(refusal('BadDigest', 400));
    await expect(put('bad', body, { ContentMD5: 'short' })).rejects.toEqual(refusal('InvalidDigest', 400));
    await expect(put('bad', body, { ChecksumCRC32: 'AAAA' })).rejects.toEqual(refusal('InvalidRequest', 400));
    await expect(get('bad')).rejects.toEqual(refusal('NoSuchKey', 404));
    await put('good', body, { ContentMD5: createHash('md5').update(body).digest('base64') });
  });
});

describe('presigned URLs of the SDK', () => {
  const presigner = () => s3.newClient({ requestChecksumCalculation: 'WHEN_REQUIRED' });

  it('put and get', async () => {
    const url = await getSignedUrl(presigner(), new PutObjectCommand({ Bucket, Key: 'url ü' }), {
      expiresIn: 3600,
    });
    expect((await fetch(url, { method: 'PUT', body: 'by url' })).status).toBe(200);
    const command = new GetObjectCommand({
      Bucket,
      Key: 'url ü',
      ResponseContentDisposition: 'attachment; filename="u.csv"',
    });
    const answer = await fetch(await getSignedUrl(presigner(), command));
    expect(await answer.text()).toBe('by url');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="u.csv"');
  });

  it('bind the size and the hash that were signed', async () => {
    const body = 'twelve bytes';
    const hash = createHash('sha256').update(body).digest('base64');
    const command = new PutObjectCommand({
      Bucket,
      Key: 'bound',
      ContentLength: body.length,
      ChecksumSHA256: hash,
    });
    const url = await getSignedUrl(presigner(), command, {
      signableHeaders: new Set(['host', 'content-length']),
      unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
    });
    const send = async (sent: string, headers: Record<string, string>) =>
      (await fetch(url, { method: 'PUT', body: sent, headers })).status;
    expect(await send(body, {})).toBe(403);
    expect(await send(`${body}!`, { 'x-amz-checksum-sha256': hash })).toBe(403);
    expect(await send('TWELVE BYTES', { 'x-amz-checksum-sha256': hash })).toBe(400);
    await expect(get('bound')).rejects.toEqual(refusal('NoSuchKey', 404));
    expect(await send(body, { 'x-amz-checksum-sha256': hash })).toBe(200);
  });

  it('hold a hoisted checksum and metadata to be headers', async () => {
    const hash = createHash('sha256').update('right').digest('base64');
    const command = new PutObjectCommand({
      Bucket,
      Key: 'hoisted',
      ChecksumSHA256: hash,
      Metadata: { from: 'url' },
    });
    const url = await getSignedUrl(presigner(), command);
    expect((await fetch(url, { method: 'PUT', body: 'wrong' })).status).toBe(400);
    expect((await fetch(url, { method: 'PUT', body: 'right' })).status).toBe(200);
    expect((await get('hoisted')).Metadata).toEqual({ from: 'url' });
  });
});

describe('listings', () => {
  const names = Array.from(
    { length: 5000 },
    (_, index) => `dir${String(index % 7)}/${String(index).padStart(5, '0')}`,
  );
  let own: string;
  beforeAll(async () => {
    own = await s3.bucket();
    for (let at = 0; at < names.length; at += 100) {
      const Body = 'x';
      await Promise.all(
        names.slice(at, at + 100).map((Key) => client.send(new PutObjectCommand({ Bucket: own, Key, Body }))),
      );
    }
  });

  const all = async (query: Partial<ListObjectsV2CommandInput>) => {
    const keys: string[] = [];
    const prefixes: string[] = [];
    let pages = 0;
    let ContinuationToken: string | undefined;
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket: own, ...query, ContinuationToken }));
      expect(page.KeyCount).toBeLessThanOrEqual(query.MaxKeys ?? 1000);
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ''));
      prefixes.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''));
      ContinuationToken = page.NextContinuationToken;
      expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
      pages += 1;
    } while (ContinuationToken);
    return { keys, prefixes, pages };
  };

  it('come in order and in pages', async () => {
    const { keys, pages } = await all({});
    expect(keys).toEqual([...names].sort());
    expect(pages).toBe(5);
    expect((await all({ MaxKeys: 700 })).pages).toBe(8);
    expect((await all({ Prefix: 'dir3/', MaxKeys: 100 })).keys).toEqual(
      names.filter((key) => key.startsWith('dir3/')),
    );
    expect((await all({ Prefix: 'nothing' })).keys).toEqual([]);
    expect((await all({ StartAfter: 'dir5/04' })).keys).toEqual(
      [...names].sort().filter((key) => key > 'dir5/04'),
    );
  });

  it('fold common prefixes, also over pages', async () => {
    const folded = ['dir0/', 'dir1/', 'dir2/', 'dir3/', 'dir4/', 'dir5/', 'dir6/'];
    expect(await all({ Delimiter: '/' })).toEqual({ keys: [], prefixes: folded, pages: 1 });
    expect(await all({ Delimiter: '/', MaxKeys: 2 })).toEqual({ keys: [], prefixes: folded, pages: 4 });
    const deep = await all({ Delimiter: '00', Prefix: 'dir0/', MaxKeys: 7 });
    const expected = names
      .filter((key) => key.startsWith('dir0/'))
      .map((key) => {
        const cut = key.indexOf('00', 5);
        return cut === -1 ? key : key.slice(0, cut + 2);
      });
    expect([...deep.keys, ...deep.prefixes].sort()).toEqual([...new Set(expected)].sort());
    expect((await all({ Delimiter: '/', EncodingType: 'url' })).prefixes).toEqual(folded);
  });

  it('refuse nonsense', async () => {
    const list = (more: object) => client.send(new ListObjectsV2Command({ Bucket: own, ...more }));
    await expect(list({ ContinuationToken: '!' })).rejects.toEqual(refusal('InvalidArgument', 400));
    await expect(list({ MaxKeys: -1 })).rejects.toEqual(refusal('InvalidArgument', 400));
    await expect(list({ EncodingType: 'hex' })).rejects.toEqual(refusal('InvalidArgument', 400));
    expect(await list({ MaxKeys: 0 })).toMatchObject({ KeyCount: 0, IsTruncated: false });
  });
});

describe('multipart uploads', () => {
  const begin = async (Key: string, more: object = {}): Promise<string> =>
    (await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId ?? '';
  const part = async (
    Key: string,
    UploadId: string,
    PartNumber: number,
    Body: Buffer,
  ): Promise<CompletedPart> => ({
    PartNumber,
    ETag: (await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }))).ETag,
  });
  const complete = (Key: string, UploadId: string, Parts: CompletedPart[], more: object = {}) =>
    client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }),
    );
  const multipartEtag = (...parts: Buffer[]): string => {
    const hashes = Buffer.concat(parts.map((bytes) => createHash('md5').update(bytes).digest()));
    return `"${md5(hashes)}-${parts.length}"`;
  };

  it('are sent in parallel by the SDK', async () => {
    const data = randomBytes(23 * MIB);
    const upload = new Upload({
      client,
      params: { Bucket, Key: 'parallel', Body: data, ContentType: 'a/b', Metadata: { m: '1' } },
      partSize: 5 * MIB,
      queueSize: 5,
    });
    const { ETag } = await upload.done();
    const at = (index: number): Buffer => data.subarray(index * 5 * MIB, (index + 1) * 5 * MIB);
    expect(ETag).toBe(multipartEtag(at(0), at(1), at(2), at(3), at(4)));
    const got = await get('parallel');
    expect(got).toMatchObject({ ETag, ContentType: 'a/b', Metadata: { m: '1' }, ContentLength: data.length });
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(data)).toBe(true);
    const Range = `bytes=${5 * MIB - 3}-${10 * MIB + 3}`;
    expect((await bytesOf('parallel', { Range })).equals(data.subarray(5 * MIB - 3, 10 * MIB + 4))).toBe(
      true,
    );
    await client.send(
      new CopyObjectCommand({ Bucket, Key: 'parallel-copy', CopySource: `${Bucket}/parallel` }),
    );
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'parallel' }));
    expect((await bytesOf('parallel-copy')).equals(data)).toBe(true);
  });

  it('survive a restart, and take the later of two parts with one number', async () => {
    const [first, second, third] = [randomBytes(5 * MIB), randomBytes(6 * MIB), randomBytes(10)];
    const id = await begin('restarted', { Metadata: { kept: 'yes' } });
    await part('restarted', id, 1, randomBytes(100));
    const parts = [await part('restarted', id, 1, first), await part('restarted', id, 7, third)];
    await s3.restart();
    client = s3.client;
    parts.splice(1, 0, await part('restarted', id, 3, second));
    const listed = await client.send(
      new ListPartsCommand({ Bucket, Key: 'restarted', UploadId: id, MaxParts: 2 }),
    );
    expect(listed).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '3' });
    expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, first.length],
      [3, second.length],
    ]);
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(Uploads?.map(({ UploadId }) => UploadId)).toEqual([id]);
    const { ETag } = await complete('restarted', id, parts);
    expect(ETag).toBe(multipartEtag(first, second, third));
    expect((await bytesOf('restarted')).equals(Buffer.concat([first, second, third]))).toBe(true);
    expect((await get('restarted')).Metadata).toEqual({ kept: 'yes' });
    expect((await complete('restarted', id, parts)).ETag).toBe(ETag);
    const CopySource = `${Bucket}/restarted`;
    await client.send(new CopyObjectCommand({ Bucket, Key: 'restarted-copy', CopySource }));
    await expect(complete('restarted-copy', id, parts)).rejects.toEqual(refusal('NoSuchUpload', 404));
    const ended = client.send(new ListPartsCommand({ Bucket, Key: 'restarted', UploadId: id }));
    await expect(ended).rejects.toEqual(refusal('NoSuchUpload', 404));
  });

  it('are refused with parts that are missing, changed, too small or out of order', async () => {
    const id = await begin('refused');
    const one = await part('refused', id, 1, randomBytes(5 * MIB));
    const two = await part('refused', id, 2, randomBytes(10));
    const three = await part('refused', id, 3, randomBytes(10));
    const cases: Array<[CompletedPart[], string]> = [
      [[two, one], 'InvalidPartOrder'],
      [[one, one], 'InvalidPartOrder'],
      [[one, { PartNumber: 4, ETag: one.ETag }], 'InvalidPart'],
      [[one, { PartNumber: 2, ETag: one.ETag }], 'InvalidPart'],
      [[one, two, three], 'EntityTooSmall'],
      [[], 'MalformedXML'],
    ];
    for (const [parts, name] of cases) {
      await expect(complete('refused', id, parts)).rejects.toEqual(refusal(name, 400));
    }
    await expect(complete('other-key', id, [one])).rejects.toEqual(refusal('NoSuchUpload', 404));
    await expect(complete('refused', 'no-such', [one])).rejects.toEqual(refusal('NoSuchUpload', 404));
    await put('refused', 'there already');
    await expect(complete('refused', id, [one, two], { IfNoneMatch: '*' })).rejects.toEqual(
      refusal('PreconditionFailed', 412),
    );
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key: 'refused', UploadId: id }));
    await expect(complete('refused', id, [one, two])).rejects.toEqual(refusal('NoSuchUpload', 404));
    await expect(part('refused', id, 3, randomBytes(1))).rejects.toEqual(refusal('NoSuchUpload', 404));
    expect((await bytesOf('refused')).toString()).toBe('there already');
  });

  it('have composite checksums', async () => {
    const id = await begin('composite', { ChecksumAlgorithm: 'SHA256' });
    const bodies = [randomBytes(5 * MIB), randomBytes(5)];
    const parts: CompletedPart[] = [];
    for (const [index, Body] of bodies.entries()) {
      const command = { Bucket, Key: 'composite', UploadId: id, PartNumber: index + 1, Body };
      const sent = await client.send(new UploadPartCommand({ ...command, ChecksumAlgorithm: 'SHA256' }));
      parts.push({ PartNumber: index + 1, ETag: sent.ETag, ChecksumSHA256: sent.ChecksumSHA256 });
    }
    const wrong = parts.map((named) => ({ ...named, ChecksumSHA256: parts[0]?.ChecksumSHA256 }));
    await expect(complete('composite', id, wrong)).rejects.toEqual(refusal('InvalidPart', 400));
    const answer = await complete('composite', id, parts);
    const hashes = bodies.map((Body) => createHash('sha256').update(Body).digest());
    const expected = createHash('sha256').update(Buffer.concat(hashes)).digest('base64');
    expect(answer.ChecksumSHA256).toBe(`${expected}-2`);
    expect(await get('composite', { ChecksumMode: 'ENABLED' })).toMatchObject({
      ChecksumSHA256: `${expected}-2`,
    });
  });

  it('copy parts from ranges of other objects', async () => {
    const data = randomBytes(12 * MIB);
    await put('part-source', data);
    const id = await begin('part-copied');
    const copy = async (PartNumber: number, CopySourceRange?: string): Promise<CompletedPart> => {
      const command = {
        Bucket,
        Key: 'part-copied',
        UploadId: id,
        PartNumber,
        CopySource: `${Bucket}/part-source`,
      };
      const answer = await client.send(new UploadPartCopyCommand({ ...command, CopySourceRange }));
      return { PartNumber, ETag: answer.CopyPartResult?.ETag };
    };
    const parts = [
      await copy(1, `bytes=0-${6 * MIB - 1}`),
      await copy(2, `bytes=${6 * MIB}-${12 * MIB - 1}`),
      await copy(3),
    ];
    await expect(copy(4, `bytes=0-${12 * MIB}`)).rejects.toEqual(refusal('InvalidRange', 416));
    const { ETag } = await complete('part-copied', id, parts);
    expect(ETag).toBe(multipartEtag(data.subarray(0, 6 * MIB), data.subarray(6 * MIB), data));
    expect((await bytesOf('part-copied')).equals(Buffer.concat([data, data]))).toBe(true);
  });

  it('need well-formed XML', async () => {
    const { endpoint } = s3.server;
    const id = await begin('xml');
    const path = `/${Bucket}/xml`;
    const bodies = [
      '',
      'nonsense',
      '<CompleteMultipartUpload>',
      `${'<CompleteMultipartUpload>'.repeat(20_000)}${'</CompleteMultipartUpload>'.repeat(20_000)}`,
      '<Other/>',
      '<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>',
      '<!DOCTYPE x [<!ENTITY a "b">]><CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&a;</ETag></Part></CompleteMultipartUpload>',
      '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&unknown;</ETag></Part></CompleteMultipartUpload>',
    ];
    for (const body of bodies) {
      const request = signed(endpoint, { method: 'POST', path, query: `uploadId=${id}`, body });
      expect(await send(endpoint, request)).toMatchObject({ status: 400, code: 'MalformedXML' });
    }
    const large = `<CompleteMultipartUpload>${' '.repeat(2 * MIB)}</CompleteMultipartUpload>`;
    const request = signed(endpoint, { method: 'POST', path, query: `uploadId=${id}`, body: large });
    expect(await send(endpoint, request)).toMatchObject({ status: 400, code: 'MaxMessageLengthExceeded' });
  });
});

it('keeps a reader whole while the object is overwritten and deleted', async () => {
  // 40 MiB fit in no socket buffer: most of it is read after the object is gone.
  const data = randomBytes(40 * MIB);
  await put('read', data.subarray(0, 20 * MIB));
  await new Upload({ client, params: { Bucket, Key: 'read', Body: data }, partSize: 8 * MIB }).done();
  const chunks = ((await get('read')).Body as Readable).iterator();
  const received = [(await chunks.next()).value as Buffer];
  await put('read', 'new');
  expect((await bytesOf('read')).toString()).toBe('new');
  await client.send(new DeleteObjectCommand({ Bucket, Key: 'read' }));
  for await (const chunk of chunks) received.push(chunk as Buffer);
  expect(Buffer.concat(received).equals(data)).toBe(true);
  await expect(get('read')).rejects.toEqual(refusal('NoSuchKey', 404));
});
