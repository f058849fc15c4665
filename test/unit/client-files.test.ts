import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SheafClient } from '../../src/client/client.ts';
import { hashFile } from '../../src/client/hash-file.ts';
import { refusal } from '../support/refusal.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

let directory = '';
const servers: Server[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-client-test-'));
});

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await rm(directory, { recursive: true });
});

async function serve(handler: Handler): Promise<string> {
  const server = createServer((request, response) => void handler(request, response));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/object?signature=s`;
}

const client = new SheafClient({
  baseUrl: 'http://127.0.0.1:1',
  apiKey: 'secret',
  retries: { attempts: 3, firstDelayMs: 1 },
});

async function fileOf(bytes: Buffer): Promise<string> {
  const path = join(directory, 'learners.csv');
  await writeFile(path, bytes);
  return path;
}

const ticket = (url: string, headers: Record<string, string> = {}) => ({
  url,
  method: 'PUT' as const,
  headers,
  handler: 'h',
  validity_ts: 0,
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('hashing', () => {
  test.each([0, 3, 2.5 * 1024 * 1024])('a file of %i bytes', async (bytes) => {
    const content = Buffer.alloc(bytes, 'abc');
    expect(await hashFile(await fileOf(content))).toBe(sha256(content));
  });
});

describe('putting', () => {
  const content = Buffer.alloc(3 * 1024 * 1024 + 17, 'learner\n');

  test('sends the bytes with their length and the headers of the ticket, and no key', async () => {
    let seen: IncomingMessage['headers'] = {};
    let got = Buffer.alloc(0);
    const url = await serve(async (request, response) => {
      seen = request.headers;
      got = await buffer(request);
      response.end();
    });
    const progress: number[] = [];
    const headers = { 'x-amz-checksum-sha256': 'c2hh', 'Content-Length': String(content.length) };
    await client.putFile(ticket(url, headers), await fileOf(content), {
      onProgress: (sent) => void progress.push(sent),
    });
    expect(got.equals(content)).toBe(true);
    expect(seen).toMatchObject({ 'content-length': String(content.length), 'x-amz-checksum-sha256': 'c2hh' });
    expect(seen).not.toHaveProperty('transfer-encoding');
    expect(seen).not.toHaveProperty('authorization');
    expect(progress.at(-1)).toBe(content.length);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  });

  test('an empty file, and a stream whose size is told', async () => {
    const lengths: (string | undefined)[] = [];
    const url = await serve(async (request, response) => {
      lengths.push(request.headers['content-length'], String((await buffer(request)).length));
      response.end();
    });
    await client.putFile(ticket(url), await fileOf(Buffer.alloc(0)));
    const stream = Readable.from([Buffer.from('ab'), Buffer.from('c')]);
    await client.putFile(ticket(url), { stream, size: 3 });
    expect(lengths).toEqual(['0', '0', '3', '3']);
  });

  test('a refusal after the file is told with the code of the store', async () => {
    const url = await serve(async (request, response) => {
      await buffer(request);
      const xml = '<Error><Code>SignatureDoesNotMatch</Code><Message>Check your key</Message></Error>';
      response.writeHead(403, { 'content-type': 'application/xml' }).end(xml);
    });
    expect(await refusal(client.putFile(ticket(url), await fileOf(content)))).toMatchObject({
      status: 403,
      code: 'SignatureDoesNotMatch',
      detail: 'the object store refused: Check your key',
    });
  });

  test('an early refusal stops the sending of a file that has no end', async () => {
    const url = await serve((_, response) => void response.writeHead(403).end('<Code>AccessDenied</Code>'));
    const endless = Readable.from(
      (function* () {
        while (true) yield Buffer.alloc(64 * 1024);
      })(),
    );
    const put = client.putFile(ticket(url), { stream: endless, size: 1024 ** 4 });
    expect(await refusal(put)).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(endless.destroyed).toBe(true);
  });

  test('a connection that breaks is no success', async () => {
    const url = await serve((request) => void request.once('data', () => request.destroy()));
    expect(await refusal(client.putFile(ticket(url), await fileOf(content)))).toMatchObject({
      status: 0,
      code: 'unreachable',
    });
  });

  test('a file of another size than its ticket is not sent', async () => {
    const put = client.putFile(
      ticket('http://127.0.0.1:1/', { 'content-length': '5' }),
      await fileOf(content),
    );
    expect(await refusal(put)).toMatchObject({ code: 'size_differs' });
  });

  test('a file that becomes shorter meanwhile is an error and no wait for the rest', async () => {
    const path = await fileOf(Buffer.alloc(8 * 1024 * 1024));
    const url = await serve(async (request, response) => {
      await buffer(request).catch(() => undefined);
      response.end();
    });
    const put = client.putFile(ticket(url), path, { onProgress: () => void truncate(path, 10) });
    expect(await refusal(put)).toMatchObject({ code: 'size_differs' });
  });

  test('a stream that is longer than told is cut off and an error', async () => {
    const url = await serve(async (request, response) => {
      await buffer(request).catch(() => undefined);
      response.end();
    });
    const stream = Readable.from([Buffer.from('abc'), Buffer.from('def')]);
    expect(await refusal(client.putFile(ticket(url), { stream, size: 4 }))).toMatchObject({
      code: 'size_differs',
    });
  });

  test('what the source fails with is what is told', async () => {
    const url = await serve(async (request) => void (await buffer(request).catch(() => undefined)));
    const stream = new Readable({ read: () => void stream.destroy(new Error('the disk is broken')) });
    await expect(client.putFile(ticket(url), { stream, size: 4 })).rejects.toThrow('the disk is broken');
  });

  test('stops when the caller has enough', async () => {
    const url = await serve(() => undefined);
    const put = client.putFile(ticket(url), await fileOf(content), { signal: AbortSignal.timeout(50) });
    await expect(put).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('downloading', () => {
  const content = Buffer.alloc(1024 * 1024, '{"record":1}\n');
  const told = (url: string) => ({ url, bytes: content.length, sha256: sha256(content) });
  const target = () => join(directory, 'all.ndjson');

  test('streams the file to its name, without the key', async () => {
    let seen: IncomingMessage['headers'] = {};
    const url = await serve((request, response) => {
      seen = request.headers;
      response.end(content);
    });
    await writeFile(target(), 'of an earlier run');
    const progress: number[] = [];
    await client.download(told(url), target(), { onProgress: (received) => void progress.push(received) });
    expect((await readFile(target())).equals(content)).toBe(true);
    expect(await readdir(directory)).toEqual(['all.ndjson']);
    expect(seen).not.toHaveProperty('authorization');
    expect(progress.at(-1)).toBe(content.length);
  });

  test('begins again after a 503 and after a body that broke off', async () => {
    let times = 0;
    const url = await serve((_, response) => {
      times += 1;
      if (times === 1) response.writeHead(503).end();
      else if (times === 2) {
        response.writeHead(200, { 'content-length': content.length });
        response.write(content.subarray(0, 1000), () => response.destroy());
      } else response.end(content);
    });
    await client.download(told(url), target());
    expect((await readFile(target())).equals(content)).toBe(true);
    expect(times).toBe(3);
  });

  test('a body that always breaks off leaves nothing behind', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1000), () => response.destroy());
    });
    expect(await refusal(client.download(told(url), target()))).toMatchObject({
      status: 0,
      code: 'unreachable',
    });
    expect(await readdir(directory)).toEqual([]);
  });

  test.each([
    ['shorter than told', content.subarray(1)],
    ['longer than told', Buffer.concat([content, content])],
    ['of the same length with other bytes', Buffer.alloc(content.length, 'x')],
  ])('a file %s leaves nothing behind', async (_, body) => {
    const url = await serve((_, response) => void response.end(body));
    expect(await refusal(client.download(told(url), target()))).toMatchObject({ code: 'corrupt_download' });
    expect(await readdir(directory)).toEqual([]);
  });

  test('an earlier file stays as it is when the new one is corrupt', async () => {
    const url = await serve((_, response) => void response.end('x'));
    await writeFile(target(), 'of an earlier run');
    await refusal(client.download(told(url), target()));
    expect(await readFile(target(), 'utf8')).toBe('of an earlier run');
  });

  test('a refusal of the store is told and not tried again', async () => {
    let times = 0;
    const url = await serve((_, response) => {
      times += 1;
      response
        .writeHead(403)
        .end('<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>');
    });
    expect(await refusal(client.download(told(url), target()))).toMatchObject({
      status: 403,
      code: 'AccessDenied',
      detail: 'the object store refused: Request has expired',
    });
    expect(times).toBe(1);
    expect(await readdir(directory)).toEqual([]);
  });

  test('a directory that is not there is no reason to ask again', async () => {
    let times = 0;
    const url = await serve((_, response) => {
      times += 1;
      response.end(content);
    });
    const lost = join(directory, 'missing', 'all.ndjson');
    await expect(client.download(told(url), lost)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(times).toBe(1);
  });

  test('stops when the caller has enough, and leaves nothing behind', async () => {
    const url = await serve((_, response) => void response.write('x'));
    const signal = AbortSignal.timeout(100);
    await expect(client.download(told(url), target(), { signal })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    expect(await readdir(directory)).toEqual([]);
  });
});
