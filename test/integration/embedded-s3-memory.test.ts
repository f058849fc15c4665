import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Child, spawnS3 } from '../support/s3-child.ts';
import { s3Client } from '../support/s3-server.ts';
import { type RawRequest, signed } from '../support/s3-signing.ts';

/*
 * A gigabyte through a server in a process of its own, each way it can go, and what that adds to the most memory that
 * the process ever held, as the kernel has counted it (VmHWM).
 */

const MIB = 1024 ** 2;
const TOTAL = 1024 * MIB;
const PART = 64 * MIB;
const LIMIT = 150 * MIB;
const Bucket = 'memory';
const counted = existsSync('/proc/self/status');
const reason = counted ? '' : ' (skipped: there is no /proc here to read it from)';

describe.skipIf(!counted)(`the memory of the server${reason}`, { timeout: 600_000 }, () => {
  const block = randomBytes(MIB);
  let directory: string;
  let child: S3Child;
  let client: S3Client;
  let before: number;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'embedded-s3-memory-'));
    child = await spawnS3(directory);
    client = s3Client(child.endpoint);
    await client.send(new CreateBucketCommand({ Bucket }));
    // Code that never ran is not loaded yet, and buffers grow to their working size.
    const Body = randomBytes(8 * MIB);
    await client.send(new PutObjectCommand({ Bucket, Key: 'warm', Body }));
    await exchange({ method: 'GET', path: `/${Bucket}/warm` });
    before = await statusOf('VmRSS');
    // Starting takes more memory than running: count from here where the kernel lets us.
    await writeFile(`/proc/${child.process.pid}/clear_refs`, '5').catch(() => undefined);
  });
  afterAll(async () => {
    client?.destroy();
    await child?.kill();
    await rm(directory, { recursive: true, force: true });
  });

  async function statusOf(field: 'VmRSS' | 'VmHWM'): Promise<number> {
    const status = await readFile(`/proc/${child.process.pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
  }

  async function expectFlat(): Promise<void> {
    const grown = (await statusOf('VmHWM')) - before;
    expect(grown / MIB).toBeLessThan(LIMIT / MIB);
  }

  function* blocks(bytes: number): Generator<Buffer> {
    for (let sent = 0; sent < bytes; sent += MIB) yield block;
  }

  /** Sends a request with an unsigned body, and hashes what comes back without keeping it. */
  function exchange(request: RawRequest, body?: Readable, payloadHash?: string) {
    const { hostname, port } = new URL(child.endpoint);
    const {
      method,
      path,
      query,
      headers = {},
    } = signed(child.endpoint, request, payloadHash ? { payloadHash } : {});
    const target = query === undefined ? path : `${path}?${query}`;
    return new Promise<{ status: number; bytes: number; sha256: string; etag: string }>((resolve, reject) => {
      const options = { hostname, port, method, path: target, headers, agent: false };
      const outgoing = httpRequest(options, (response) => {
        const hash = createHash('sha256');
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          hash.update(chunk);
        });
        const { statusCode: status = 0 } = response;
        const etag = response.headers.etag ?? '';
        response.on('end', () => resolve({ status, bytes, sha256: hash.digest('hex'), etag }));
        response.on('error', reject);
      });
      outgoing.on('error', reject);
      if (body) body.on('error', reject).pipe(outgoing);
      else outgoing.end();
    });
  }

  const expected = (): string => {
    const hash = createHash('sha256');
    for (const piece of blocks(TOTAL)) hash.update(piece);
    return hash.digest('hex');
  };
  const remove = (Key: string) => client.send(new DeleteObjectCommand({ Bucket, Key }));
  const begin = async (Key: string): Promise<string> =>
    (await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))).UploadId ?? '';
  const complete = (Key: string, UploadId: string, Parts: CompletedPart[]) =>
    client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));

  it('grows by less than 150 MB in one PUT of 1 GB', async () => {
    const headers = { 'content-length': String(TOTAL) };
    const put = { method: 'PUT', path: `/${Bucket}/large`, headers };
    const sent = await exchange(put, Readable.from(blocks(TOTAL)), 'UNSIGNED-PAYLOAD');
    expect(sent).toMatchObject({ status: 200 });
    await expectFlat();
  });

  it('and in a GET of it', async () => {
    const got = await exchange({ method: 'GET', path: `/${Bucket}/large` });
    expect(got).toMatchObject({ status: 200, bytes: TOTAL, sha256: expected() });
    await expectFlat();
  });

  it('and in copies of it, as a whole and in parts', async () => {
    const CopySource = `${Bucket}/large`;
    await client.send(
      new CopyObjectCommand({ Bucket, Key: 'copy', CopySource, ChecksumAlgorithm: 'CRC64NVME' }),
    );
    const asked = { Bucket, Key: 'copy', ChecksumMode: 'ENABLED' as const };
    const { ContentLength, ChecksumCRC64NVME } = await client.send(new HeadObjectCommand(asked));
    expect([ContentLength, ChecksumCRC64NVME]).toEqual([TOTAL, expect.any(String)]);
    await remove('copy');
    const UploadId = await begin('part-copy');
    const part = async (PartNumber: number): Promise<CompletedPart> => {
      const CopySourceRange = `bytes=${((PartNumber - 1) * TOTAL) / 2}-${(PartNumber * TOTAL) / 2 - 1}`;
      const target = { Bucket, Key: 'part-copy', UploadId, PartNumber };
      const answer = await client.send(new UploadPartCopyCommand({ ...target, CopySource, CopySourceRange }));
      return { PartNumber, ETag: answer.CopyPartResult?.ETag };
    };
    await complete('part-copy', UploadId, await Promise.all([part(1), part(2)]));
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'part-copy' }));
    expect(head.ContentLength).toBe(TOTAL);
    await Promise.all([remove('part-copy'), remove('large')]);
    await expectFlat();
  });

  it('and in a multipart upload, four parts at a time, in aws-chunked with trailing checksums', async () => {
    const UploadId = await begin('parts');
    let crc = 0;
    for (const piece of blocks(PART)) crc = crc32(piece, crc);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc);
    function* coded(): Generator<Buffer> {
      for (const piece of blocks(PART)) {
        yield Buffer.from(`${piece.length.toString(16)}\r\n`);
        yield piece;
        yield Buffer.from('\r\n');
      }
      yield Buffer.from(`0\r\nx-amz-checksum-crc32:${bytes.toString('base64')}\r\n\r\n`);
    }
    const headers = {
      'transfer-encoding': 'chunked',
      'x-amz-decoded-content-length': String(PART),
      'x-amz-trailer': 'x-amz-checksum-crc32',
    };
    const parts: CompletedPart[] = [];
    const numbers = Array.from({ length: TOTAL / PART }, (_, index) => index + 1);
    const sender = async (): Promise<void> => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        const query = `partNumber=${number}&uploadId=${UploadId}`;
        const put = { method: 'PUT', path: `/${Bucket}/parts`, query, headers };
        const sent = await exchange(put, Readable.from(coded()), 'STREAMING-UNSIGNED-PAYLOAD-TRAILER');
        expect(sent.status).toBe(200);
        parts.push({ PartNumber: number, ETag: sent.etag });
      }
    };
    await Promise.all([sender(), sender(), sender(), sender()]);
    parts.sort((left, right) => (left.PartNumber ?? 0) - (right.PartNumber ?? 0));
    await complete('parts', UploadId, parts);
    const got = await exchange({ method: 'GET', path: `/${Bucket}/parts` });
    expect(got).toMatchObject({ status: 200, bytes: TOTAL, sha256: expected() });
    await remove('parts');
    await expectFlat();
  });
});
