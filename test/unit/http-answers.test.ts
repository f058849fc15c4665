import { describe, expect, test } from 'vitest';
import { HttpFailure, type HttpTrouble } from '../../src/core/http.ts';
import { retryAfterSeconds } from '../../src/operations/http/retry-after.ts';
import { answerOf, contextFor, operationOf, run } from '../support/http-definition.ts';

const withOutput = (properties: object, output: object, more: object = {}) => ({
  output: { type: 'object', properties },
  response: { output, ...more },
});

describe('what an answer means without rules', () => {
  test.each([200, 201, 202, 204, 206, 299])('%i: the record succeeded', async (status) => {
    expect((await run({}, {}, answerOf(status, 'no JSON'))).result).toEqual({
      status: 'succeeded',
      output: {},
    });
  });

  test.each([
    [301, 'http_redirected', 'redirects are not followed: mend the operation’s URL'],
    [304, 'http_redirected', 'redirects are not followed: mend the operation’s URL'],
    [400, 'http_rejected', 'mend the record, or add a rule for this answer to the operation'],
    [401, 'http_rejected', 'check the operation’s secrets, and what they allow'],
    [403, 'http_rejected', 'check the operation’s secrets, and what they allow'],
    [404, 'http_rejected', 'mend the record, or add a rule for this answer to the operation'],
    [409, 'http_rejected', 'mend the record, or add a rule for this answer to the operation'],
    [501, 'http_rejected', 'mend the record, or add a rule for this answer to the operation'],
  ])('%i: it failed', async (status, code, advice) => {
    const { result } = await run({}, {}, answerOf(status, 'secret details'));
    expect(result).toEqual({
      status: 'failed',
      error: { code, message: `the server answered ${status}; ${advice}` },
    });
  });

  test.each([
    [408, 'http_unavailable', undefined, undefined],
    [425, 'http_unavailable', undefined, undefined],
    [429, 'http_throttled', undefined, undefined],
    [500, 'http_unavailable', undefined, { down: true }],
    [502, 'http_unavailable', true, { down: true }],
    [503, 'http_unavailable', undefined, { down: true }],
    [504, 'http_unavailable', true, { down: true }],
  ])('%i: it is tried again', async (status, code, uncertain, target) => {
    const { result } = await run({}, {}, answerOf(status));
    expect(result).toMatchObject({ status: 'retry', error: { code } });
    expect([result].map((one) => ('uncertain' in one ? one.uncertain : undefined))).toEqual([uncertain]);
    expect([result].map((one) => ('target' in one ? one.target : undefined))).toEqual([target]);
  });

  test('Retry-After is honoured, and told of the whole target where it means all requests', async () => {
    const at = async (status: number) =>
      (await run({}, {}, answerOf(status, '', { 'retry-after': '17' }))).result;
    expect(await at(429)).toMatchObject({ afterSeconds: 17, target: { waitSeconds: 17 } });
    expect(await at(503)).toMatchObject({ afterSeconds: 17, target: { down: true, waitSeconds: 17 } });
    const other = await at(500);
    expect(other).toMatchObject({ afterSeconds: 17, target: { down: true } });
    expect(JSON.stringify(other)).not.toContain('waitSeconds');
  });

  const troubles: [HttpTrouble, object][] = [
    ['not_a_request', { status: 'failed', error: { code: 'request_invalid' } }],
    ['address_refused', { status: 'failed', error: { code: 'address_refused' } }],
    ['not_resolved', { status: 'retry', error: { code: 'http_unavailable' }, target: { down: true } }],
    ['not_connected', { status: 'retry', error: { code: 'http_unavailable' }, target: { down: true } }],
    [
      'no_answer',
      { status: 'retry', error: { code: 'http_unavailable' }, uncertain: true, target: { down: true } },
    ],
    [
      'cut_off',
      { status: 'retry', error: { code: 'http_unavailable' }, uncertain: true, target: { down: true } },
    ],
    [
      'malformed',
      { status: 'retry', error: { code: 'response_malformed' }, uncertain: true, target: { down: true } },
    ],
  ];

  test.each(troubles)('no answer: %s', async (trouble, expected) => {
    const { result } = await run({}, {}, new HttpFailure(trouble, 'something happened'));
    expect(result).toMatchObject(expected);
    expect('uncertain' in result).toBe('uncertain' in expected);
    expect(JSON.stringify(result)).toContain('something happened');
  });

  test('what is no trouble of HTTP is thrown on', async () => {
    await expect(run({}, {}, new TypeError('a mistake of ours'))).rejects.toThrow('a mistake of ours');
  });

  test('the signal reaches the request, and its reason is thrown on', async () => {
    const operation = operationOf({}, async () => {
      throw new Error('cancelled');
    });
    await expect(operation.run([{ number: 1, input: {} }], contextFor())).rejects.toThrow('cancelled');
  });
});

