import { createHash, randomBytes } from 'node:crypto';
import {
  type ChecksumAlgorithm,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { describe, expect, it } from 'vitest';
import { CHECKSUM_ALGORITHMS, createDigest } from '../../src/embedded/s3/checksums.ts';
import { refusal, s3OfFile } from '../support/s3-of-file.ts';
import type { TestS3 } from '../support/s3-server.ts';
import { type RawRequest, type RawResponse, send, signed } from '../support/s3-signing.ts';

/* Checksums of objects and of their parts, and the parts themselves, as they are read again. */

const MIB = 1024 ** 2;
let s3: TestS3;
let client: S3Client;
let Bucket: string;

s3OfFile((made) => {
  ({ s3, client, Bucket } = made);
});

const ask = (request: RawRequest): Promise<RawResponse> =>
  send(s3.server.endpoint, signed(s3.server.endpoint, request));
/** Base64, by the server's own code, which its unit test holds to published values. */
const sumOf = (algorithm: (typeof CHECKSUM_ALGORITHMS)[number], data: Buffer): string => {
  const digest = createDigest(algorithm);
  digest.update(data);
  return digest.digest().toString('base64');
};
const headOf = (Key: string) => client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));

describe('a checksum of one PUT', () => {
  const body = randomBytes(70_001);

  it.each(CHECKSUM_ALGORITHMS)('%s is verified, kept and given back', async (algorithm) => {
    const name = `x-amz-checksum-${algorithm.toLowerCase()}`;
    const put = (value: string): RawRequest => ({
      method: 'PUT',
      path: `/${Bucket}/by-${algorithm}`,
      headers: { 'content-length': String(body.length), [name]: value },
      body,
    });
    const right = sumOf(algorithm, body);
    expect(await ask(put(sumOf(algorithm, Buffer.from('other'))))).toMatchObject({
      status: 400,
      code: 'BadDigest',
    });
    expect(await ask(put('AAAA'))).toMatchObject({ status: 400, code: 'InvalidRequest' });
    expect(await ask({ method: 'HEAD', path: `/${Bucket}/by-${algorithm}` })).toMatchObject({ status: 404 });
    expect((await ask(put(right))).headers).toMatchObject({
      [name]: right,
      'x-amz-checksum-type': 'FULL_OBJECT',
    });
    const headers = { 'x-amz-checksum-mode': 'ENABLED' };
    const got = await ask({ method: 'GET', path: `/${Bucket}/by-${algorithm}`, headers });
    expect(got.headers[name]).toBe(right);
    expect(got.body.equals(body)).toBe(true);
  });

  it('is taken as the SDK sends it, CRC64NVME included', async () => {
    for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
      const Key = `sdk-${algorithm}`;
      await client.send(new PutObjectCommand({ Bucket, Key, Body: body, ChecksumAlgorithm: algorithm }));
      expect((await headOf(Key))[`Checksum${algorithm}`]).toBe(sumOf(algorithm, body));
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      expect(body.equals((await Body?.transformToByteArray()) ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('goes with a copy, or is made for it', async () => {
    const copy = (Key: string, algorithm?: ChecksumAlgorithm) => {
      const CopySource = `${Bucket}/by-SHA256`;
      return client.send(new CopyObjectCommand({ Bucket, Key, CopySource, ChecksumAlgorithm: algorithm }));
    };
    const kept = await copy('copy-kept');
    expect(kept.CopyObjectResult?.ChecksumSHA256).toBe(sumOf('SHA256', body));
    const made = await copy('copy-made', 'CRC64NVME');
    expect(made.CopyObjectResult?.ChecksumCRC64NVME).toBe(sumOf('CRC64NVME', body));
    expect(await headOf('copy-made')).toMatchObject({ ChecksumCRC64NVME: sumOf('CRC64NVME', body) });
    expect((await headOf('copy-made')).ChecksumSHA256).toBeUndefined();
  });
});

describe('a trailer', () => {
  const body = 'trailing';
  const coded = (trailer: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailer}\r\n`;
  const trailing = (announced: string | undefined, trailer: string): Promise<RawResponse> => {
    const headers = {
      'x-amz-decoded-content-length': String(body.length),
      ...(announced === undefined ? {} : { 'x-amz-trailer': announced }),
    };
    const put = { method: 'PUT', path: `/${Bucket}/trailing`, headers, body: coded(trailer) };
    const payloadHash = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
    return send(s3.server.endpoint, signed(s3.server.endpoint, put, { payloadHash }));
  };

  it('is taken when it was announced, and right', async () => {
    const name = 'x-amz-checksum-crc64nvme';
    const line = (data: string): string => `${name}:${sumOf('CRC64NVME', Buffer.from(data))}\r\n`;
    expect(await trailing(name, line(body))).toMatchObject({ status: 200 });
    expect((await headOf('trailing')).ChecksumCRC64NVME).toBe(sumOf('CRC64NVME', Buffer.from(body)));
    expect(await trailing(name, line('other'))).toMatchObject({ status: 400, code: 'BadDigest' });
    expect(await trailing(name, '')).toMatchObject({ status: 400, code: 'InvalidRequest' });
    // Nobody would look at it, and its sender believe that it was checked.
    expect(await trailing(undefined, line('other'))).toMatchObject({
      status: 400,
      code: 'MalformedTrailerError',
    });
    const two = `${line(body)}x-amz-checksum-crc32:AAAAAA==\r\n`;
    expect(await trailing(name, two)).toMatchObject({ status: 400, code: 'MalformedTrailerError' });
  });
});

describe('a multipart upload', () => {
  const pieces = [randomBytes(5 * MIB), randomBytes(5 * MIB + 3), randomBytes(10)];
  const whole = Buffer.concat(pieces);
  type Crc = 'CRC32' | 'CRC32C' | 'CRC64NVME';

  const begin = async (Key: string, more: object = {}): Promise<string> =>
    (await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId ?? '';
  const send = async (Key: string, UploadId: string, more: object = {}): Promise<CompletedPart[]> => {
    const parts: CompletedPart[] = [];
    for (const [index, Body] of pieces.entries()) {
      const target = { Bucket, Key, UploadId, PartNumber: 2 * index + 1, Body };
      const { ETag } = await client.send(new UploadPartCommand({ ...target, ...more }));
      parts.push({ PartNumber: 2 * index + 1, ETag });
    }
    return parts;
  };
  const complete = (Key: string, UploadId: string, Parts: CompletedPart[], more: object = {}) =>
    client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }),
    );

  it.each(['CRC32', 'CRC32C', 'CRC64NVME'] as const)(
    'has the %s of all its bytes',
    async (algorithm: Crc) => {
      const Key = `full-${algorithm}`;
      const id = await begin(Key, { ChecksumAlgorithm: algorithm, ChecksumType: 'FULL_OBJECT' });
      const parts = await send(Key, id, { ChecksumAlgorithm: algorithm });
      await s3.restart();
      client = s3.client;
      const field = `Checksum${algorithm}`;
      const wrong = { [field]: sumOf(algorithm, Buffer.from('other')) };
      await expect(complete(Key, id, parts, wrong)).rejects.toEqual(refusal('BadDigest', 400));
      await expect(complete(Key, id, parts, { ChecksumType: 'COMPOSITE' })).rejects.toEqual(
        refusal('BadDigest', 400),
      );
      await expect(complete(Key, id, parts, { ChecksumSHA1: sumOf('SHA1', whole) })).rejects.toEqual(
        refusal('BadDigest', 400),
      );
      const right = {
        [field]: sumOf(algorithm, whole),
        ChecksumType: 'FULL_OBJECT',
        MpuObjectSize: whole.length,
      };
      const answer = await complete(Key, id, parts, right);
      expect(answer).toMatchObject({ [field]: sumOf(algorithm, whole), ChecksumType: 'FULL_OBJECT' });
      expect(await headOf(Key)).toMatchObject({
        [field]: sumOf(algorithm, whole),
        ChecksumType: 'FULL_OBJECT',
      });
    },
  );

  it('has CRC64NVME so without being told, and copied parts too', async () => {
    const id = await begin('full-copied', { ChecksumAlgorithm: 'CRC64NVME' });
    const target = { Bucket, Key: 'full-copied', UploadId: id, CopySource: `${Bucket}/full-CRC32` };
    const { CopyPartResult } = await client.send(new UploadPartCopyCommand({ ...target, PartNumber: 1 }));
    const answer = await complete('full-copied', id, [{ PartNumber: 1, ETag: CopyPartResult?.ETag }]);
    expect(answer.ChecksumCRC64NVME).toBe(sumOf('CRC64NVME', whole));
    const params = { Bucket, Key: 'full-sdk', Body: whole, ChecksumAlgorithm: 'CRC64NVME' as const };
    await new Upload({ client, params, partSize: 5 * MIB }).done();
    expect((await headOf('full-sdk')).ChecksumCRC64NVME).toBe(sumOf('CRC64NVME', whole));
  });

  it('has no type of checksum that S3 does not have', async () => {
    for (const more of [
      { ChecksumAlgorithm: 'SHA256', ChecksumType: 'FULL_OBJECT' },
      { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'COMPOSITE' },
      { ChecksumAlgorithm: 'CRC32', ChecksumType: 'HALF' },
      { ChecksumType: 'FULL_OBJECT' },
      { ChecksumAlgorithm: 'CRC16' },
    ]) {
      await expect(begin('no-type', more)).rejects.toEqual(refusal('InvalidRequest', 400));
    }
    const id = await begin('no-checksum');
    const parts = await send('no-checksum', id);
    await expect(
      complete('no-checksum', id, parts, { ChecksumCRC32: sumOf('CRC32', whole) }),
    ).rejects.toEqual(refusal('InvalidRequest', 400));
  });

  it('is read part by part', async () => {
    const id = await begin('by-part');
    const empty = { Bucket, Key: 'by-part', UploadId: id, PartNumber: 9, Body: '' };
    const { ETag } = await client.send(new UploadPartCommand(empty));
    // Only the last part may be small: the third is left out.
    const parts = (await send('by-part', id)).slice(0, 2);
    await complete('by-part', id, [...parts, { PartNumber: 9, ETag }]);
    const read = async (Key: string, PartNumber: number) => {
      const got = await client.send(new GetObjectCommand({ Bucket, Key, PartNumber }));
      const bytes = Buffer.from((await got.Body?.transformToByteArray()) ?? []);
      const head = await client.send(new HeadObjectCommand({ Bucket, Key, PartNumber }));
      expect(head).toMatchObject({ ContentLength: bytes.length, ETag: got.ETag });
      return [createHash('sha256').update(bytes).digest('hex'), got.PartsCount, got.ContentRange];
    };
    const hash = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
    const [first, second] = [pieces[0] as Buffer, pieces[1] as Buffer];
    const total = first.length + second.length;
    expect(await read('by-part', 1)).toEqual([hash(first), 3, `bytes 0-${first.length - 1}/${total}`]);
    expect(await read('by-part', 2)).toEqual([
      hash(second),
      3,
      `bytes ${first.length}-${total - 1}/${total}`,
    ]);
    expect(await read('by-part', 3)).toEqual([hash(Buffer.alloc(0)), 3, undefined]);
    await client.send(new PutObjectCommand({ Bucket, Key: 'one-put', Body: first }));
    expect(await read('one-put', 1)).toEqual([
      hash(first),
      undefined,
      `bytes 0-${first.length - 1}/${first.length}`,
    ]);
    await expect(read('by-part', 4)).rejects.toEqual(refusal('InvalidPartNumber', 416));
    await expect(read('one-put', 2)).rejects.toEqual(refusal('InvalidPartNumber', 416));
    await expect(read('by-part', 0)).rejects.toEqual(refusal('InvalidArgument', 400));
    const both = client.send(
      new GetObjectCommand({ Bucket, Key: 'by-part', PartNumber: 1, Range: 'bytes=0-1' }),
    );
    await expect(both).rejects.toEqual(refusal('InvalidRequest', 400));
  });

  it('is told of in attributes', async () => {
    const asked = (
      Key: string,
      ...ObjectAttributes: Array<'ETag' | 'Checksum' | 'ObjectParts' | 'ObjectSize'>
    ) => client.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes }));
    const full = await asked('full-CRC32', 'ETag', 'Checksum', 'ObjectParts', 'ObjectSize');
    expect(full).toMatchObject({
      Checksum: { ChecksumCRC32: sumOf('CRC32', whole), ChecksumType: 'FULL_OBJECT' },
      ObjectParts: { TotalPartsCount: 3 },
      ObjectSize: whole.length,
    });
    expect(`"${full.ETag}"`).toBe((await headOf('full-CRC32')).ETag);
    expect((await asked('full-CRC32', 'ObjectSize')).ETag).toBeUndefined();
    await expect(asked('not-there', 'ETag')).rejects.toEqual(refusal('NoSuchKey', 404));
    const path = `/${Bucket}/full-CRC32`;
    for (const names of ['', 'toString', 'ETag,toString']) {
      const headers = { 'x-amz-object-attributes': names };
      const answer = await ask({ method: 'GET', path, query: 'attributes=', headers });
      expect(answer).toMatchObject({ status: 400, code: 'InvalidArgument' });
    }
  });
});

it('refuses a copy with an unknown directive, and a bucket with what it cannot do', async () => {
  const headers = { 'x-amz-copy-source': `/${Bucket}/one-put`, 'x-amz-metadata-directive': 'REPLACED' };
  const copy = await ask({ method: 'PUT', path: `/${Bucket}/directed`, headers });
  expect(copy).toMatchObject({ status: 400, code: 'InvalidArgument' });
  const locked = new CreateBucketCommand({ Bucket: 'locked', ObjectLockEnabledForBucket: true });
  await expect(client.send(locked)).rejects.toEqual(refusal('NotImplemented', 501));
});
