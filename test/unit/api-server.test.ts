import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { apiInMemory, type World } from './api-memory.ts';

/** What only shows on a real connection, and the health of the server. */

async function listening(
  change: Parameters<typeof apiInMemory>[0] = {},
): Promise<{ world: World; port: number }> {
  const world = await apiInMemory(change);
  await world.app.listen({ host: '127.0.0.1', port: 0 });
  return { world, port: (world.app.server.address() as AddressInfo).port };
}

describe('what is not HTTP', () => {
  test.each([
    ['nonsense', 'NONSENSE\r\n\r\n', 'this is not HTTP/1.1'],
    [
      'headers without an end',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`,
      'the headers are too large',
    ],
  ])('%s', async (_name, bytes, detail) => {
    const { world, port } = await listening();
    const socket = connect(port, '127.0.0.1');
    socket.write(bytes);
    const answer = await text(socket);
    const [head, body] = answer.split('\r\n\r\n') as [string, string];
    expect(head).toContain('HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'malformed_request', detail });
    await world.app.close();
  });
});

describe('what only a connection shows of headers', () => {
  async function answerTo(headers: string[]): Promise<{ status: number; body: string }> {
    const { world, port } = await listening();
    const socket = connect(port, '127.0.0.1');
    const lines = ['POST /uploads HTTP/1.1', 'Host: a', 'Connection: close', 'Authorization: Bearer all'];
    socket.write([...lines, ...headers, 'Content-Length: 0', '', ''].join('\r\n'));
    const [head, body] = (await text(socket)).split('\r\n\r\n') as [string, string];
    await world.app.close();
    return { status: Number(head.split(' ')[1]), body };
  }

  test.each([
    [['Expect: 200-foo'], 'header:Expect', 'unknown_header'],
    [['Idempotency-Key: a', 'idempotency-key: b'], 'header:Idempotency-Key', 'invalid'],
    [['Idempotency-Key: a', 'Idempotency-Key: a'], 'header:Idempotency-Key', 'invalid'],
  ])('%s is refused as a problem', async (headers, pointer, code) => {
    const { status, body } = await answerTo(headers);
    expect([status, JSON.parse(body).errors]).toMatchObject([422, [{ pointer, code }]]);
  });

  test.each([[['Idempotency-Key: a, b']], [[]]])('%s is taken', async (headers) => {
    expect((await answerTo(headers)).status).toBe(201);
  });

  test('100-continue is told to go on, then answered', async () => {
    const { status, body } = await answerTo(['Expect: 100-continue']);
    expect([status, body]).toEqual([100, expect.stringMatching(/^HTTP\/1\.1 201 /)]);
  });
});

test('a server that is stopping finishes what it does and refuses the rest as a problem', async () => {
  let answerHealth: (checks: Record<string, null>) => void = () => {};
  let wasAsked: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    wasAsked = resolve;
  });
  const { world, port } = await listening({
    health: () =>
      new Promise((resolve) => {
        answerHealth = resolve;
        wasAsked();
      }),
  });
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n');
  await asked;
  const late = connect(port, '127.0.0.1');
  late.write('GET /health/live HTTP/1.1\r\nHost: a\r\n');
  await once(world.app.server, 'connection');
  const closed = world.app.close();
  await new Promise((resolve) => setImmediate(resolve));
  late.write('\r\n');
  const refused = await text(late);
  expect(refused).toContain('HTTP/1.1 503 Service Unavailable');
  expect(refused).toContain('this server is stopping');

  answerHealth({ database: null });
  // Neither client hangs up, as one does that keeps its connections for later: closing does not wait for that.
  const answer = await text(socket);
  await closed;
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(answer).toMatch(/^connection: close\r$/im);
});

describe('health', () => {
  test('live looks at nothing', async () => {
    const world = await apiInMemory({ health: () => Promise.reject(new Error('down')) });
    const response = await world.request({ method: 'GET', url: '/health/live', key: null });
    expect([response.statusCode, response.json()]).toEqual([200, { status: 'ok', checks: {} }]);
    await world.app.close();
  });

  test('ready tells what was looked at', async () => {
    const world = await apiInMemory();
    const fine = await world.request({ method: 'GET', url: '/health/ready', key: null });
    expect(fine.json()).toEqual({ status: 'ok', checks: { database: 'ok', object_store: 'ok' } });

    world.health.database = 'connect ECONNREFUSED 10.1.2.3:5432';
    const bad = await world.request({ method: 'GET', url: '/health/ready', key: null });
    expect(bad.statusCode).toBe(503);
    expect(bad.json()).toMatchObject({
      code: 'unavailable',
      checks: { database: 'failing', object_store: 'ok' },
    });
    expect(bad.body).not.toContain('10.1.2.3');
    expect(world.logged.join('')).toContain('10.1.2.3');
    await world.app.close();
  });
});
