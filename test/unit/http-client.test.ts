import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { HttpClient, type HttpClientOptions } from '../../src/adapters/http-client/client.ts';
import { type HttpAnswer, HttpFailure, type HttpRequest } from '../../src/core/http.ts';
import { answerJson, bodyOf, httpPeer, type Peer, socketPeer } from '../support/http-peer.ts';

const ended: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

function clientOf(options: HttpClientOptions = {}): HttpClient {
  const client = new HttpClient(options);
  ended.push(() => client.close());
  return client;
}

async function peer(made: Promise<Peer>): Promise<Peer> {
  const one = await made;
  ended.push(() => one.close());
  return one;
}

const never = new AbortController().signal;

function request(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url, headers: [], timeoutMs: 60_000, maxBytes: 1000, allowPrivate: true, ...more };
}

const textOf = ({ body }: HttpAnswer) => Buffer.from(body).toString();

async function failureOf(sent: Promise<HttpAnswer>): Promise<HttpFailure> {
  const error: unknown = await sent.then(
    (answer) => expect.fail(`it answered ${answer.status}`),
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(HttpFailure);
  return error as HttpFailure;
}

describe('a request', () => {
  test('is sent as it is, and its answer comes back', async () => {
    const { origin } = await peer(
      httpPeer(async (incoming, response) => {
        const { method, url, headers } = incoming;
        answerJson(
          response,
          201,
          { method, url, headers, body: await bodyOf(incoming) },
          { 'X-Thing': 'yes' },
        );
      }),
    );
    const answer = await clientOf().send(
      request(`${origin}/a%2Fb?c=%20d`, {
        method: 'POST',
        headers: [
          ['Idempotency-Key', 'k1'],
          ['X-Latin', 'é'],
        ],
        body: 'grüße',
      }),
      never,
    );
    expect(answer.status).toBe(201);
    expect(answer.headers['x-thing']).toBe('yes');
    expect(JSON.parse(textOf(answer))).toMatchObject({
      method: 'POST',
      url: '/a%2Fb?c=%20d',
      body: 'grüße',
      headers: {
        'idempotency-key': 'k1',
        'x-latin': 'é',
        'accept-encoding': 'identity',
        'content-length': '7',
      },
    });
  });

  test('follows no redirect', async () => {
    let asked = 0;
    const { origin } = await peer(
      httpPeer((_request, response) => {
        asked += 1;
        response.writeHead(307, { location: '/elsewhere' }).end();
      }),
    );
    const answer = await clientOf().send(request(origin), never);
    expect([answer.status, answer.headers.location, asked]).toEqual([307, '/elsewhere', 1]);
  });

  test('uses a connection again', async () => {
    const ports = new Set<number>();
    const { origin } = await peer(
      httpPeer((incoming, response) => {
        ports.add(incoming.socket.remotePort!);
        response.end('ok');
      }),
    );
    const client = clientOf();
    for (let n = 0; n < 20; n++) await client.send(request(origin), never);
    expect(ports.size).toBeLessThan(4);
  });

  test('has no more connections than allowed', async () => {
    let open = 0;
    let most = 0;
    const { origin } = await peer(
      httpPeer((incoming, response) => {
        open += 1;
        most = Math.max(most, open);
        setImmediate(() => {
          open -= 1;
          response.end(incoming.url);
        });
      }),
    );
    const client = clientOf({ connections: 3 });
    const sent = Array.from({ length: 50 }, (_, n) => client.send(request(`${origin}/${n}`), never));
    expect((await Promise.all(sent)).map(textOf)).toEqual(Array.from({ length: 50 }, (_, n) => `/${n}`));
    expect(most).toBeLessThanOrEqual(3);
  });

  test('interim answers are passed over', async () => {
    const { origin } = await peer(
      socketPeer((socket) =>
        socket.end(
          'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
        ),
      ),
    );
    const answer = await clientOf().send(request(origin), never);
    expect([answer.status, textOf(answer)]).toEqual([200, 'ok']);
  });

  test.each([
    'ftp://example.org/',
    'file:///etc/passwd',
    'http://user@example.org/',
    'http://:password@example.org/',
    'nothing',
  ])('is refused: %s', async (url) => {
    const failure = await failureOf(clientOf().send(request(url), never));
    expect([failure.trouble, failure.perhapsSent]).toEqual(['not_a_request', false]);
  });

  test('is refused when a header would become two', async () => {
    const { origin } = await peer(httpPeer((_request, response) => response.end()));
    const sent = clientOf().send(request(origin, { headers: [['x-a', 'b\r\nx-c: d']] }), never);
    expect((await failureOf(sent)).trouble).toBe('not_a_request');
  });

  test('ends when its signal fires, with the reason', async () => {
    const stop = new AbortController();
    const { origin } = await peer(httpPeer(() => stop.abort(new Error('enough'))));
    await expect(clientOf().send(request(origin), stop.signal)).rejects.toThrow('enough');
    await expect(clientOf().send(request(origin), AbortSignal.abort(new Error('before')))).rejects.toThrow(
      'before',
    );
  });
});

describe('an answer that does not come, or not whole', () => {
  test('nobody listens', async () => {
    const gone = await httpPeer(() => undefined);
    await gone.close();
    const failure = await failureOf(clientOf().send(request(gone.origin), never));
    expect([failure.trouble, failure.perhapsSent]).toEqual(['not_connected', false]);
    expect(failure.message).toBe('no connection to 127.0.0.1 (ECONNREFUSED)');
  });

  test('no answer comes to the question for its address', async () => {
    const resolve = () => new Promise<never>(() => undefined);
    const client = clientOf({ resolve, connectTimeoutMs: 1000 });
    const url = 'http://silent.example/';
    const late = await failureOf(client.send(request(url, { timeoutMs: 100 }), never));
    expect([late.trouble, late.message]).toEqual([
      'not_connected',
      'no connection to silent.example within 0.1 s',
    ]);
    const given = await failureOf(client.send(request(url), never));
    expect([given.trouble, given.perhapsSent]).toEqual(['not_connected', false]);
    expect(given.message).toContain('UND_ERR_CONNECT_TIMEOUT');
  });

  test('the other side does not speak TLS', async () => {
    const { port } = await peer(socketPeer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n')));
    const failure = await failureOf(
      clientOf({ connectTimeoutMs: 2000 }).send(request(`https://127.0.0.1:${port}/`), never),
    );
    expect(failure.trouble).toBe('not_connected');
  });

  test('it takes longer than allowed', async () => {
    const { origin } = await peer(httpPeer(() => undefined));
    const failure = await failureOf(clientOf().send(request(origin, { timeoutMs: 300 }), never));
    expect([failure.trouble, failure.perhapsSent]).toEqual(['no_answer', true]);
  });

  test('its body trickles without an end', async () => {
    const { origin } = await peer(
      httpPeer((_request, response) => {
        const timer = setInterval(() => response.write('.'), 10);
        response.on('close', () => clearInterval(timer));
      }),
    );
    const sent = clientOf().send(request(origin, { timeoutMs: 500, maxBytes: 1e9 }), never);
    expect((await failureOf(sent)).trouble).toBe('no_answer');
  });

  test('its head trickles without an end', async () => {
    const { origin } = await peer(
      socketPeer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        const timer = setInterval(() => socket.write('x-more: yes\r\n'), 10);
        socket.on('close', () => clearInterval(timer));
      }),
    );
    expect((await failureOf(clientOf().send(request(origin, { timeoutMs: 500 }), never))).trouble).toBe(
      'no_answer',
    );
  });

  test('what waits for a connection until its time is over is never sent', async () => {
    const seen: string[] = [];
    let answerFirst = () => {};
    const { origin } = await peer(
      httpPeer((incoming, response) => {
        seen.push(incoming.url!);
        if (incoming.url === '/first') answerFirst = () => response.end('done');
        else response.end('ok');
      }),
    );
    const client = clientOf({ connections: 1 });
    const first = client.send(request(`${origin}/first`), never);
    const second = client.send(request(`${origin}/second`, { timeoutMs: 200 }), never);
    const failure = await failureOf(second);
    expect([failure.trouble, failure.perhapsSent]).toEqual(['not_connected', false]);
    answerFirst();
    expect(textOf(await first)).toBe('done');
    expect(textOf(await client.send(request(`${origin}/third`), never))).toBe('ok');
    expect(seen).toEqual(['/first', '/third']);
  });

  const cut: [string, string, string][] = [
    ['at once', '', 'cut_off'],
    ['within the head', 'HTTP/1.1 200 OK\r\ncontent-le', 'cut_off'],
    ['within the body', 'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"a":', 'cut_off'],
    ['within chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n', 'cut_off'],
    [
      'malformed chunks',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n',
      'malformed',
    ],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'malformed'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc', 'malformed'],
    ['a header without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`, 'malformed'],
    [
      'a change of protocol',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'cut_off',
    ],
  ];

  test.each(cut)('%s', async (_name, bytes, trouble) => {
    const { origin } = await peer(socketPeer((socket) => socket.end(bytes)));
    const failure = await failureOf(clientOf().send(request(origin), never));
    expect([failure.trouble, failure.perhapsSent]).toEqual([trouble, true]);
    expect(failure.message).toContain('127.0.0.1');
  });

  test('the connection is reset', async () => {
    const { origin } = await peer(socketPeer((socket) => socket.resetAndDestroy()));
    const failure = await failureOf(clientOf().send(request(origin), never));
    expect([failure.trouble, failure.perhapsSent]).toEqual(['cut_off', true]);
  });

  test('a connection that was ended while nobody used it harms nothing', async () => {
    const { origin } = await peer(
      httpPeer((incoming, response) => {
        response.end('ok');
        response.on('finish', () => setImmediate(() => incoming.socket.destroy()));
      }),
    );
    const client = clientOf();
    for (let n = 0; n < 20; n++) {
      const sent = await client.send(request(origin), never).catch((error: HttpFailure) => error.trouble);
      // It may have been on its way just then; but nothing hangs, and nothing else is said.
      if (sent !== 'cut_off') expect(textOf(sent as HttpAnswer)).toBe('ok');
    }
  });

  test('the client is closed', async () => {
    const client = clientOf();
    const { origin } = await peer(httpPeer(() => void client.close()));
    expect((await failureOf(client.send(request(origin), never))).perhapsSent).toBe(true);
    expect((await failureOf(client.send(request(origin), never))).trouble).toBe('not_connected');
  });
});

describe('the size of an answer', () => {
  const big = (response: { write(bytes: string): boolean; on(event: string, then: () => void): unknown }) => {
    const more = () => {
      while (response.write('x'.repeat(10_000)));
    };
    response.on('drain', more);
    more();
  };

  test('a body without end is not read to the end', async () => {
    const { origin } = await peer(httpPeer((_request, response) => big(response.writeHead(200))));
    expect(await clientOf().send(request(origin), never)).toMatchObject({ status: 200, unread: 'too_large' });
  });

  test('its status counts all the same', async () => {
    const { origin } = await peer(httpPeer((_request, response) => big(response.writeHead(503))));
    expect(await clientOf().send(request(origin), never)).toMatchObject({ status: 503, unread: 'too_large' });
  });

  test('as much as allowed is read', async () => {
    const { origin } = await peer(httpPeer((_request, response) => response.end('x'.repeat(1000))));
    expect(textOf(await clientOf().send(request(origin), never))).toBe('x'.repeat(1000));
  });

  test('what was compressed though it was not to be', async () => {
    const { origin } = await peer(
      httpPeer(({ url }, response) => {
        const text = url === '/small' ? 'hello' : 'x'.repeat(50_000_000);
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text));
      }),
    );
    const client = clientOf();
    expect(textOf(await client.send(request(`${origin}/small`), never))).toBe('hello');
    const bomb = await client.send(request(`${origin}/bomb`, { maxBytes: 1_000_000 }), never);
    expect(bomb).toMatchObject({ status: 200, unread: 'too_large' });
    expect(bomb.body).toHaveLength(0);
  });

  test('what was compressed over and over', async () => {
    const times = (count: number) =>
      Array.from({ length: count }).reduce<Buffer>((bytes) => gzipSync(bytes), Buffer.from('hello'));
    const { origin } = await peer(
      httpPeer(({ url }, response) => {
        const count = Number(url!.slice(1));
        const encoding = Array(count).fill('gzip').join(', ');
        response.writeHead(200, { 'content-encoding': encoding }).end(times(count));
      }),
    );
    const client = clientOf();
    expect(textOf(await client.send(request(`${origin}/2`), never))).toBe('hello');
    expect(await client.send(request(`${origin}/40`), never)).toMatchObject({ unread: 'unknown_encoding' });
  });

  test('an encoding that nobody knows, and one that is not what it says', async () => {
    const { origin } = await peer(
      httpPeer(({ url }, response) =>
        response.writeHead(200, { 'content-encoding': url!.slice(1) }).end('hello'),
      ),
    );
    const client = clientOf();
    expect(await client.send(request(`${origin}/rot13`), never)).toMatchObject({
      unread: 'unknown_encoding',
    });
    expect(await client.send(request(`${origin}/constructor`), never)).toMatchObject({
      unread: 'unknown_encoding',
    });
    expect((await failureOf(client.send(request(`${origin}/gzip`), never))).trouble).toBe('malformed');
  });
});

