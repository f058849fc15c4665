import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL, type ListeningApi, listenTestApi } from '../support/listening-api.ts';
import { answersIn, ask, exchange, type RawAnswer } from '../support/raw-http.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/**
 * Requests that no client would send, written by hand to a server that listens, on a real database: each gets a plain
 * refusal, and never an error of the server's own, a file, or what it sent in a header.
 */

let sheaf: TestSheaf;
let api: ListeningApi;
beforeAll(async () => {
  sheaf = await openTestSheaf();
  api = await listenTestApi(sheaf);
});
afterAll(async () => {
  await api?.close();
  await sheaf?.close();
});

const JSON_BODY = 'Content-Type: application/json';

const get = (target: string, headers: readonly string[] = []) =>
  ask(api.port, { target, headers: [ALL, ...headers] });

const post = (target: string, body: string, headers: readonly string[] = []) =>
  ask(api.port, { method: 'POST', target, headers: [ALL, JSON_BODY, ...headers], body });

function refused({ status, headers, body }: RawAnswer): [number, string] {
  expect(headers.get('content-type')).toEqual(['application/problem+json']);
  const problem = JSON.parse(body);
  expect(problem.status).toBe(status);
  return [status, problem.code];
}

/** No header is answered twice, and none has more than one line. */
function isOrderly({ headers }: RawAnswer): void {
  for (const [name, values] of headers) expect([name, values.length]).toEqual([name, 1]);
}

async function isUp(): Promise<void> {
  expect((await get('/batches')).status).toBe(200);
}

