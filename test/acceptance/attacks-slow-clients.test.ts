import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL, type ListeningApi, listenTestApi } from '../support/listening-api.ts';
import { ask, endsWithin, openSocket } from '../support/raw-http.ts';
import { CREDENTIALS, startTestS3, type TestS3 } from '../support/s3-server.ts';
import { presigned, putRequest, type RawRequest, send } from '../support/s3-signing.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/**
 * Clients that hold connections without using them: they are cut off, and others are served meanwhile. The servers have
 * shorter limits here than theirs, which src/api/connection-limits.ts and src/embedded/s3/connection-limits.ts tell.
 */

/** Long after each limit, so that a slow machine is no failure. */
const LATE = 20_000;
const CROWD = 300;

const sockets: Socket[] = [];
afterAll(() => {
  for (const socket of sockets) socket.destroy();
});

async function opened(port: number): Promise<Socket> {
  const socket = await openSocket(port);
  sockets.push(socket);
  return socket;
}

/** Writes a byte now and then, for as long as the connection is there. */
function drip(socket: Socket, bytes: string): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.writable) socket.write(bytes[at % bytes.length] ?? '');
    at += 1;
  }, 50);
  socket.once('close', () => clearInterval(timer));
}

/** All that is answered until the connection is over. */
async function answerOf(socket: Socket): Promise<string> {
  let answer = '';
  socket.setEncoding('latin1').on('data', (text) => {
    answer += text;
  });
  expect(await endsWithin(socket, LATE)).toBe(true);
  return answer;
}

