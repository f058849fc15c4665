import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Redactor } from '../../src/operations/http/redact.ts';
import { answerOf, operationOf, run, SECRETS } from '../support/http-definition.ts';

const secret = fc
  .string({ unit: 'grapheme', minLength: 8, maxLength: 40 })
  .filter((text) => !/\p{Cs}/u.test(text));

/** What somebody may make of a secret before telling it. */
const FORMS: Record<string, (text: string) => string> = {
  itself: (text) => text,
  percent: encodeURIComponent,
  'percent in lower case': (text) =>
    encodeURIComponent(text).replace(/%[0-9A-F]{2}/g, (triplet) => triplet.toLowerCase()),
  form: (text) => new URLSearchParams({ a: text }).toString().slice(2),
  JSON: (text) => JSON.stringify(text).slice(1, -1),
  'JSON with its slashes escaped': (text) => JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/'),
  'base64 with its slashes escaped': (text) => Buffer.from(text).toString('base64').replaceAll('/', '\\/'),
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
};

describe('a redactor', () => {
  test.each(Object.entries(FORMS))('takes secrets out: %s', (_name, form) => {
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (value, before, after) => {
        const shown = new Redactor([value]).text(`${before}${form(value)}${after}`);
        expect(shown).toContain('[secret]');
        if (!before.concat(after).includes(value)) expect(shown).not.toContain(form(value));
      }),
    );
  });

  test('finds them within what was encoded: Basic authentication', () => {
    fc.assert(
      fc.property(secret, fc.string({ unit: 'grapheme-ascii', maxLength: 9 }), (value, user) => {
        const encoded = Buffer.from(`${user}:${value}`).toString('base64');
        const shown = new Redactor([value]).text(`Basic ${encoded}`);
        expect(shown).toContain('[secret]');
        // A few bits beside it may stay.
        expect(shown.length - '[secret]'.length).toBeLessThan(encoded.length);
      }),
    );
  });

  test('of a secret that begins with another one nothing is left over', () => {
    expect(new Redactor(['longsecret', 'longsecret-longer']).text('is longsecret-longer.')).toBe(
      'is [secret].',
    );
  });

  test('without secrets changes nothing', () => {
    expect(new Redactor([]).text('as it is')).toBe('as it is');
  });
});

describe('what a server tells of our secrets', () => {
  const { TOKEN = '', OTHER = '' } = SECRETS;
  const echo = {
    headers: `Bearer ${TOKEN}`,
    [OTHER]: [encodeURIComponent(TOKEN)],
    b: Buffer.from(`u:${OTHER}`).toString('base64'),
  };

  const leaks = (value: unknown) => {
    const text = JSON.stringify(value);
    return [...Object.values(FORMS)].some((form) => [TOKEN, OTHER].some((one) => text.includes(form(one))));
  };

  test('is not in the output', async () => {
    const changes = {
      output: {
        type: 'object',
        properties: { all: { type: 'object' }, text: { type: 'string' }, tag: { type: 'string' } },
      },
      response: { output: { all: { body: true }, text: { body: true }, tag: { header: 'x-echo' } } },
    };
    const { result } = await run(changes, {}, answerOf(200, echo, { 'x-echo': OTHER }));
    expect(result.status).toBe('succeeded');
    expect(leaks(result)).toBe(false);
    expect(JSON.stringify(result)).toContain('[secret]');
  });

  test('is not in a message', async () => {
    const failure = [{ when: { status: 400 }, code: 'refused', message: 'refused', message_from: 'headers' }];
    const { result } = await run({ failure }, {}, answerOf(400, echo));
    expect(result).toEqual({
      status: 'failed',
      error: { code: 'refused', message: 'refused: Bearer [secret]' },
    });
  });

  test('a number is no exception', async () => {
    const operation = {
      output: { type: 'object', properties: { n: { type: 'number' } } },
      response: { output: { n: 'n' } },
    };
    SECRETS.TOKEN = '12345678';
    try {
      const { result } = await run(operation, {}, answerOf(200, { n: 12345678 }));
      expect(result).toEqual({ status: 'succeeded', output: { n: '[secret]' } });
    } finally {
      SECRETS.TOKEN = TOKEN;
    }
  });

  test('nor are they in what an operation shows of itself', () => {
    const request = {
      method: 'POST',
      url: 'https://crm.example/?token={{secret.OTHER}}',
      headers: { Authorization: 'Bearer {{secret.OTHER}}' },
      body: { json: { token: '{{secret.TOKEN}}' } },
    };
    const {
      run: _run,
      checkInput: _in,
      checkOutput: _out,
      checkSettings: _set,
      ...shown
    } = operationOf({ request });
    expect(leaks(shown)).toBe(false);
  });
});