describe('rules', () => {
  const rules = {
    failure: [
      {
        when: { status: [409, '420-422'] },
        code: 'email_taken',
        message: 'the CRM has it already',
        field: 'email',
      },
      {
        when: { status: 200, body: { path: 'ok', equals: false } },
        code: 'refused',
        message: 'refused',
        message_from: 'error.text',
      },
      { when: { header: { name: 'X-Gone', exists: true } }, code: 'gone', message: 'it is gone' },
    ],
    retry: [
      {
        status: '2xx',
        body: [
          { path: '/state', equals: 'busy' },
          { path: 'final', exists: false },
        ],
      },
      { status: 423 },
    ],
    success: [{ status: '2xx' }, { status: 404, body: { path: 'deleted', equals: true } }],
  };
  const of = async (...answer: Parameters<typeof answerOf>) =>
    (await run(rules, {}, answerOf(...answer))).result;

  test('by status, ranges and lists', async () => {
    const taken = {
      status: 'failed',
      error: { code: 'email_taken', message: 'the CRM has it already', field: 'email' },
    };
    for (const status of [409, 420, 421, 422]) expect(await of(status)).toEqual(taken);
    expect(await of(423)).toMatchObject({ status: 'retry', error: { code: 'http_unavailable' } });
    expect(await of(419)).toMatchObject({ error: { code: 'http_rejected' } });
  });

  test('by what the body says', async () => {
    expect(await of(200, { ok: true })).toMatchObject({ status: 'succeeded' });
    expect(await of(201, { ok: false })).toMatchObject({ status: 'succeeded' });
    expect(await of(200, { ok: false })).toEqual({
      status: 'failed',
      error: { code: 'refused', message: 'refused' },
    });
    expect(await of(200, { ok: false, error: { text: 'no\n  such   plan' } })).toEqual({
      status: 'failed',
      error: { code: 'refused', message: 'refused: no such plan' },
    });
    expect(await of(200, { state: 'busy' })).toMatchObject({ status: 'retry' });
    expect(await of(200, { state: 'busy', final: null })).toMatchObject({ status: 'succeeded' });
    expect(await of(404, { deleted: true })).toMatchObject({ status: 'succeeded' });
    expect(await of(404, { deleted: 'true' })).toMatchObject({ error: { code: 'http_rejected' } });
    expect(await of(404, 'no JSON')).toMatchObject({ error: { code: 'http_rejected' } });
  });

  test('by headers', async () => {
    expect(await of(200, '', { 'x-gone': '' })).toMatchObject({ error: { code: 'gone' } });
  });

  test('of the server’s own words no more than a hundred characters are told', async () => {
    const result = await of(200, { ok: false, error: { text: 'x'.repeat(100_000) } });
    expect(result).toMatchObject({ error: { message: `refused: ${'x'.repeat(100)}…` } });
  });

  test('success that is not what the rules call so failed', async () => {
    const success = [{ status: 200, body: { path: 'ok', equals: true } }];
    const { result } = await run({ success }, {}, answerOf(200, { ok: 1 }));
    expect(result).toEqual({
      status: 'failed',
      error: {
        code: 'http_rejected',
        message: 'the server answered 200, but not what the operation counts as success',
      },
    });
  });

  test('what they only look into need not be JSON, nor small where they do not look', async () => {
    const failure = [
      { when: { status: [200, 422], body: { path: 'error', exists: true } }, code: 'bad', message: 'bad' },
    ];
    const told = async (...answer: Parameters<typeof answerOf>) =>
      (await run({ failure }, {}, answerOf(...answer))).result;
    expect(await told(200, 'OK')).toMatchObject({ status: 'succeeded' });
    const json = { 'content-type': 'application/json; charset=utf-8', 'content-length': '7' };
    expect(await told(200, '{"error', json)).toMatchObject({ error: { code: 'response_malformed' } });
    expect(await told(201, '{"error', json)).toMatchObject({ status: 'succeeded' });
    const large = async (status: number) =>
      (await run({ failure }, {}, { ...answerOf(status), unread: 'too_large' })).result;
    expect(await large(200)).toMatchObject({ error: { code: 'response_too_large' } });
    expect(await large(201)).toMatchObject({ status: 'succeeded' });
    expect(await large(422)).toMatchObject({ error: { code: 'http_rejected' } });
  });

  test('a rule for success needs JSON', async () => {
    const success = [{ status: 200, body: { path: 'ok', equals: true } }, { status: 201 }];
    expect((await run({ success }, {}, answerOf(200, 'OK'))).result).toMatchObject({
      error: { code: 'response_malformed' },
    });
    expect((await run({ success }, {}, answerOf(201, 'OK'))).result).toMatchObject({ status: 'succeeded' });
  });

  test('their codes are among the operation’s failures', () => {
    expect(operationOf(rules).failures).toMatchObject({
      email_taken: 'the CRM has it already',
      http_rejected: 'The server refused the request',
    });
  });
});

