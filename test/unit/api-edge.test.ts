import type { InjectOptions } from 'fastify';
import { afterEach, describe, expect, test } from 'vitest';
import type { EdgeSettings } from '../../src/api/edge-settings.ts';
import { trustsProxy } from '../../src/api/trusted-proxies.ts';
import { apiInMemory, type World } from './api-memory.ts';

/** How the API meets the network: what its answers carry, which pages may call it, and whom it believes. */

const opened: World[] = [];
afterEach(async () => {
  for (const world of opened.splice(0)) await world.app.close();
});

async function open(edge: Partial<EdgeSettings> = {}): Promise<World> {
  const world = await apiInMemory({ edge });
  opened.push(world);
  return world;
}

describe('what browsers may do with answers', () => {
  test.each([
    ['an answer', '/health/live', 200],
    ['an error', '/batches/nothing', 404],
    ['a path that is not there', '/nowhere', 404],
    ['no key', '/batches', 401],
  ])('nothing with %s', async (_name, url, status) => {
    const world = await open();
    const { statusCode, headers } = await world.request({
      method: 'GET',
      url,
      key: status === 401 ? null : 'all',
    });
    expect(statusCode).toBe(status);
    expect(headers).toMatchObject({
      'content-security-policy':
        "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    expect(headers).not.toHaveProperty('strict-transport-security');
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    expect(headers).not.toHaveProperty('server');
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  test('the docs are pages of their own, which nobody frames', async () => {
    const world = await open();
    const { headers } = await world.request({ method: 'GET', url: '/docs/', key: null });
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe-eval');
    expect(policy).not.toMatch(/script-src[^;]*unsafe-inline/);
  });

  test.each([
    [false, { 'x-forwarded-proto': 'https' }, undefined],
    [1, { 'x-forwarded-proto': 'http' }, undefined],
    [1, { 'x-forwarded-proto': 'https' }, 'max-age=31536000'],
  ] as const)('HTTPS for good only where it is in use: %j, %j', async (trustProxy, headers, told) => {
    const world = await open({ trustProxy });
    const response = await world.request({ method: 'GET', url: '/health/live', headers });
    expect(response.headers['strict-transport-security']).toBe(told);
  });
});

describe('pages of other origins', () => {
  const PAGE = 'https://app.example.com';

  const preflight = (origin: string, change: Record<string, string> = {}): InjectOptions & { key: null } => ({
    method: 'OPTIONS',
    url: '/batches',
    key: null,
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,idempotency-key',
      ...change,
    },
  });
  const crossOrigin = (headers: object) =>
    Object.keys(headers).filter((name) => name.startsWith('access-control-'));

  test('are unknown where none is set', async () => {
    const world = await open({ corsOrigins: [] });
    const asked = await world.request(preflight(PAGE));
    expect([asked.statusCode, asked.json().code]).toEqual([404, 'route_not_found']);
    const got = await world.request({ method: 'GET', url: '/batches', headers: { origin: PAGE } });
    expect([asked, got].flatMap(({ headers }) => crossOrigin(headers))).toEqual([]);
    expect(got.headers).not.toHaveProperty('vary');
  });

  test('that are named may call, with a key of their own', async () => {
    const world = await open({ corsOrigins: [PAGE, 'https://other.example.com'] });
    const asked = await world.request(preflight(PAGE));
    expect([asked.statusCode, asked.body]).toEqual([204, '']);
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
      'access-control-allow-headers': 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID',
      'access-control-max-age': '600',
      vary: 'Origin',
    });
    expect(asked.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);

    const got = await world.request({ method: 'GET', url: '/batches', headers: { origin: PAGE } });
    expect(got.statusCode).toBe(200);
    expect(got.headers['access-control-allow-origin']).toBe(PAGE);
    expect(got.headers['access-control-expose-headers']).toBe(
      'Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, Idempotent-Replayed, Content-Disposition',
    );
    const refused = await world.request({
      method: 'GET',
      url: '/batches',
      key: null,
      headers: { origin: PAGE },
    });
    expect([refused.statusCode, refused.headers['access-control-allow-origin']]).toEqual([401, PAGE]);
    for (const { headers } of [asked, got, refused])
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
  });

  test.each([
    'https://evil.example.com',
    'http://app.example.com',
    'https://app.example.com.evil.com',
    'https://app.example.com:444',
    'https://APP.example.com',
    'null',
    '*',
  ])('that are not named get no leave: %s', async (origin) => {
    const world = await open({ corsOrigins: [PAGE] });
    const asked = await world.request(preflight(origin));
    expect([asked.statusCode, asked.json().code]).toEqual([404, 'route_not_found']);
    const got = await world.request({ method: 'GET', url: '/batches', headers: { origin } });
    expect([asked, got].flatMap(({ headers }) => crossOrigin(headers))).toEqual([]);
  });

  test('all may where all are named', async () => {
    const world = await open({ corsOrigins: ['*'] });
    const asked = await world.request(preflight('https://any.example.com'));
    expect([asked.statusCode, asked.headers['access-control-allow-origin']]).toEqual([204, '*']);
  });

  test('OPTIONS that is no preflight is no route', async () => {
    const world = await open({ corsOrigins: [PAGE] });
    for (const headers of [{ origin: PAGE }, { 'access-control-request-method': 'POST' }, {}]) {
      const response = await world.request({ method: 'OPTIONS', url: '/batches', key: null, headers });
      expect([response.statusCode, response.json().code]).toEqual([404, 'route_not_found']);
    }
    const { paths } = (await world.get('/openapi.json')).json();
    expect(Object.values(paths).flatMap((path) => Object.keys(path as object))).not.toContain('options');
  });
});

describe('what proxies say', () => {
  /** As whom the log knows whoever asked, and how the request is called. */
  async function seen(trustProxy: EdgeSettings['trustProxy'], from: string, headers: Record<string, string>) {
    const world = await open({ trustProxy });
    const response = await world.app.inject({ url: '/health/live', remoteAddress: from, headers });
    const line = world.logged.map((text) => JSON.parse(text)).find(({ msg }) => msg === 'incoming request');
    expect(response.headers['x-request-id']).toBe(line.reqId);
    return { ip: line.req.remoteAddress as string, id: line.reqId as string };
  }

  const forwarded = { 'x-forwarded-for': '198.51.100.9, 203.0.113.7' };

  test.each([
    ['nobody is believed', false, '192.0.2.1', '192.0.2.1'],
    ['one proxy adds one address', 1, '192.0.2.1', '203.0.113.7'],
    ['two add two', 2, '192.0.2.1', '198.51.100.9'],
    ['its address is known', ['192.0.2.0/24'], '192.0.2.1', '203.0.113.7'],
    ['both addresses are known', ['192.0.2.1', '203.0.113.0/25'], '192.0.2.1', '198.51.100.9'],
    ['it comes by IPv6 that only is IPv4', ['192.0.2.0/24'], '::ffff:192.0.2.1', '203.0.113.7'],
    ['somebody else says so', ['192.0.2.0/24'], '192.0.3.1', '192.0.3.1'],
    ['an IPv6 network', ['2001:db8::/32'], '2001:db8::5', '203.0.113.7'],
  ] as const)('%s', async (_name, trustProxy, from, ip) => {
    expect((await seen(trustProxy, from, forwarded)).ip).toBe(ip);
  });

  test.each([
    ['taken from a proxy', 1, 'trace-1.a_B', true],
    ['made anew for everybody else', false, 'trace-1', false],
    ['made anew for who is not the proxy', ['192.0.2.9'], 'trace-1', false],
    ['made anew when it is no name', 1, 'a b', false],
    ['made anew when it would be markup', 1, '<script>', false],
    ['made anew when it is long', 1, 'a'.repeat(65), false],
    ['made anew when it is empty', 1, '', false],
  ] as const)('a request’s id is %s', async (_name, trustProxy, given, taken) => {
    const { id } = await seen(trustProxy, '192.0.2.1', { 'x-request-id': given });
    expect(id).toMatch(taken ? new RegExp(`^${given}$`) : /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  });

  test('an address that is none cannot be trusted', () => {
    expect(() => trustsProxy(['proxy.example.com'])).toThrow('is no address of a proxy');
    expect(trustsProxy(['10.0.0.0/8'])('10.0.0.1, 10.0.0.2', 0)).toBe(false);
    expect(trustsProxy(['10.0.0.0/8'])(undefined, 0)).toBe(false);
  });
});

test('more headers than anybody needs are refused', async () => {
  const world = await open();
  const headers = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x-${index}`, '1']));
  const response = await world.app.inject({ url: '/batches', headers });
  expect([response.statusCode, response.json()]).toMatchObject([
    400,
    { code: 'malformed_request', detail: 'there are more than 100 headers' },
  ]);
});
