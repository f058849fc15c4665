import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { required } from '../support/requirements.ts';
import { s3OfFile } from '../support/s3-of-file.ts';
import { CREDENTIALS, REGION, type TestS3 } from '../support/s3-server.ts';
import { makeWorkbench, type ToolRun, type Workbench } from '../support/s3-tools.ts';

/*
 * The embedded S3 server as those see it who know nothing of it: the SDK in its default settings, the AWS command
 * line, and curl, each with no more than an endpoint and credentials.
 */

const MIB = 1024 ** 2;
let s3: TestS3;
let bench: Workbench;
let endpoint: string;

s3OfFile((made) => {
  ({ s3, endpoint } = made);
});
beforeAll(async () => {
  bench = await makeWorkbench();
});
afterAll(() => bench.remove());

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const md5 = (data: Uint8Array): string => createHash('md5').update(data).digest('hex');
const file = (name: string): Promise<Buffer> => readFile(bench.path(name));

/** S3's error document, as a client without an SDK gets it. */
function expectError(document: string, code: string, resource: string): void {
  expect(document).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<Error>.*<\/Error>$/s);
  expect(document).toContain(`<Code>${code}</Code>`);
  expect(document).toMatch(/<Message>.+<\/Message>/);
  expect(document).toContain(`<Resource>${resource}</Resource>`);
  expect(document).toMatch(/<RequestId>[0-9A-F]{16}<\/RequestId>/);
}

describe('the SDK in its default settings', () => {
  let client: S3Client;
  let Bucket: string;

  beforeAll(async () => {
    client = new S3Client({ endpoint, region: REGION, credentials: CREDENTIALS });
    Bucket = await s3.bucket();
  });
  afterAll(() => client.destroy());

  const bytesOf = async (Key: string): Promise<Buffer> => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };

  it('puts strings, bytes and streams, and checks what it gets', async () => {
    const data = randomBytes(3 * MIB + 1);
    await client.send(new PutObjectCommand({ Bucket, Key: 'text', Body: 'grüße' }));
    await client.send(new PutObjectCommand({ Bucket, Key: 'bytes', Body: data }));
    const Body = Readable.from([data.subarray(0, MIB), data.subarray(MIB)]);
    await client.send(new PutObjectCommand({ Bucket, Key: 'stream', Body, ContentLength: data.length }));
    expect((await bytesOf('text')).toString()).toBe('grüße');
    expect(sha256(await bytesOf('bytes'))).toBe(sha256(data));
    expect(sha256(await bytesOf('stream'))).toBe(sha256(data));
    const asked = { Bucket, Key: 'stream', ChecksumMode: 'ENABLED' as const };
    expect((await client.send(new HeadObjectCommand(asked))).ChecksumCRC32).toBeTruthy();
  });

  it('sends large files in parts, from a stream of unknown length too', async () => {
    const data = randomBytes(21 * MIB);
    const pieces = Array.from({ length: 21 }, (_, index) => data.subarray(index * MIB, (index + 1) * MIB));
    for (const [Key, Body] of [
      ['parts', data],
      ['parts-stream', Readable.from(pieces)],
    ] as const) {
      await new Upload({ client, params: { Bucket, Key, Body }, partSize: 8 * MIB }).done();
      expect(sha256(await bytesOf(Key))).toBe(sha256(data));
    }
  });

  it('lists by either version, and removes', async () => {
    const keys = Array.from({ length: 25 }, (_, index) => `list/${index % 3}/${index}`);
    for (const Key of keys) await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    const listed: string[] = [];
    for await (const page of paginateListObjectsV2({ client, pageSize: 10 }, { Bucket, Prefix: 'list/' })) {
      listed.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
    }
    expect(listed).toEqual([...keys].sort());
    const folded = await client.send(new ListObjectsCommand({ Bucket, Prefix: 'list/', Delimiter: '/' }));
    expect(folded.CommonPrefixes?.map(({ Prefix }) => Prefix)).toEqual(['list/0/', 'list/1/', 'list/2/']);
    const Objects = keys.map((Key) => ({ Key }));
    const { Deleted, Errors } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect([Deleted?.length, Errors ?? []]).toEqual([25, []]);
    const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'list/' }));
    expect(KeyCount).toBe(0);
  });

  it('presigns a GET, and a PUT when told not to sign the checksum of no body', async () => {
    const signer = new S3Client({
      endpoint,
      region: REGION,
      credentials: CREDENTIALS,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    const put = await getSignedUrl(signer, new PutObjectCommand({ Bucket, Key: 'by url' }));
    expect((await fetch(put, { method: 'PUT', body: 'sent' })).status).toBe(200);
    const get = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: 'by url' }));
    expect(await (await fetch(get)).text()).toBe('sent');
    const answer = await fetch(get.replace(/X-Amz-Signature=.{4}/, 'X-Amz-Signature=0000'));
    expect(answer.status).toBe(403);
    expectError(await answer.text(), 'SignatureDoesNotMatch', `/${Bucket}/by%20url`);
    signer.destroy();
  });

  it('names the error when its secret is wrong', async () => {
    const credentials = { ...CREDENTIALS, secretAccessKey: 'wrong' };
    const stranger = new S3Client({ endpoint, region: REGION, credentials });
    const asked = stranger.send(new GetObjectCommand({ Bucket, Key: 'text' }));
    await expect(asked).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    stranger.destroy();
  });
});