describe('paths', () => {
  const UP = [
    '..',
    '%2e%2e',
    '%2E.',
    '.%2e',
    '%252e%252e',
    '..%2f',
    '%2e%2e%2f',
    '..%5c',
    '..\\',
    '%c0%ae%c0%ae',
  ];
  const PLACES = ['', '/docs', '/docs/static', '/batches', '/operations', '/uploads', '/training/exams'];
  const FILES = ['etc/passwd', 'package.json', '.env'];
  const TRAVERSALS = PLACES.flatMap((place) =>
    UP.flatMap((up) => FILES.map((file) => `${place}/${Array(6).fill(up).join('/')}/${file}`)),
  );

  it(`out of where files are served from: ${TRAVERSALS.length} of them`, async () => {
    for (const target of TRAVERSALS) {
      const answer = await get(target);
      expect([target, answer.status]).toEqual([target, expect.toBeOneOf([400, 404])]);
      refused(answer);
      expect(answer.body).not.toMatch(/root:|"dependencies"|DATABASE_URL/);
    }
  });

  const NOT_THERE = [
    '/batches/%00',
    '/batches/a%00b',
    '/batches/..',
    '/batches/%2e%2e%2fusers',
    '/batches/%2fetc%2fpasswd',
    '/batches//etc/passwd',
    '/batches/%5c%5chost%5cshare',
    '/batches/%ff',
    '/batches/%c0%af',
    '/batches/%e0%80%af',
    '/batches/%ed%a0%80',
    '/batches/%u0041',
    '/batches/%',
    '/batches/%2',
    '/batches/%25%30%30',
    '/batches/0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11%00',
    '/batches/0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11;x=1',
    "/batches/'%20or%201=1--",
    '/batches/$%7bjndi:ldap:%2f%2fevil%7d',
    '/operations/%00',
    '/operations/__proto__',
    '/operations/constructor',
    '/operations/toString/template?format=csv',
    '/training/cohorts/%00',
    '/training/exams/%00',
    '/training/exams/__proto__',
    '/users/%00',
    '/users/__proto__',
    '/roles/%00',
    '/roles/__proto__',
    '/roles/constructor',
    '/api-keys/%00',
    '/admin/batches/%00',
    '/admin/accounts/%00',
    '/BATCHES',
    '/batches/',
    '/batches?%00=1',
    '/batches?search=%00',
    '/batches?cursor=%00',
    '/batches?cursor=eyJ9',
    '/batches?__proto__=1',
    '/batches?constructor=1',
    '/batches?__proto__[limit]=1',
    '/batches?limit=1&limit=2',
    '/batches?limit=1&LIMIT=2',
    '/batches?limit[]=1',
    '/batches?status=new&status=failed',
    '/batches?created_after=1e400',
    '/training/exams?course=%00',
    '/training/cohorts?search=%00',
    '/admin/audit?cursor=%00',
    '/admin/batches?search=%00',
    `/${'a'.repeat(8000)}`,
    `/batches/${'a'.repeat(101)}`,
    `/batches/${'%41'.repeat(2000)}`,
    `/${'a/'.repeat(4000)}`,
    `/batches?search=${'a'.repeat(10_000)}`,
    `/batches?${'a&'.repeat(4000)}`,
    '//evil.example.com/batches',
    '///evil.example.com',
    '//evil.example.com/docs',
    '/\\evil.example.com',
    'http://evil.example.com/nowhere',
    'file:///etc/passwd',
  ];

  it.each(NOT_THERE)('%s is none', async (target) => {
    const answer = await get(target);
    const [status] = refused(answer);
    expect(status).toBeOneOf([400, 404, 422]);
    expect(answer.headers.has('location')).toBe(false);
    isOrderly(answer);
  });

  it('that are no HTTP end the connection', async () => {
    for (const target of ['/batches\0', '/batches\x01', '/bat ches', '/batches\tx', 'batches', '']) {
      const answer = await exchange(api.port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
      expect([target, answer.split('\r\n')[0]]).toEqual([target, 'HTTP/1.1 400 Bad Request']);
    }
    await isUp();
  });

  it('with a host of their own are asked here, and nothing leads there', async () => {
    const answer = await get('http://evil.example.com/batches');
    expect(answer.status).toBe(200);
    expect(JSON.stringify([...answer.headers]) + answer.body).not.toContain('evil');
    for (const target of ['http://evil.example.com/', 'http://evil.example.com', '*']) {
      const root = await get(target);
      expect([target, root.status, root.headers.get('location')]).toEqual([target, 302, ['/docs']]);
    }
  });

  it.each(['/batches?metadata.__proto__=1', '/batches?metadata.constructor=1', '/batches?search=%ff'])(
    '%s finds nothing',
    async (target) => {
      const answer = await get(target);
      expect([answer.status, JSON.parse(answer.body).items]).toEqual([200, []]);
    },
  );
});

describe('hosts', () => {
  const asHost = (lines: string) => `GET /batches HTTP/1.1\r\n${lines}${ALL}\r\nConnection: close\r\n\r\n`;

  it.each([
    ['none', ''],
    ['two', 'Host: a\r\nHost: b\r\n'],
  ])('%s is no request', async (_name, lines) => {
    expect(await exchange(api.port, asHost(lines))).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('are not believed: links lead to where they are followed from', async () => {
    const handler = await sheaf.upload('learner_id,name\n');
    const batch = await sheaf.submit(handler);
    const evil = ['X-Forwarded-Host: evil.example.com', 'Forwarded: host=evil.example.com;proto=https'];
    for (const target of [`/batches/${batch}`, '/batches', '/openapi.json', '/docs', '/']) {
      const lines = [`GET ${target} HTTP/1.1`, 'Host: evil.example.com', ALL, 'Connection: close', ...evil];
      const [answer] = answersIn(await exchange(api.port, `${lines.join('\r\n')}\r\n\r\n`));
      expect(JSON.stringify([...answer!.headers]) + answer!.body).not.toContain('evil.example.com');
    }
  });
});

describe('requests within requests', () => {
  const HEAD = ['POST /uploads HTTP/1.1', 'Host: a', ALL, JSON_BODY];
  const INNER = 'GET /batches HTTP/1.1\r\nHost: a\r\n\r\n';

  it.each([
    ['Content-Length and Transfer-Encoding', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
    ['Transfer-Encoding and Content-Length', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
    ['two lengths', ['Content-Length: 2', 'Content-Length: 60']],
    ['two lengths in one', ['Content-Length: 2, 60']],
    ['a length with a sign', ['Content-Length: +2']],
    ['a negative length', ['Content-Length: -1']],
    ['a length in hexadecimal', ['Content-Length: 0x2']],
    ['an unknown coding', ['Transfer-Encoding: xchunked']],
    ['a coding after the chunks', ['Transfer-Encoding: chunked, identity']],
    ['a coding twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity']],
    ['a folded header', ['X-Folded: a', ' Content-Length: 60']],
    ['a folded coding', ['Transfer-Encoding:', ' chunked']],
    ['a blank before the colon', ['Transfer-Encoding : chunked']],
    ['a control character in a name', ['Transfer-\x0bEncoding: chunked']],
    ['a NUL in a value', ['X-Nul: a\0b']],
    ['a lone CR in a value', ['X-Cr: a\rX-Smuggled: b']],
  ])('%s: nothing inside is served', async (_name, headers) => {
    const bytes = `${[...HEAD, ...headers].join('\r\n')}\r\n\r\n{}\r\n0\r\n\r\n${INNER}`;
    const answers = answersIn(await exchange(api.port, bytes));
    expect(answers).toHaveLength(1);
    expect(answers[0]!.status).toBeOneOf([400, 501]);
    await isUp();
  });

  it('a lone LF ends no header', async () => {
    const answer = await exchange(api.port, `GET /batches HTTP/1.1\nHost: a\n${ALL}\n\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('chunks with a wrong size end the connection', async () => {
    for (const chunks of [
      'zz\r\n{}\r\n0\r\n\r\n',
      '-1\r\n{}\r\n',
      '2;\n{}\r\n0\r\n\r\n',
      '2\r\n{}xx0\r\n\r\n',
    ]) {
      const bytes = `${[...HEAD, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n${chunks}${INNER}`;
      const answer = await exchange(api.port, bytes);
      expect([chunks, answer]).toEqual([chunks, expect.stringMatching(/^HTTP\/1\.1 400 /)]);
      expect(answer).not.toContain('"items"');
    }
  });

  it('what is broken behind a good request does not answer in its place', async () => {
    const bytes = `GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\nNONSENSE\r\n\r\n`;
    const answer = await exchange(api.port, bytes);
    // The good one is answered first, or the connection is cut: the refusal never comes as its answer.
    if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    await isUp();
  });
});

describe('methods', () => {
  it.each(['TRACE', 'PUT', 'OPTIONS', 'PROPFIND', 'MKCOL', 'SEARCH', 'PURGE'])(
    '%s is no route',
    async (method) => {
      const answer = await ask(api.port, { method, target: '/batches', headers: [ALL, 'X-Secret: echo-me'] });
      expect(refused(answer)).toEqual([404, 'route_not_found']);
      expect(answer.body).not.toContain('echo-me');
    },
  );

  it('CONNECT makes no tunnel', async () => {
    const bytes = `CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n${ALL}\r\n\r\nSSH-2.0-x\r\n`;
    expect(await exchange(api.port, bytes)).not.toMatch(/^HTTP\/1\.1 2/);
    await isUp();
  });

  it('an upgrade is not made', async () => {
    const headers = [ALL, 'Upgrade: h2c, websocket', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
    const answer = await ask(api.port, { target: '/batches', headers });
    expect([answer.status, answer.headers.has('upgrade')]).toEqual([200, false]);
  });

  it.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])(
    '%s changes nothing',
    async (name) => {
      const batch = await sheaf.submit(await sheaf.upload('learner_id,name\n'));
      const answer = await get(`/batches/${batch}?_method=DELETE`, [`${name}: DELETE`]);
      expect(answer.status).toBe(422);
      expect((await get(`/batches/${batch}`, [`${name}: DELETE`])).status).toBe(200);
      expect((await sheaf.batch(batch)).deleting).toBe(false);
    },
  );

  it.each(['X-Original-URL', 'X-Rewrite-URL'])('%s is no other path', async (name) => {
    const answer = await ask(api.port, { target: '/health/live', headers: [`${name}: /batches`] });
    expect(JSON.parse(answer.body)).toEqual({ status: 'ok', checks: {} });
  });
});

describe('what would be written to a log or a header', () => {
  const FORGED = '{"level":60,"msg":"forged"}';
  const lines = () => {
    const all = api.logged().split('\n');
    expect(all.pop()).toBe('');
    return all.map((line) => JSON.parse(line) as { msg?: string; level: number });
  };

  it('stays within its line and its header', async () => {
    const before = lines().length;
    const crlf = `x%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a${encodeURIComponent(FORGED)}`;
    const answers = [
      await get(`/batches/${crlf}`),
      await get(`/${crlf}`),
      await get(`/batches?search=${crlf}`),
      await get(`/batches?cursor=${crlf}`),
      await get(`/batches?${crlf}=1`),
      await get(`/operations/${crlf}`),
      await get('/batches', [`Authorization: Bearer \u2028${FORGED}`]),
      await ask(api.port, { target: '/batches', headers: [`Authorization: Bearer ${FORGED}`] }),
      await get('/batches', [`X-Request-Id: ${FORGED}`, `X-Forwarded-For: ${FORGED}`]),
      await get('/batches/x/events', [`Last-Event-ID: ${FORGED}`]),
      await post('/uploads', '{}', [`Idempotency-Key: ${FORGED}\u0085x`]),
      await post('/uploads', JSON.stringify({ filename: `a\r\nSet-Cookie: a=b\r\n\r\n${FORGED}\u2028.csv` })),
      await post('/uploads', JSON.stringify({ content_type: `text/csv\r\nSet-Cookie: a=b` })),
      await post('/batches', JSON.stringify({ metadata: { a: `\n${FORGED}` }, operation: `x\n${FORGED}` })),
      await post('/auth/token', JSON.stringify({ username: `a\n${FORGED}`, password: `b\n${FORGED}` })),
    ];
    for (const answer of answers) {
      isOrderly(answer);
      expect(answer.status).toBeLessThan(500);
      expect(answer.headers.has('set-cookie')).toBe(false);
      expect(JSON.stringify([...answer.headers])).not.toContain('forged');
    }
    const logged = lines();
    expect(logged.length).toBeGreaterThan(before + answers.length);
    expect(logged.filter(({ level }) => level >= 60)).toEqual([]);
    expect(logged.filter(({ msg }) => msg === 'forged')).toEqual([]);
    expect(api.logged()).not.toMatch(/[\u0085\u2028\u2029\r]/);
  });

  it('and a name with line ends comes back from where it was kept without them in any header', async () => {
    const name = 'a\r\nSet-Cookie: a=b\r\n\r\n"; filename=x.csv';
    const made = await post('/uploads', JSON.stringify({ filename: name }));
    expect(made.status).toBe(201);
    isOrderly(made);
    const { handler, url, headers } = JSON.parse(made.body);
    await fetch(url, { method: 'PUT', headers, body: 'learner_id,name\n' });
    const batch = await post('/batches', JSON.stringify({ handler, operation: 'create_learner' }));
    expect(batch.status).toBe(201);
    expect(JSON.stringify([...batch.headers])).not.toContain('Set-Cookie');
  });
});

describe('bodies', () => {
  it.each([
    ['arrays', '['.repeat(200_000) + ']'.repeat(200_000)],
    ['objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['metadata', `{"metadata":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_001)}`],
  ])('nested without an end: %s', async (_name, body) => {
    for (const target of ['/uploads', '/batches', '/operations/create_learner', '/auth/token', '/roles'])
      expect(refused(await post(target, body))[0]).toBeOneOf([400, 413, 422]);
  });

  it.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'])(
    'with a member that is called %s',
    async (name) => {
      const value = '{"administers":true,"statements":[{"effect":"allow","actions":["*"]}],"polluted":true}';
      for (const target of [
        '/uploads',
        '/batches',
        '/operations/create_learner',
        '/auth/token',
        '/roles',
        '/users',
      ]) {
        expect(refused(await post(target, `{"${name}":${value}}`))[0]).toBe(422);
        expect(refused(await post(target, `{"a":{"${name}":${value}}}`))[0]).toBe(422);
      }
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    },
  );

  it('with more headers, or larger ones, than are taken', async () => {
    const many = Array.from({ length: 101 }, (_, index) => `X-${index}: 1`);
    expect(refused(await get('/batches', many))).toEqual([400, 'malformed_request']);
    const large = await get('/batches', [`X-Large: ${'a'.repeat(16 * 1024)}`]);
    expect(refused(large)).toEqual([400, 'malformed_request']);
    expect(JSON.parse(large.body).detail).toBe('the headers are too large');
    await isUp();
  });
});
