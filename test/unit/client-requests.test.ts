import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { SheafClient } from '../../src/client/client.ts';
import { retryAfterSeconds } from '../../src/client/sheaf-error.ts';
import { refusal } from '../support/refusal.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(handler: Handler): Promise<string> {
  const server = createServer((request, response) => void handler(request, response));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers each request with the next of some answers, and notes what was asked for. */
async function scripted(...answers: [status: number, body: unknown, headers?: Record<string, string>][]) {
  const requests: { line: string; headers: IncomingMessage['headers']; body: string; at: number }[] = [];
  const baseUrl = await serve(async (request, response) => {
    const body = await text(request);
    const { method, url, headers } = request;
    requests.push({ line: `${method} ${url}`, headers, body, at: performance.now() });
    const [status, answer, more] = answers[requests.length - 1] ?? [500, {}];
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    response.writeHead(status, { 'content-type': type, ...more }).end(JSON.stringify(answer));
  });
  return { requests, client: clientOf(baseUrl) };
}

function clientOf(baseUrl: string): SheafClient {
  return new SheafClient({ baseUrl, apiKey: 'a key', retries: { attempts: 3, firstDelayMs: 1 } });
}

const problem = { code: 'unavailable', detail: 'the database does not answer' };

describe('requests', () => {
  test('carry the key, and JSON where there is a body', async () => {
    const { client, requests } = await scripted([200, { handler: 'h' }], [200, { handler: 'h' }]);
    await client.createUpload({ filename: 'a.csv' });
    await client.createUpload();
    const [stated, bare] = requests;
    expect(stated).toMatchObject({ line: 'POST /uploads', body: '{"filename":"a.csv"}' });
    expect(stated?.headers).toMatchObject({
      authorization: 'Bearer a key',
      'content-type': 'application/json',
    });
    expect(bare?.body).toBe('');
    expect(bare?.headers).not.toHaveProperty('content-type');
  });

  test('keep a path in front of the routes and escape what comes from outside', async () => {
    let asked = '';
    const url = await serve((request, response) => {
      asked = request.url ?? '';
      response.end('{}');
    });
    await clientOf(`${url}/sheaf/`).getOperation('a/../b');
    expect(asked).toBe('/sheaf/operations/a%2F..%2Fb');
  });

  test('a base URL that is none is told at once', () => {
    expect(() => new SheafClient({ baseUrl: 'localhost', apiKey: 'k' })).toThrow(TypeError);
  });
});

describe('errors', () => {
  test('problem+json becomes status, code, detail and the places', async () => {
    const errors = [{ pointer: '/mapping/Name', code: 'unknown_field', message: 'is not a field' }];
    const { client, requests } = await scripted([
      422,
      { code: 'invalid_request', detail: 'no field', errors },
    ]);
    const error = await refusal(client.createBatch({ handler: 'h', operation: 'o' }));
    expect(error).toMatchObject({ status: 422, code: 'invalid_request', detail: 'no field', errors });
    expect(error.message).toBe('no field (422 invalid_request)');
    expect(requests).toHaveLength(1);
  });

  test('the page of a proxy is told by its status', async () => {
    const url = await serve(
      (_, response) => void response.writeHead(404, { 'content-type': 'text/html' }).end('<p>'),
    );
    expect(await refusal(clientOf(url).getBatch('b'))).toMatchObject({
      status: 404,
      code: 'unknown',
      errors: [],
    });
  });

  test('an answer that is not JSON is refused and not asked for again', async () => {
    let times = 0;
    const url = await serve((_, response) => {
      times += 1;
      response.end('<html>');
    });
    expect(await refusal(clientOf(url).getBatch('b'))).toMatchObject({ status: 0, code: 'invalid_answer' });
    expect(times).toBe(1);
  });

  test('a server that is not there is named, and why', async () => {
    const url = await serve(() => undefined);
    servers[0]?.close();
    const error = await refusal(clientOf(url).getBatch('b'));
    expect(error).toMatchObject({ status: 0, code: 'unreachable' });
    expect(error.detail).toContain('ECONNREFUSED');
    expect(error.detail).toContain(url);
  });
});