describe('the output', () => {
  test('comes from paths, headers, the status', async () => {
    const changes = withOutput(
      {
        id: { type: 'string' },
        first: { type: 'number' },
        at: { type: 'string' },
        status: { type: 'integer' },
        tag: { type: 'string' },
        gone: { type: 'string' },
      },
      {
        id: 'customer.id',
        first: '/items/0/n~1a',
        at: 'customer.at',
        status: { status: true },
        tag: { header: 'ETag' },
        gone: 'no.such',
      },
    );
    const body = { customer: { id: 17, at: null }, items: [{ 'n/a': 1.5 }] };
    const { result } = await run(changes, {}, answerOf(201, body, { etag: '"v1"' }));
    expect(result).toEqual({
      status: 'succeeded',
      output: { id: '17', first: 1.5, status: 201, tag: '"v1"' },
    });
  });

  test('is the whole body, as JSON or as text', async () => {
    const whole = { all: { body: true } };
    const json = await run(
      withOutput({ all: { type: 'object' } }, whole),
      {},
      answerOf(200, { a: [1, { b: null }] }),
    );
    expect(json.result).toMatchObject({ output: { all: { a: [1, { b: null }] } } });
    const text = await run(withOutput({ all: { type: 'string' } }, whole), {}, answerOf(200, 'plain ü'));
    expect(text.result).toMatchObject({ output: { all: 'plain ü' } });
  });

  test('keeps every digit', async () => {
    const changes = withOutput(
      { id: { type: 'string' }, all: { type: 'object' } },
      { id: 'id', all: { body: true } },
    );
    const { result } = await run(
      changes,
      {},
      answerOf(200, '{"id": 12345678901234567890, "n": [1e400, 0.1]}'),
    );
    expect(result).toMatchObject({
      output: { id: '12345678901234567890', all: { id: '12345678901234567890', n: ['1e400', 0.1] } },
    });
  });

  test.each([
    ['{"id": "a\\\\\\"{[e1", "n": 12345678901234567890}', '12345678901234567890'],
    ['{"n": 1, "n": 2}', '2'],
    ['{"n": 1, "n": 2, "exact": 1.5e3}', '2'],
    [`{"id": ${JSON.stringify('[{'.repeat(200))}, "n": 3}`, '3'],
    ['{"id": "\\\\", "n": 1e400}', '1e400'],
  ])('is read the same however the numbers beside it are written: %.40s', async (body, n) => {
    const changes = withOutput({ n: { type: 'string' } }, { n: 'n' });
    expect((await run(changes, {}, answerOf(200, body))).result).toMatchObject({ output: { n } });
  });

  test('takes nothing that every object inherits, and breaks no object', async () => {
    const changes = withOutput(
      { a: { type: 'string' }, b: { type: 'string' }, all: { type: 'object' } },
      { a: 'constructor.name', b: '__proto__.x', all: { body: true } },
    );
    const { result } = await run(changes, {}, answerOf(200, '{"__proto__": {"x": "own"}}'));
    const { output } = result as unknown as { output: Record<string, unknown> };
    expect(Object.keys(output)).toEqual(['b', 'all']);
    expect(output.b).toBe('own');
    expect(Object.getPrototypeOf(output.all)).toBe(Object.prototype);
    expect(JSON.stringify(output.all)).toBe('{"__proto__":{"x":"own"}}');
  });

  const needing = withOutput({ id: { type: 'string' } }, { id: 'id' }, { max_bytes: 1000 });

  test.each([
    [
      'no JSON',
      {
        code: 'response_malformed',
        message: 'the server answered 200, but no JSON; it may have taken effect',
      },
    ],
    ['['.repeat(100_000), { code: 'response_malformed' }],
    ['[1,'.repeat(100_000), { code: 'response_malformed' }],
    ['"\\"\\"', { code: 'response_malformed' }],
  ])('a body that is none: %.20s', async (body, error) => {
    expect((await run(needing, {}, answerOf(200, body))).result).toMatchObject({ status: 'failed', error });
  });

  test('where its end was not told, it may have been cut off', async () => {
    const { result } = await run(needing, {}, answerOf(200, '{"id": "1', {}));
    expect(result).toMatchObject({ status: 'retry', uncertain: true, error: { code: 'response_malformed' } });
  });

  test('no body at all has no values', async () => {
    expect((await run(needing, {}, answerOf(204))).result).toEqual({ status: 'succeeded', output: {} });
  });

  test.each([
    [
      200,
      {
        status: 'failed',
        error: {
          code: 'response_too_large',
          message:
            'the server answered 200 with more than 1000 bytes; it may have taken effect; raise the operation’s response.max_bytes',
        },
      },
    ],
    [404, { status: 'failed', error: { code: 'http_rejected' } }],
    [503, { status: 'retry', error: { code: 'http_unavailable' } }],
  ])('a body that is too large, with %i', async (status, expected) => {
    const answer = { ...answerOf(status), unread: 'too_large' as const };
    expect((await run(needing, {}, answer)).result).toMatchObject(expected);
  });

  test('one that nobody needs may be as large as it likes', async () => {
    const answer = { ...answerOf(200), unread: 'too_large' as const };
    expect((await run({}, {}, answer)).result).toEqual({ status: 'succeeded', output: {} });
  });

  test('an output that is too large to be kept with those of others', async () => {
    const changes = withOutput({ id: { type: 'string' } }, { id: 'id' });
    const fits = await run(changes, {}, answerOf(200, { id: 'x'.repeat(65_000) }));
    expect(fits.result.status).toBe('succeeded');
    const { result } = await run(changes, {}, answerOf(200, { id: 'ü'.repeat(40_000) }));
    expect(result).toMatchObject({
      status: 'failed',
      error: {
        code: 'response_too_large',
        message: expect.stringContaining('an output of more than 65536 bytes; it may have taken effect'),
      },
    });
  });

  test('one in an unknown encoding', async () => {
    const answer = { ...answerOf(200), unread: 'unknown_encoding' as const };
    expect((await run(needing, {}, answer)).result).toMatchObject({ error: { code: 'response_malformed' } });
  });
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 31, 12, 0, 0);
  test.each([
    ['0', undefined],
    ['1', 1],
    ['120', 120],
    [' 120 ', 120],
    ['3601', 3600],
    ['99999999999999999999999', 3600],
    ['-1', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    ['Sat, 31 Jan 2026 12:01:30 GMT', 90],
    ['Saturday, 31-Jan-26 12:01:30 GMT', 90],
    ['Sat Jan 31 12:01:30 2026', 90],
    ['Sun Feb  1 12:00:00 2026', 3600],
    ['Sat, 31 Jan 2026 11:59:59 GMT', undefined],
    ['Fri, 31 Dec 1999 23:59:59 GMT', undefined],
    ['Sat, 99 Foo 2026 12:01:30 GMT', undefined],
    ['2026-01-31T12:01:30Z', undefined],
  ])('%j', (text, seconds) => {
    expect(retryAfterSeconds({ 'retry-after': text }, () => now)).toBe(seconds);
  });

  test('a date counts from the answer’s own', () => {
    const headers = { 'retry-after': 'Sat, 31 Jan 2026 09:00:10 GMT', date: 'Sat, 31 Jan 2026 09:00:00 GMT' };
    expect(retryAfterSeconds(headers, () => now)).toBe(10);
    expect(
      retryAfterSeconds({ 'retry-after': headers['retry-after'], date: 'x' }, () => now),
    ).toBeUndefined();
  });

  test('is not there', () => {
    expect(retryAfterSeconds({})).toBeUndefined();
  });
});
