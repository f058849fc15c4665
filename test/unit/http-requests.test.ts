import { describe, expect, test } from 'vitest';
import { run } from '../support/http-definition.ts';

const withRequest = (request: object) => ({
  request: { method: 'POST', url: 'https://crm.example/contacts', ...request },
});

async function urlOf(url: string, input: object = {}): Promise<string | undefined> {
  return (await run(withRequest({ url }), input)).request?.url;
}

async function failureOf(request: object, input: object) {
  const { result, request: sent } = await run(withRequest(request), input);
  expect(sent).toBeUndefined();
  return result;
}

describe('the URL of a request', () => {
  test.each([
    ['https://crm.example', {}, 'https://crm.example/'],
    ['HTTPS://CRM.example:443/a', {}, 'https://crm.example/a'],
    ['http://crm.example:8080/a/', {}, 'http://crm.example:8080/a/'],
    ['https://crm.example/c/{{record.id}}', { id: 'a b' }, 'https://crm.example/c/a%20b'],
    ['https://crm.example/c/{{ record.id }}/x', { id: 'ü' }, 'https://crm.example/c/%C3%BC/x'],
    ['https://crm.example/c/{{record.id}}', { id: '../../admin' }, 'https://crm.example/c/..%2F..%2Fadmin'],
    ['https://crm.example/c/{{record.id}}', { id: '%2e%2e' }, 'https://crm.example/c/%252e%252e'],
    ['https://crm.example/c/{{record.id}}', { id: 'a?b#c\\d;e' }, 'https://crm.example/c/a%3Fb%23c%5Cd%3Be'],
    ['https://crm.example/c/{{record.id}}.json', { id: '.' }, 'https://crm.example/c/..json'],
    ['https://crm.example/c/{{record.id}}', { id: '...' }, 'https://crm.example/c/...'],
    ['https://crm.example/c/{{record.id}}', { id: "!'()*~-._" }, 'https://crm.example/c/%21%27%28%29%2A~-._'],
    [
      'https://crm.example/{{record.age}}/{{record.active}}',
      { age: 0, active: false },
      'https://crm.example/0/false',
    ],
    ['https://crm.example/?a={{record.id}}', { id: 'x&b=1#+ ' }, 'https://crm.example/?a=x%26b%3D1%23%2B%20'],
    ['https://crm.example?a={{record.id}}', { id: 'x' }, 'https://crm.example/?a=x'],
    ['https://crm.example/?a={{record.id}}&b=2', {}, 'https://crm.example/?b=2'],
    ['https://crm.example/?a={{record.id}}', {}, 'https://crm.example/'],
    ['https://crm.example/?a=x{{record.id}}&flag', {}, 'https://crm.example/?a=x&flag'],
    ['https://crm.example/?a=1?2={{record.id}}', { id: 'y' }, 'https://crm.example/?a=1?2=y'],
    [
      'https://crm.example/{{key}}?k={{secret.OTHER}}',
      {},
      'https://crm.example/key-1?k=another%2Bsecret%2Fvalue%3D%3D',
    ],
    [
      'https://crm.example/{{record.address.city}}',
      { address: { city: 'Bonn' } },
      'https://crm.example/Bonn',
    ],
  ])('%s with %j', async (url, input, rendered) => {
    expect(await urlOf(url, input)).toBe(rendered);
  });

  test.each([
    ['https://crm.example/c/{{record.id}}', {}, 'id must be given: it is part of the address of the request'],
    [
      'https://crm.example/c/{{record.id}}',
      { id: '' },
      'id must be given: it is part of the address of the request',
    ],
    [
      'https://crm.example/c/x{{record.id}}',
      {},
      'id must be given: it is part of the address of the request',
    ],
    [
      'https://crm.example/c/{{record.id}}',
      { id: '.' },
      'id may not be "." or "..": it is part of the address of the request',
    ],
    [
      'https://crm.example/c/{{record.id}}/x',
      { id: '..' },
      'id may not be "." or "..": it is part of the address of the request',
    ],
    [
      'https://crm.example/c/.{{record.id}}',
      { id: '.' },
      'id may not be "." or "..": it is part of the address of the request',
    ],
    [
      'https://crm.example/c/%2e{{record.id}}',
      { id: '.' },
      'id may not be "." or "..": it is part of the address of the request',
    ],
    [
      'https://crm.example/?a={{record.id}}',
      { id: '\ud800' },
      'id holds half of a surrogate pair, which is no character',
    ],
  ])('%s with %j: the record fails', async (url, input, message) => {
    expect(await failureOf({ url }, input)).toEqual({
      status: 'failed',
      error: { code: 'request_invalid', message, field: 'id' },
    });
  });

  test('one that is too long fails the record', async () => {
    const url = 'https://crm.example/{{record.id}}';
    const result = await failureOf({ url }, { id: 'ü'.repeat(5000) });
    expect(result).toMatchObject({
      error: { code: 'request_invalid', message: 'the URL would be longer than 16384 characters' },
    });
  });
});

