import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runner } from '../support/http-definition.ts';

/** Texts that try to be something else where they are put. */
const hostile = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  fc
    .array(
      fc.constantFrom(
        '/',
        '..',
        '.',
        '%2e',
        '%2f',
        '?',
        '#',
        '@',
        ':',
        '\\',
        '&',
        '=',
        '"',
        '}',
        '{{record.id}}',
        '{{',
        '\r\n',
        '\0',
        ',',
        ' ',
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join('')),
);

const value = fc.option(hostile, { nil: undefined });
const input = fc.record({
  id: value,
  email: value,
  age: fc.option(fc.integer(), { nil: undefined }),
  score: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: undefined }),
  active: fc.option(fc.boolean(), { nil: undefined }),
});

const shape = (node: unknown): unknown => {
  if (Array.isArray(node)) return ['array', ...node.map(shape)];
  if (typeof node !== 'object' || node === null) return 'leaf';
  return Object.keys(node)
    .sort()
    .map((name) => [name, shape((node as Record<string, unknown>)[name])]);
};

describe('whatever a record holds', () => {
  test('its request goes to the same host, as deep, with the same parameters', async () => {
    const url =
      'https://crm.example/v1/{{record.id}}/x-{{record.email}}/end?a={{record.id}}&b=-{{record.email}}&c=3';
    const send = runner({ request: { method: 'GET', url } });
    await fc.assert(
      fc.asyncProperty(input, async (record) => {
        const { request, result } = await send(record);
        if (request === undefined) {
          expect(result).toMatchObject({ status: 'failed', error: { code: 'request_invalid' } });
          return;
        }
        const parsed = new URL(request.url);
        expect(parsed.href).toBe(request.url);
        expect([parsed.origin, parsed.username, parsed.hash]).toEqual(['https://crm.example', '', '']);
        expect(parsed.pathname.split('/').map(decodeURIComponent)).toEqual([
          '',
          'v1',
          record.id,
          `x-${record.email}`,
          'end',
        ]);
        expect([...parsed.searchParams]).toEqual([
          ['a', record.id],
          ['b', `-${record.email}`],
          ['c', '3'],
        ]);
      }),
      { numRuns: 1000 },
    );
  });

  test('it has the same headers, each on one line', async () => {
    const headers = { 'X-A': '{{record.id}}', 'X-B': 'b {{record.email}} c', 'X-C': 'constant' };
    const send = runner({ request: { method: 'POST', url: 'https://crm.example/', headers } });
    await fc.assert(
      fc.asyncProperty(input, async (record) => {
        const { request: sent, result } = await send(record);
        if (sent === undefined) {
          expect(result).toMatchObject({ status: 'failed', error: { code: 'request_invalid' } });
          return;
        }
        const names = sent.headers.map(([name]) => name);
        const expected = ['User-Agent', 'Accept', 'X-A', 'X-B', 'X-C', 'Idempotency-Key'];
        expect(names).toEqual(expected.filter((name) => name !== 'X-A' || record.id !== undefined));
        for (const [, text] of sent.headers) expect(text).toMatch(/^[\t\x20-\x7e\x80-\xff]*$/);
      }),
      { numRuns: 1000 },
    );
  });

  test('its JSON has the same form, and its values are the record’s', async () => {
    const json = {
      id: '{{record.id}}',
      more: [{ age: '{{record.age}}', text: 'a {{record.email}}' }],
      score: '{{record.score}}',
      active: '{{record.active}}',
    };
    const send = runner({ request: { method: 'POST', url: 'https://crm.example/', body: { json } } });
    await fc.assert(
      fc.asyncProperty(input, async (record) => {
        const { request } = await send(record);
        const { id, age, email, score, active } = record;
        const expected = JSON.parse(
          JSON.stringify({ id, more: [{ age, text: `a ${email ?? ''}` }], score, active }),
        ) as unknown;
        const sent = JSON.parse(request!.body!) as unknown;
        expect(sent).toEqual(expected);
        expect(shape(sent)).toEqual(shape(expected));
      }),
      { numRuns: 1000 },
    );
  });

  test('its form has the same fields', async () => {
    const form = { id: '{{record.id}}', email: 'to {{record.email}}' };
    const send = runner({ request: { method: 'POST', url: 'https://crm.example/', body: { form } } });
    await fc.assert(
      fc.asyncProperty(input, async (record) => {
        const { request } = await send(record);
        const fields = [...new URLSearchParams(request!.body)];
        const well = (text: string) => Buffer.from(text).toString();
        expect(fields).toEqual([
          ...(record.id === undefined ? [] : [['id', well(record.id)]]),
          ['email', well(`to ${record.email ?? ''}`)],
        ]);
      }),
      { numRuns: 1000 },
    );
  });
});
