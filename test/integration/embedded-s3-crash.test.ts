import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterEach, describe, expect, it } from 'vitest';
import { startS3Server } from '../../src/embedded/s3/server.ts';
import { type S3Child, spawnS3 } from '../support/s3-child.ts';
import { CREDENTIALS, REGION, s3Client, startTestS3, type TestS3 } from '../support/s3-server.ts';
import { type RawRequest, send, signed } from '../support/s3-signing.ts';

const MIB = 1024 ** 2;
const Bucket = 'crash';
const cleanups: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function freshDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'embedded-s3-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function child(directory: string, shell = ''): Promise<S3Child & { client: S3Client }> {
  const spawned = await spawnS3(directory, shell);
  const client = s3Client(spawned.endpoint, { maxAttempts: 1 });
  cleanups.push(async () => {
    client.destroy();
    await spawned.kill();
  });
  return { ...spawned, client };
}

async function server(): Promise<TestS3> {
  const s3 = await startTestS3();
  let stopped = false;
  cleanups.push(async () => {
    if (!stopped) await s3.stop();
    stopped = true;
  });
  await s3.client.send(new CreateBucketCommand({ Bucket }));
  return s3;
}

const dataFiles = (directory: string): Promise<string[]> =>
  readdir(join(directory, 'buckets', Bucket, 'data'));

/** Looks again and again; the test's own time limit ends it when it never comes true. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('kill -9 in the middle of writes', () => {
  /** What a key may hold: the last that was acknowledged, or what was under way; undefined is nothing. */
  type Possible = Set<string | undefined>;

  async function write(
    client: S3Client,
    writer: number,
    round: number,
    possible: Map<string, Possible>,
  ): Promise<number> {
    for (let step = 0; ; step += 1) {
      const Key = `writer ${writer}/key ${step % 7}`;
      const now = possible.get(Key) ?? new Set([undefined]);
      possible.set(Key, now);
      const size = [10, 70_000, 3 * MIB, 11 * MIB][step % 4] ?? 0;
      const Body = randomBytes(size);
      const tag = `${round}-${step}-${createHash('sha256').update(Body).digest('hex')}`;
      const Metadata = { tag };
      const attempt = step % 5 === 4 ? undefined : tag;
      now.add(attempt);
      try {
        if (attempt === undefined) await client.send(new DeleteObjectCommand({ Bucket, Key }));
        else if (size > 10 * MIB) {
          await new Upload({ client, params: { Bucket, Key, Body, Metadata }, partSize: 5 * MIB }).done();
        } else await client.send(new PutObjectCommand({ Bucket, Key, Body, Metadata }));
      } catch (error) {
        expect((error as Error).name).not.toBe('InternalError');
        return step;
      }
      now.clear();
      now.add(attempt);
    }
  }

  it('loses nothing that was acknowledged and tears nothing', async () => {
    const directory = await freshDirectory();
    const possible = new Map<string, Possible>();
    for (let round = 0; round < 4; round += 1) {
      const { client, kill } = await child(directory);
      if (round === 0) await client.send(new CreateBucketCommand({ Bucket }));
      const found = new Map<string, string | undefined>([...possible.keys()].map((key) => [key, undefined]));
      for (const { Key = '' } of (await client.send(new ListObjectsV2Command({ Bucket }))).Contents ?? []) {
        const { Body, Metadata } = await client.send(new GetObjectCommand({ Bucket, Key }));
        const hash = createHash('sha256')
          .update((await Body?.transformToByteArray()) ?? '')
          .digest('hex');
        expect(Metadata?.tag?.split('-')[2]).toBe(hash);
        found.set(Key, Metadata?.tag);
      }
      for (const [key, tag] of found) {
        expect([...(possible.get(key) ?? [])]).toContain(tag);
        possible.set(key, new Set([tag]));
      }
      const named = new Set(
        [
          ...(await readFile(join(directory, 'buckets', Bucket, 'journal'), 'utf8')).matchAll(
            /"file":"([^"]+)"/g,
          ),
        ].map((match) => match[1]),
      );
      for (const file of await dataFiles(directory)) expect(named).toContain(file);
      if (round === 3) break;
      const writers = [0, 1, 2, 3].map((writer) => write(client, writer, round, possible));
      await until(async () => possible.size >= 16);
      await new Promise((resolve) => setTimeout(resolve, 150 + 130 * round));
      await kill();
      await Promise.all(writers);
    }
    expect([...possible.values()].some((set) => !set.has(undefined))).toBe(true);
  });
});

describe('a disk that takes no more', () => {
  it('is told to the client, leaves no file, and the server lives on', async () => {
    const directory = await freshDirectory();
    // 4 MiB is the longest file this process may write; the next byte is EFBIG, as ENOSPC would be.
    const { client, endpoint, stderr } = await child(directory, 'ulimit -f 8192;');
    await client.send(new CreateBucketCommand({ Bucket }));
    const full = client.send(new PutObjectCommand({ Bucket, Key: 'big', Body: randomBytes(6 * MIB) }));
    await expect(full).rejects.toMatchObject({
      name: 'InsufficientStorage',
      $metadata: { httpStatusCode: 507 },
    });
    expect(await dataFiles(directory)).toEqual([]);
    const get = signed(endpoint, { method: 'GET', path: `/${Bucket}/big` });
    expect(await send(endpoint, get)).toMatchObject({ status: 404, code: 'NoSuchKey' });
    await client.send(new PutObjectCommand({ Bucket, Key: 'small', Body: 'fits' }));
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'small' }));
    expect(await Body?.transformToString()).toBe('fits');
    expect(stderr()).toContain('EmbeddedS3Warning');
  });
});