describe('the headers of a request', () => {
  test('carry the key, and what the definition says', async () => {
    const { request } = await run(
      withRequest({
        headers: {
          Authorization: 'Bearer {{secret.OTHER}}',
          'X-Id': '{{record.id}}',
          'X-Absent': '{{record.email}}',
          'X-Text': 'city: {{record.address.city}}',
          'user-agent': 'mine',
        },
      }),
      { id: 'é 7' },
    );
    expect(request?.headers).toEqual([
      ['Accept', 'application/json, */*;q=0.5'],
      ['Authorization', 'Bearer another+secret/value=='],
      ['X-Id', 'é 7'],
      ['X-Text', 'city: '],
      ['user-agent', 'mine'],
      ['Idempotency-Key', 'key-1'],
    ]);
  });

  test('the key may have another name', async () => {
    const { request } = await run(withRequest({ method: 'GET', idempotency_header: 'X-Request-Id' }));
    expect(request?.headers).toContainEqual(['X-Request-Id', 'key-1']);
    expect(request?.headers.map(([name]) => name)).not.toContain('Idempotency-Key');
  });

  test.each(['a\r\nX-Admin: yes', 'a\nb', 'a\rb', 'a\0b', 'Ł', '😀', '\u007f', '\u2028'])(
    '%j fails the record',
    async (id) => {
      const result = await failureOf({ headers: { 'X-Id': 'id {{record.id}}' } }, { id });
      expect(result).toMatchObject({ status: 'failed', error: { code: 'request_invalid', field: 'id' } });
      expect(JSON.stringify(result)).toContain('goes into the header X-Id, which can hold neither');
    },
  );
});

describe('the body of a request', () => {
  async function bodyOf(body: object, input: object = {}) {
    const { request } = await run(withRequest({ body }), input);
    const type = request?.headers.find(([name]) => name === 'Content-Type')?.[1];
    return { body: request?.body, type };
  }

  test('JSON keeps the types of values, and leaves out what is not given', async () => {
    const json = {
      id: '{{record.id}}',
      age: '{{record.age}}',
      score: '{{ record.score }}',
      active: '{{record.active}}',
      text: '{{record.age}} years, {{record.active}}, {{record.email}}.',
      absent: '{{record.email}}',
      inner: { city: '{{record.address.city}}', constant: [1, null, true, 'x'] },
      list: ['{{record.email}}', '{{record.id}}', 'n {{key}}'],
      token: '{{secret.TOKEN}}',
    };
    const { body, type } = await bodyOf({ json }, { id: '"}, {"x', age: 7, score: 1.5, active: false });
    expect(type).toBe('application/json');
    expect(JSON.parse(body!)).toEqual({
      id: '"}, {"x',
      age: 7,
      score: 1.5,
      active: false,
      text: '7 years, false, .',
      inner: { constant: [1, null, true, 'x'] },
      list: ['"}, {"x', 'n key-1'],
      token: 'tok-Äb/c+9 42:secret',
    });
  });

  test('JSON may be a single value', async () => {
    expect(await bodyOf({ json: '{{record.age}}' }, { age: 3 })).toMatchObject({ body: '3' });
    expect(await bodyOf({ json: '{{record.age}}' })).toMatchObject({ body: 'null' });
    expect(await bodyOf({ json: null })).toMatchObject({ body: 'null' });
  });

  test('a form is encoded', async () => {
    const form = { id: '{{record.id}}', 'a&b': 'x {{record.age}}', absent: '{{record.email}}' };
    expect(await bodyOf({ form }, { id: 'a=b&c d\n', age: 1 })).toEqual({
      body: 'id=a%3Db%26c+d%0A&a%26b=x+1',
      type: 'application/x-www-form-urlencoded',
    });
  });

  test('text is put in as it is', async () => {
    const body = { text: '{"id": {"is": "{{record.id}}"}}', content_type: 'application/vnd.x+json' };
    expect(await bodyOf(body, { id: 'seven' })).toEqual({
      body: '{"id": {"is": "seven"}}',
      type: 'application/vnd.x+json',
    });
  });
});