const awsCli = required('TEST_AWS_CLI');

// It takes a second to start, three on a busy machine, and is started some sixty times.
describe.skipIf(awsCli.missing)(`the AWS command line${awsCli.reason}`, { timeout: 600_000 }, () => {
  const tool = (args: readonly string[], options?: { input?: Buffer; secret?: string }): Promise<ToolRun> =>
    bench.run(awsCli.value(), ['--endpoint-url', endpoint, ...args], options);
  /** What it says when all went well. */
  const aws = async (args: readonly string[], input?: Buffer): Promise<Buffer> => {
    const { code, stdout, stderr } = await tool(args, input && { input });
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };
  const api = async (...args: string[]): Promise<Record<string, unknown>> => {
    const answer = (await aws(['s3api', ...args, '--output', 'json'])).toString();
    return (answer.trim() === '' ? {} : JSON.parse(answer)) as Record<string, unknown>;
  };
  const large = randomBytes(21 * MIB);

  beforeAll(async () => {
    await aws(['s3', 'mb', 's3://cli']);
    await writeFile(bench.path('large'), large);
    await writeFile(bench.path('small'), 'small');
  });

  it('makes buckets and lists them', async () => {
    expect((await aws(['s3', 'ls'])).toString()).toMatch(/ cli$/m);
    const again = await tool(['s3', 'mb', 's3://cli']);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('BucketAlreadyOwnedByYou');
  });

  it('copies files up, within and down, in parts where they are large', async () => {
    await aws(['s3', 'cp', '--no-progress', 'large', 's3://cli/large']);
    const { ETag } = await api('head-object', '--bucket', 'cli', '--key', 'large');
    expect(ETag).toMatch(/-3"$/);
    await aws(['s3', 'cp', '--no-progress', 's3://cli/large', 's3://cli/large-copy']);
    await aws(['s3', 'cp', '--no-progress', 's3://cli/large-copy', 'large.down']);
    expect(sha256(await file('large.down'))).toBe(sha256(large));
    await aws(['s3', 'cp', '-', 's3://cli/piped'], large);
    expect(sha256(await aws(['s3', 'cp', 's3://cli/piped', '-']))).toBe(sha256(large));
    await aws(['s3', 'cp', '--no-progress', 'small', 's3://cli/small']);
    await aws(['s3', 'mv', '--no-progress', 's3://cli/small', 's3://cli/ö +%41']);
    expect((await aws(['s3', 'cp', 's3://cli/ö +%41', '-'])).toString()).toBe('small');
    expect((await tool(['s3api', 'head-object', '--bucket', 'cli', '--key', 'small'])).stderr).toContain(
      '404',
    );
  });

  it('syncs a tree both ways, and again only what is new', async () => {
    await mkdir(bench.path('tree/deep'), { recursive: true });
    const names = ['one', 'deep/ü + two', 'deep/empty'];
    for (const name of names) await writeFile(bench.path(`tree/${name}`), name === 'deep/empty' ? '' : name);
    await aws(['s3', 'sync', '--no-progress', 'tree', 's3://cli/tree']);
    expect((await aws(['s3', 'sync', '--no-progress', 'tree', 's3://cli/tree'])).toString()).toBe('');
    const listed = (await aws(['s3', 'ls', '--recursive', 's3://cli/tree/'])).toString();
    for (const name of names) expect(listed).toContain(` tree/${name}\n`);
    expect((await aws(['s3', 'ls', 's3://cli/tree/'])).toString()).toMatch(/^ +PRE deep\/\n.* 3 one\n$/);
    await aws(['s3', 'sync', '--no-progress', 's3://cli/tree', 'tree.down']);
    expect((await readdir(bench.path('tree.down/deep'))).sort()).toEqual(['empty', 'ü + two']);
    expect((await file('tree.down/deep/ü + two')).toString()).toBe('deep/ü + two');
    await aws(['s3', 'rm', 's3://cli/tree/one']);
    await aws(['s3', 'sync', '--no-progress', '--delete', 's3://cli/tree', 'tree.down']);
    expect(await readdir(bench.path('tree.down'))).toEqual(['deep']);
  });

  it('presigns what anybody can then get', async () => {
    await aws(['s3', 'cp', '--no-progress', 'small', 's3://cli/presigned']);
    const url = (await aws(['s3', 'presign', 's3://cli/presigned', '--expires-in', '60'])).toString().trim();
    expect(await (await fetch(url)).text()).toBe('small');
    const other = await fetch(url.replace('/cli/presigned', '/cli/large'));
    expect(other.status).toBe(403);
    expectError(await other.text(), 'SignatureDoesNotMatch', '/cli/large');
  });

  it('pages through listings of either version', async () => {
    const keys = ['p/1', 'p/a/1', 'p/a/2', 'p/b/1', 'p/c'];
    for (const Key of keys) await s3.client.send(new PutObjectCommand({ Bucket: 'cli', Key, Body: Key }));
    const list = (version: string, ...query: string[]): Promise<unknown> =>
      api(version, '--bucket', 'cli', '--prefix', 'p/', '--page-size', '1', ...query);
    const shape = '{keys: Contents[].Key, prefixes: CommonPrefixes[].Prefix}';
    for (const version of ['list-objects', 'list-objects-v2']) {
      const [whole, folded] = await Promise.all([
        list(version, '--query', 'Contents[].Key'),
        list(version, '--delimiter', '/', '--query', shape),
      ]);
      expect(whole).toEqual(keys);
      expect(folded).toEqual({ keys: ['p/1', 'p/c'], prefixes: ['p/a/', 'p/b/'] });
    }
  });

  it('does multipart uploads by hand', async () => {
    const object = ['--bucket', 'cli', '--key', 'm/by-hand'];
    const { UploadId: id } = await api('create-multipart-upload', ...object, '--content-type', 'text/x');
    const upload = [...object, '--upload-id', id as string];
    await writeFile(bench.path('part-1'), large.subarray(0, 5 * MIB));
    const first = await api('upload-part', ...upload, '--part-number', '1', '--body', 'part-1');
    const copied = await api(
      'upload-part-copy',
      ...upload,
      ...['--part-number', '2', '--copy-source', 'cli/large', '--copy-source-range'],
      `bytes=${5 * MIB}-${large.length - 1}`,
    );
    const { Parts } = await api('list-parts', ...upload, '--page-size', '1');
    expect((Parts as { Size: number }[]).map(({ Size }) => Size)).toEqual([5 * MIB, 16 * MIB]);
    const folded = await api('list-multipart-uploads', '--bucket', 'cli', '--delimiter', '/');
    expect(folded.CommonPrefixes).toEqual([{ Prefix: 'm/' }]);
    const parts = [
      { PartNumber: 1, ETag: first.ETag },
      { PartNumber: 2, ETag: (copied.CopyPartResult as { ETag: string }).ETag },
    ];
    await api('complete-multipart-upload', ...upload, '--multipart-upload', JSON.stringify({ Parts: parts }));
    await api('get-object', ...object, 'by-hand.down');
    expect(sha256(await file('by-hand.down'))).toBe(sha256(large));
    const part = await api('get-object', ...object, '--part-number', '1', 'part.down');
    expect(part).toMatchObject({ PartsCount: 2, ContentLength: 5 * MIB, ContentType: 'text/x' });
    expect(sha256(await file('part.down'))).toBe(sha256(large.subarray(0, 5 * MIB)));
  });

  it('checks and conditions', async () => {
    const object = ['--bucket', 'cli', '--key', 'checked'];
    const hash = createHash('md5').update('small').digest('base64');
    await api('put-object', ...object, '--body', 'small', '--content-md5', hash);
    const wrong = await tool(['s3api', 'put-object', ...object, '--body', 'large', '--content-md5', hash]);
    expect(wrong.stderr).toContain('BadDigest');
    const by = async (algorithm: string): Promise<void> => {
      const own = ['--bucket', 'cli', '--key', `by-${algorithm}`];
      const put = await api('put-object', ...own, '--body', 'small', '--checksum-algorithm', algorithm);
      const got = await api('get-object', ...own, '--checksum-mode', 'ENABLED', `by-${algorithm}`);
      expect(got[`Checksum${algorithm}`]).toBe(put[`Checksum${algorithm}`]);
      expect(got[`Checksum${algorithm}`]).toBeTruthy();
    };
    await Promise.all(['CRC32', 'SHA1', 'SHA256'].map(by));
    const etag = md5(Buffer.from('small'));
    const asked = ['--object-attributes', 'ETag', 'ObjectSize', 'Checksum'];
    expect(await api('get-object-attributes', ...object, ...asked)).toMatchObject({
      ETag: etag,
      ObjectSize: 5,
    });
    expect(await api('get-object', ...object, '--range', 'bytes=-2', 'range.down')).toMatchObject({
      ContentRange: 'bytes 3-4/5',
    });
    expect((await file('range.down')).toString()).toBe('ll');
    const fresh = await tool(['s3api', 'get-object', ...object, '--if-none-match', etag, 'x']);
    expect(fresh.stderr).toContain('304');
    const stale = await tool(['s3api', 'get-object', ...object, '--if-match', '"0"', 'x']);
    expect(stale.stderr).toContain('PreconditionFailed');
    const copy = ['s3api', 'copy-object', '--bucket', 'cli', '--key', 'x', '--copy-source', 'cli/checked'];
    expect((await tool([...copy, '--copy-source-if-match', '"0"'])).stderr).toContain('PreconditionFailed');
    await aws([...copy, '--copy-source-if-match', etag]);
  });

  it('asks a bucket about itself', async () => {
    expect(await api('get-bucket-location', '--bucket', 'cli')).toEqual({ LocationConstraint: REGION });
    expect(await api('get-bucket-versioning', '--bucket', 'cli')).toEqual({});
    const { Grants } = await api('get-bucket-acl', '--bucket', 'cli');
    expect(Grants).toMatchObject([{ Permission: 'FULL_CONTROL' }]);
    await aws(['s3api', 'head-bucket', '--bucket', 'cli']);
    const missing = await tool(['s3', 'ls', 's3://not-there']);
    expect(missing.stderr).toContain('NoSuchBucket');
  });

  it('says what S3 says to a wrong secret', async () => {
    const listed = await tool(['s3', 'ls', 's3://cli'], { secret: 'wrong' });
    expect(listed.code).not.toBe(0);
    expect(listed.stderr).toContain('SignatureDoesNotMatch');
    const sent = await tool(['s3', 'cp', 'large', 's3://cli/refused'], { secret: 'wrong' });
    expect(sent.stderr).toContain('SignatureDoesNotMatch');
  });

  it('removes many at once, and the bucket', async () => {
    const Objects = [{ Key: 'p/1' }, { Key: 'p/c' }];
    const deletion = ['--bucket', 'cli', '--delete', JSON.stringify({ Objects })];
    const { Deleted } = await api('delete-objects', ...deletion);
    expect(Deleted).toEqual(Objects);
    expect((await tool(['s3', 'rb', 's3://cli'])).stderr).toContain('BucketNotEmpty');
    await aws(['s3', 'rm', '--recursive', 's3://cli']);
    await aws(['s3', 'rb', 's3://cli']);
  });
});

const curlPath = required('TEST_CURL');

describe.skipIf(curlPath.missing)(`curl${curlPath.reason}`, () => {
  const large = randomBytes(12 * MIB);
  let bucket: string;

  /** Status and body of a request that curl signs. */
  const curl = async (
    path: string,
    args: readonly string[] = [],
    secret = CREDENTIALS.secretAccessKey,
  ): Promise<[status: number, body: string]> => {
    const user = `${CREDENTIALS.accessKeyId}:${secret}`;
    const sign = ['--aws-sigv4', `aws:amz:${REGION}:s3`, '--user', user];
    const quiet = ['--silent', '--show-error', '--globoff', '--write-out', '\n%{http_code}'];
    const { code, stdout, stderr } = await bench.run(curlPath.value(), [
      ...quiet,
      ...sign,
      ...args,
      endpoint + path,
    ]);
    expect([code, stderr]).toEqual([0, '']);
    const text = stdout.toString();
    const end = text.lastIndexOf('\n');
    return [Number(text.slice(end + 1)), text.slice(0, end)];
  };

  beforeAll(async () => {
    bucket = await s3.bucket();
    await writeFile(bench.path('upload'), large);
    await writeFile(bench.path('note'), 'a note');
  });

  it('makes a bucket, puts, gets, heads and deletes', async () => {
    expect(await curl('/made-by-curl', ['--request', 'PUT'])).toEqual([200, '']);
    expect(await curl('/made-by-curl/note', ['--upload-file', 'note'])).toEqual([200, '']);
    expect(await curl('/made-by-curl/note')).toEqual([200, 'a note']);
    expect(await curl('/made-by-curl/note', ['--range', '2-3'])).toEqual([206, 'no']);
    const [status, head] = await curl('/made-by-curl/note', ['--head']);
    expect([status, head.toLowerCase()]).toEqual([200, expect.stringContaining('content-length: 6')]);
    expect(await curl('/made-by-curl/note', ['--request', 'DELETE'])).toEqual([204, '']);
    const [gone, body] = await curl('/made-by-curl/note');
    expect(gone).toBe(404);
    expectError(body, 'NoSuchKey', '/made-by-curl/note');
    expect(await curl('/made-by-curl', ['--request', 'DELETE'])).toEqual([204, '']);
  });

  it('sends a large file and gets it back', async () => {
    expect(await curl(`/${bucket}/large`, ['--upload-file', 'upload'])).toEqual([200, '']);
    expect(await curl(`/${bucket}/large`, ['--output', 'large.down'])).toEqual([200, '']);
    expect(sha256(await file('large.down'))).toBe(sha256(large));
    const declared = ['--header', 'x-amz-content-sha256: UNSIGNED-PAYLOAD'];
    expect(await curl(`/${bucket}/declared`, [...declared, '--upload-file', 'upload'])).toEqual([200, '']);
  });

  it('sends a small one as data, and holds it to its hash', async () => {
    const data = ['--request', 'PUT', '--data-binary', '@note', '--header', 'content-type: text/plain'];
    expect(await curl(`/${bucket}/data`, data)).toEqual([200, '']);
    expect(await curl(`/${bucket}/data`)).toEqual([200, 'a note']);
    const hash = ['--header', `x-amz-content-sha256: ${sha256(Buffer.from('another'))}`];
    const [status, body] = await curl(`/${bucket}/refused`, [...data, ...hash]);
    expect(status).toBe(400);
    expectError(body, 'XAmzContentSHA256Mismatch', `/${bucket}/refused`);
  });

  it('takes keys and queries as they are written', async () => {
    for (const key of ['a%20b+c%C3%BC', '%7Etilde', "(x)!*'"]) {
      expect([key, ...(await curl(`/${bucket}/odd/${key}`, ['--upload-file', 'note']))]).toEqual([
        key,
        200,
        '',
      ]);
    }
    const [status, listing] = await curl(`/${bucket}?prefix=odd/&list-type=2&delimiter=%2F`);
    expect(status).toBe(200);
    for (const key of ['odd/a b+cü', 'odd/~tilde', "odd/(x)!*'"])
      expect(listing).toContain(`<Key>${key}</Key>`);
    expect((await curl(`/${bucket}?uploads`))[1]).toContain('<ListMultipartUploadsResult');
  });

  it('does a multipart upload', async () => {
    const path = `/${bucket}/in-parts`;
    const [, begun] = await curl(`${path}?uploads=`, ['--request', 'POST']);
    const id = /<UploadId>(\w+)</.exec(begun)?.[1];
    const pieces = [large.subarray(0, 6 * MIB), large.subarray(6 * MIB)];
    for (const [index, piece] of pieces.entries()) {
      await writeFile(bench.path('piece'), piece);
      const query = `partNumber=${index + 1}&uploadId=${id}`;
      expect(await curl(`${path}?${query}`, ['--upload-file', 'piece'])).toEqual([200, '']);
    }
    const parts = pieces.map(
      (piece, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${md5(piece)}</ETag></Part>`,
    );
    const document = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
    const [status, answer] = await curl(`${path}?uploadId=${id}`, ['--data', document]);
    expect([status, answer]).toEqual([200, expect.stringContaining('<CompleteMultipartUploadResult')]);
    await curl(path, ['--output', 'parts.down']);
    expect(sha256(await file('parts.down'))).toBe(sha256(large));
  });

  it('is told in S3’s XML that its secret is wrong', async () => {
    for (const args of [[], ['--upload-file', 'note'], ['--upload-file', 'upload'], ['--data', 'x']]) {
      const [status, body] = await curl(`/${bucket}/refused`, args, 'wrong');
      expect(status).toBe(403);
      expectError(body, 'SignatureDoesNotMatch', `/${bucket}/refused`);
    }
    expect((await curl(`/${bucket}/refused`))[0]).toBe(404);
  });

  it('puts and gets by presigned URLs', async () => {
    const signer = s3.newClient({ requestChecksumCalculation: 'WHEN_REQUIRED' });
    const target = { Bucket: bucket, Key: 'presigned' };
    const put = await getSignedUrl(signer, new PutObjectCommand(target));
    const get = await getSignedUrl(signer, new GetObjectCommand(target));
    const sent = await bench.run(curlPath.value(), ['--silent', '--fail', '--upload-file', 'upload', put]);
    expect(sent.code).toBe(0);
    const got = await bench.run(curlPath.value(), ['--silent', '--fail', get]);
    expect(sha256(got.stdout)).toBe(sha256(large));
  });
});