/** A connection on which the head of a signed PUT was sent, and `sent` bytes of its body. */
async function halfUpload(endpoint: string, key: string, length: number, sent: number): Promise<Socket> {
  const headers = { 'content-length': String(length) };
  const request = { method: 'PUT', path: `/${Bucket}/${key}`, headers };
  const { headers: all = {} } = signed(endpoint, request, { payloadHash: 'UNSIGNED-PAYLOAD' });
  const { hostname, port } = new URL(endpoint);
  const socket = connect(Number(port), hostname);
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`PUT ${request.path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  socket.write(Buffer.alloc(sent, 'x'));
  return socket;
}

describe('clients that misbehave', () => {
  it('leave nothing behind when they disconnect', async () => {
    const { server: running, directory, client } = await server();
    const socket = await halfUpload(running.endpoint, 'half', MIB, 200_000);
    await until(async () => {
      const [file] = await dataFiles(directory);
      return file !== undefined && (await stat(join(directory, 'buckets', Bucket, 'data', file))).size > 0;
    });
    socket.destroy();
    await until(async () => (await dataFiles(directory)).length === 0);
    expect((await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
  });

  it('can send the rest of a refused body without being reset', async () => {
    const { server: running } = await server();
    const { hostname, port } = new URL(running.endpoint);
    const rest = Buffer.alloc(MIB, 'x');
    const begun = Buffer.from(`5;chunk-signature=${'0'.repeat(64)}\r\nhello\r\n`);
    const headers = {
      'content-length': String(begun.length + rest.length),
      'x-amz-decoded-content-length': '9',
    };
    const put = { method: 'PUT', path: `/${Bucket}/reset`, headers };
    const cases: Array<[string, Parameters<typeof signed>[2]]> = [
      ['before it was read', { secret: 'wrong' }],
      ['in the middle', { payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' }],
    ];
    for (const [when, options] of cases) {
      const request = signed(running.endpoint, put, options);
      const lines = Object.entries(request.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
      const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
      const ended = new Promise<string>((resolve, reject) => {
        let text = '';
        socket.on('error', reject);
        socket.on('data', (chunk: Buffer) => {
          text += chunk.toString();
          if (text.includes('</Error>')) socket.write(rest);
        });
        socket.on('end', () => resolve(text));
      });
      socket.write(`PUT ${put.path} HTTP/1.1\r\n${lines.join('')}\r\n`);
      socket.write(begun);
      const text = await ended;
      expect([when, text.includes('SignatureDoesNotMatch')]).toEqual([when, true]);
      expect([when, socket.bytesWritten > MIB]).toEqual([when, true]);
      socket.destroy();
    }
  });

  it('do not spoil the connection for the next request when a body is refused', async () => {
    const { server: running } = await server();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    cleanups.push(async () => agent.destroy());
    const { hostname, port } = new URL(running.endpoint);
    const ask = (request: RawRequest): Promise<{ status: number; text: string }> =>
      new Promise((resolve, reject) => {
        const { method, path, headers = {} } = request;
        const outgoing = httpRequest({ hostname, port, method, path, headers, agent }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        });
        outgoing.on('error', reject);
        outgoing.end(request.body);
      });
    for (const size of [100, 100_000, 2 * MIB]) {
      const body = Buffer.alloc(size, 'GET / HTTP/1.1\r\n\r\n');
      const headers = { 'content-length': String(size) };
      const put = { method: 'PUT', path: `/${Bucket}/x`, headers, body };
      const refused = await ask(signed(running.endpoint, put, { secret: 'wrong' }));
      expect(refused.status).toBe(403);
      expect(refused.text).toContain('SignatureDoesNotMatch');
      expect((await ask(signed(running.endpoint, put))).status).toBe(200);
    }
  });
});

describe('close()', () => {
  it('lets a running upload finish, takes no new one, and cuts one that stands still', async () => {
    const s3 = await server();
    const { endpoint } = s3.server;
    const finishing = await halfUpload(endpoint, 'finishing', 100, 40);
    const stalled = await halfUpload(endpoint, 'stalled', 100, 40);
    await until(async () => (await dataFiles(s3.directory)).length === 2);
    const closed = s3.server.close();
    const answer = new Promise<string>((resolve) => {
      let text = '';
      finishing.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      finishing.on('close', () => resolve(text));
    });
    const cut = new Promise<boolean>((resolve) =>
      stalled.on('error', () => {}).on('close', () => resolve(true)),
    );
    await expect(send(endpoint, { method: 'GET', path: '/' })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    finishing.write(Buffer.alloc(60, 'y'));
    expect(await answer).toContain('200 OK');
    expect(await cut).toBe(true);
    await closed;
    expect((await dataFiles(s3.directory)).length).toBe(1);
    await s3.restart();
    const { Contents } = await s3.client.send(new ListObjectsV2Command({ Bucket }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(['finishing']);
  });
});

describe('a directory', () => {
  it('belongs to one server at a time', async () => {
    const directory = await freshDirectory();
    const options = { directory, port: 0, region: REGION, credentials: CREDENTIALS };
    const first = await startS3Server(options);
    await expect(startS3Server(options)).rejects.toThrow('is in use by');
    await first.close();
    const second = await startS3Server(options);
    await second.close();
  });
});