describe('trying again', () => {
  test('a GET outlasts 503s and broken connections', async () => {
    let times = 0;
    const url = await serve((_, response) => {
      times += 1;
      if (times === 1) response.destroy();
      else if (times === 2) response.writeHead(503).end();
      else response.end('{"batch":"b"}');
    });
    expect(await clientOf(url).getBatch('b')).toEqual({ batch: 'b' });
    expect(times).toBe(3);
  });

  test('a GET gives up after the allowed attempts', async () => {
    const { client, requests } = await scripted([503, problem], [503, problem], [503, problem], [200, {}]);
    expect(await refusal(client.getBatch('b'))).toMatchObject({ status: 503, code: 'unavailable' });
    expect(requests).toHaveLength(3);
  });

  test('Retry-After of a 503 is waited for', async () => {
    const { client, requests } = await scripted([503, problem, { 'retry-after': '1' }], [200, {}]);
    await client.getBatch('b');
    expect(requests[1]!.at - requests[0]!.at).toBeGreaterThan(950);
  });

  test.each([404, 409, 500])('a GET that was answered with %i is not sent again', async (status) => {
    const { client, requests } = await scripted([status, { code: 'c', detail: 'd' }], [200, {}]);
    expect(await refusal(client.getBatch('b'))).toMatchObject({ status });
    expect(requests).toHaveLength(1);
  });

  test('a POST is never sent again', async () => {
    const { client, requests } = await scripted([503, problem], [201, {}]);
    expect(await refusal(client.createBatch({ handler: 'h', operation: 'o' }))).toMatchObject({
      status: 503,
    });
    expect(requests).toHaveLength(1);
  });

  test('a caller who has enough gets out of the wait', async () => {
    const { client } = await scripted([503, problem, { 'retry-after': '20' }]);
    const stop = AbortSignal.timeout(50);
    await expect(client.getBatch('b', stop)).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('lists', () => {
  test('all pages, asked for as they are needed', async () => {
    const { client, requests } = await scripted(
      [200, { items: [{ batch: '1' }, { batch: '2' }], next_cursor: 'a/b' }],
      [200, { items: [{ batch: '3' }], next_cursor: null }],
    );
    const seen: string[] = [];
    for await (const { batch } of client.listBatches({ limit: 2 })) {
      seen.push(batch);
      if (batch === '2') expect(requests).toHaveLength(1);
    }
    expect(seen).toEqual(['1', '2', '3']);
    expect(requests.map(({ line }) => line)).toEqual([
      'GET /batches?limit=2',
      'GET /batches?limit=2&cursor=a%2Fb',
    ]);
  });

  test('operations are asked for without a query, which that route refuses', async () => {
    const { client, requests } = await scripted([
      200,
      { items: [{ name: 'create_learner' }], next_cursor: null },
    ]);
    expect(await client.getOperations()).toEqual([{ name: 'create_learner' }]);
    expect(requests[0]?.line).toBe('GET /operations');
  });
});

describe('following', () => {
  const at = (status: string) => ({ batch: 'b', status });

  test('ends with the terminal state and shows each state on the way', async () => {
    const { client, requests } = await scripted(
      [200, at('new')],
      [200, at('processing')],
      [200, at('completed')],
    );
    const seen: string[] = [];
    const onUpdate = ({ status }: { status: string }) => void seen.push(status);
    expect(await client.follow('b', { interval: 5, onUpdate })).toEqual(at('completed'));
    expect(seen).toEqual(['new', 'processing', 'completed']);
    expect(requests).toHaveLength(3);
  });

  test.each(['hash_mismatch', 'validation_failed', 'cancelled', 'failed', 'deleting'])(
    'ends at %s',
    async (status) => {
      const { client } = await scripted([200, at(status)]);
      expect(await client.follow('b')).toEqual(at(status));
    },
  );

  test('waits as long as Retry-After says, and not only the interval', async () => {
    const { client, requests } = await scripted(
      [200, at('new'), { 'retry-after': '1' }],
      [200, at('completed')],
    );
    await client.follow('b', { interval: 5 });
    expect(requests[1]!.at - requests[0]!.at).toBeGreaterThan(950);
  });

  test('is not hurried by Retry-After: 0', async () => {
    const { client, requests } = await scripted(
      [200, at('new'), { 'retry-after': '0' }],
      [200, at('completed')],
    );
    await client.follow('b');
    expect(requests[1]!.at - requests[0]!.at).toBeGreaterThan(95);
  });

  test('stops when the caller has enough', async () => {
    const { client } = await scripted([200, at('new')]);
    const signal = AbortSignal.timeout(50);
    await expect(client.follow('b', { signal, interval: 60_000 })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  test('ends when the batch cannot be seen any more', async () => {
    const { client } = await scripted([200, at('new')], [404, { code: 'batch_not_found', detail: 'gone' }]);
    expect(await refusal(client.follow('b', { interval: 5 }))).toMatchObject({ code: 'batch_not_found' });
  });
});

describe('Retry-After', () => {
  const read = (value: string) =>
    retryAfterSeconds(new Headers({ 'retry-after': value }), Date.UTC(2026, 0, 1));
  test.each([
    ['0', 0],
    ['120', 120],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', null],
    ['', null],
  ])('%j is %j seconds', (value, seconds) => {
    expect(read(value)).toBe(seconds);
  });

  test('left out', () => {
    expect(retryAfterSeconds(new Headers())).toBeNull();
  });
});