describe('addresses', () => {
  const resolving = (...addresses: string[]) => ({
    resolve: async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
  });

  test.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://0/',
    'http://169.254.169.254/latest/meta-data/',
    'http://１２７.0.0.1/',
  ])('%s is refused', async (url) => {
    const failure = await failureOf(clientOf().send(request(url, { allowPrivate: false }), never));
    expect([failure.trouble, failure.perhapsSent]).toEqual(['address_refused', false]);
  });

  test.each([
    [['10.0.0.1']],
    [['93.184.216.34', '127.0.0.1']],
    [['2606:2800:220:1::1', '::1']],
    [['64:ff9b::7f00:1']],
  ])('a name that stands for %j is refused', async (addresses) => {
    const failure = await failureOf(
      clientOf(resolving(...addresses)).send(
        request('http://rebound.example/', { allowPrivate: false }),
        never,
      ),
    );
    expect(failure.trouble).toBe('address_refused');
    expect(failure.message).toMatch(/^rebound\.example is .*, which is no public address$/);
  });

  test('the real resolver’s answer is looked at', async () => {
    const failure = await failureOf(
      clientOf().send(request('http://localhost:1/', { allowPrivate: false }), never),
    );
    expect(failure.trouble).toBe('address_refused');
  });

  test('a name is asked for once a connection, and that answer is the one that is used', async () => {
    const { port } = await peer(httpPeer(({ headers }, response) => response.end(headers.host)));
    let asked = 0;
    const client = clientOf({
      resolve: async () => {
        asked += 1;
        return [{ address: asked === 1 ? '127.0.0.1' : '10.255.255.1', family: 4 }];
      },
    });
    const allowPrivate = ['127.0.0.0/8'];
    const answer = await client.send(request(`http://rebound.example:${port}/`, { allowPrivate }), never);
    expect([textOf(answer), asked]).toEqual([`rebound.example:${port}`, 1]);
  });

  test('what one operation may reach does not open it for another', async () => {
    const { origin } = await peer(httpPeer((_request, response) => response.end('ok')));
    const client = clientOf();
    expect(textOf(await client.send(request(origin, { allowPrivate: ['127.0.0.1'] }), never))).toBe('ok');
    for (const allowPrivate of [false, [], ['10.0.0.0/8'], ['127.0.0.2']]) {
      const failure = await failureOf(client.send(request(origin, { allowPrivate }), never));
      expect(failure.trouble).toBe('address_refused');
    }
  });

  test('a name that is not found', async () => {
    const resolve = async () => {
      throw Object.assign(new Error('no'), { code: 'ENOTFOUND' });
    };
    const failure = await failureOf(clientOf({ resolve }).send(request('http://nowhere.example/'), never));
    expect([failure.trouble, failure.perhapsSent]).toEqual(['not_resolved', false]);
    const none = await failureOf(clientOf(resolving()).send(request('http://nowhere.example/'), never));
    expect(none.trouble).toBe('not_resolved');
  });

  test('the next address is taken where one does not answer', async () => {
    const { port } = await peer(httpPeer((_request, response) => response.end('ok')));
    const client = clientOf(resolving('127.0.0.2', '127.0.0.1'));
    expect(textOf(await client.send(request(`http://two.example:${port}/`), never))).toBe('ok');
  });
});