describe('the API', () => {
  let sheaf: TestSheaf;
  let api: ListeningApi;
  beforeAll(async () => {
    sheaf = await openTestSheaf();
    const connections = { headersMs: 400, requestMs: 900, checkMs: 100, readerMs: 500, keepAliveMs: 700 };
    api = await listenTestApi(sheaf, { edge: { connections } });
  });
  afterAll(async () => {
    await api?.close();
    await sheaf?.close();
  });

  const isServed = async () => {
    const { status } = await ask(api.port, { target: '/batches', headers: [ALL] });
    expect(status).toBe(200);
  };

  it('cuts off headers that come byte by byte', async () => {
    const socket = await opened(api.port);
    socket.write('GET /batches HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    drip(socket, 'a');
    await isServed();
    const answer = await answerOf(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('the request did not arrive in time');
  });

  it('cuts off a body that comes byte by byte', async () => {
    const socket = await opened(api.port);
    const head = ['POST /uploads HTTP/1.1', 'Host: a', ALL, 'Content-Type: application/json'];
    socket.write([...head, 'Content-Length: 100000', '', '{"filename":"'].join('\r\n'));
    drip(socket, 'a');
    await isServed();
    expect(await answerOf(socket)).toContain('the request did not arrive in time');
  });

  it('cuts off chunks that never end', async () => {
    const socket = await opened(api.port);
    const head = ['POST /uploads HTTP/1.1', 'Host: a', ALL, 'Content-Type: application/json'];
    socket.write([...head, 'Transfer-Encoding: chunked', '', ''].join('\r\n'));
    drip(socket, '1\r\n \r\n');
    expect(await answerOf(socket)).toContain('HTTP/1.1 4');
  });

  it('cuts off who connects and says nothing, and who asks nothing more', async () => {
    const silent = await opened(api.port);
    const idle = await opened(api.port);
    idle.write('GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await Promise.all([silent, idle].map((socket) => endsWithin(socket, LATE)))).toEqual([true, true]);
  });

  it(`serves others while ${CROWD} connections are held`, async () => {
    const crowd = await Promise.all(Array.from({ length: CROWD }, () => opened(api.port)));
    for (const socket of crowd) {
      socket.write('GET /batches HTTP/1.1\r\n');
      drip(socket, 'X');
    }
    await isServed();
    expect(await Promise.all(crowd.map((socket) => endsWithin(socket, LATE)))).toEqual(
      Array(CROWD).fill(true),
    );
    await isServed();
  });

  it('cuts off who asks and does not read the answers', async () => {
    const socket = await opened(api.port);
    socket.pause();
    // More than the buffers of both sides and of the system between them hold.
    const { body } = await ask(api.port, { target: '/openapi.json' });
    const many = Math.ceil(64_000_000 / body.length);
    socket.write('GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(many));
    const connections = () =>
      new Promise<number>((resolve) => api.app.server.getConnections((_error, count) => resolve(count)));
    await expect.poll(connections, { timeout: LATE, interval: 100 }).toBe(0);
    await isServed();
  });
});

describe('the embedded S3 server', () => {
  let s3: TestS3;
  let port: number;
  let bucket: string;
  beforeAll(async () => {
    const limits = { headersMs: 400, checkMs: 100, keepAliveMs: 700, patienceMs: 2000 };
    s3 = await startTestS3({ limits });
    port = s3.server.port;
    bucket = await s3.bucket();
  });
  afterAll(() => s3?.stop());

  /** The beginning of a PUT that is signed, with a body that is to come. */
  function headOf(key: string, length: number): string {
    const request: RawRequest = { ...putRequest(`/${bucket}/${key}`), headers: {} };
    const { path, query, headers = {} } = presigned(s3.server.endpoint, request);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    return [`PUT ${path}?${query} HTTP/1.1`, ...lines, `Content-Length: ${length}`, '', ''].join('\r\n');
  }

  const isServed = async () => {
    const url = presigned(s3.server.endpoint, putRequest(`/${bucket}/quick`));
    expect((await send(s3.server.endpoint, url)).status).toBe(200);
  };
  const isThere = async (key: string) => {
    const get = presigned(s3.server.endpoint, { method: 'GET', path: `/${bucket}/${key}` });
    return (await send(s3.server.endpoint, get)).status === 200;
  };

  it('cuts off headers that come byte by byte, and who says nothing', async () => {
    const silent = await opened(port);
    const slow = await opened(port);
    slow.write('GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    drip(slow, 'a');
    await isServed();
    expect(await answerOf(slow)).toContain('<Code>RequestTimeout</Code>');
    expect(await endsWithin(silent, LATE)).toBe(true);
  });

  it('cuts off a body that comes byte by byte, and keeps nothing of it', async () => {
    const socket = await opened(port);
    socket.write(headOf('slow', 1_000_000));
    drip(socket, 'a');
    await isServed();
    expect(await endsWithin(socket, LATE)).toBe(true);
    expect(await isThere('slow')).toBe(false);
  });

  it('lets a body take its time that comes at a pace', async () => {
    const socket = await opened(port);
    const piece = 'a'.repeat(1024);
    socket.write(headOf('steady', 30 * piece.length));
    // In all for longer than it would have patience with one that stood still.
    for (let sent = 0; sent < 30; sent++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      socket.write(piece);
    }
    expect(await answerOf(socket)).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(await isThere('steady')).toBe(true);
  });

  it('cuts off a body that needs no key', async () => {
    const socket = await opened(port);
    socket.write(`PUT /${bucket}/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n`);
    drip(socket, 'a');
    expect(await answerOf(socket)).toContain('<Code>AccessDenied</Code>');
  });

  it('cuts off a body that is read before its signature is known to be right', async () => {
    const socket = await opened(port);
    const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const scope = `${stamp.slice(0, 8)}/eu-west-1/s3/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 Credential=${CREDENTIALS.accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`;
    const lines = [`PUT /${bucket}/x HTTP/1.1`, 'Host: a', `X-Amz-Date: ${stamp}`];
    lines.push(`Authorization: ${authorization}`, 'Content-Length: 1000', '', '');
    socket.write(lines.join('\r\n'));
    drip(socket, 'a');
    expect(await endsWithin(socket, LATE)).toBe(true);
    expect(await isThere('x')).toBe(false);
  });

  it(`serves others while ${CROWD} connections are held`, async () => {
    const crowd = await Promise.all(Array.from({ length: CROWD }, () => opened(port)));
    for (const socket of crowd) {
      socket.write('GET / HTTP/1.1\r\n');
      drip(socket, 'X');
    }
    await isServed();
    expect(await Promise.all(crowd.map((socket) => endsWithin(socket, LATE)))).toEqual(
      Array(CROWD).fill(true),
    );
  });
});
