import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { HttpDefinition } from '../../src/operations/http/definition-schema.ts';
import { readHttpOperation } from '../../src/operations/http/read-operation.ts';
import { answerOf, contextFor, definition, operationOf, SECRETS } from '../support/http-definition.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const parts = { send: async () => answerOf(200), secret: (name: string) => SECRETS[name] };

const GOOD = `# A comment
name: create_contact
version: 2
title: Create contacts
description: Creates a contact in the CRM.
input:
  type: object
  properties:
    email: { type: string, format: email }
    address:
      type: object
      properties: { city: { type: string } }
  required: [email]
output:
  type: object
  properties: { id: { type: string } }
secrets: [TOKEN]
request:
  method: POST
  url: https://crm.example/contacts/{{record.email}}
  headers:
    Authorization: Bearer {{secret.OTHER}}
    X-City: "{{record.address.city}}"
  body:
    json: { email: "{{record.email}}" }
response:
  output: { id: id }
failure:
  - when: { status: 409 }
    code: email_taken
    message: the CRM has it
    field: email
`.replace('secrets: [TOKEN]', 'secrets: [TOKEN, OTHER]');

function faultOf(text: string): string {
  try {
    readHttpOperation(text, parts);
  } catch (error) {
    return (error as Error).message;
  }
  return expect.fail('it was taken');
}

describe('a definition', () => {
  test('becomes an operation with outside effects', () => {
    const operation = readHttpOperation(GOOD, parts);
    expect(operation).toMatchObject({
      name: 'create_contact',
      version: 2,
      effects: 'outside',
      target: 'https://crm.example',
      limits: {
        callRecords: 1,
        concurrency: 10,
        timeoutSeconds: 35,
        chunkRecords: 500,
        breaker: { failures: 10, seconds: 30 },
      },
    });
    expect(operation.checkInput({ email: 'a@example.org', address: { city: 'Bonn' } })).toEqual([]);
    expect(operation.checkInput({ email: 'a@example.org', address: { town: 'Bonn' } })).toMatchObject([
      { code: 'unknown_field' },
    ]);
    expect(operation.checkInput({ email: 'a@example.org', x: 1 })).toMatchObject([{ code: 'unknown_field' }]);
    expect(operation.checkOutput({ id: '1', x: 1 })).toMatchObject([{ code: 'unknown_field' }]);
  });

  test('states its limits', () => {
    const { limits, target } = operationOf({
      target: 'crm',
      concurrency: 3,
      rate: { records: 100, seconds: 60, per: 'account' },
      timeout_seconds: 2.5,
      attempts: 9,
      chunk_records: 20,
      breaker: { failures: 2, seconds: 5 },
    });
    expect(target).toBe('crm');
    expect(limits).toEqual({
      chunkRecords: 20,
      callRecords: 1,
      concurrency: 3,
      timeoutSeconds: 7.5,
      attempts: 9,
      rate: { records: 100, seconds: 60, per: 'account' },
      breaker: { failures: 2, seconds: 5 },
    });
  });

  test('sends with its bounds', async () => {
    let sent: object = {};
    const changes = {
      timeout_seconds: 2,
      response: { max_bytes: 5 },
      allow_private: ['10.0.0.0/8', 'crm.internal'],
    };
    const operation = operationOf(changes, async (request) => {
      sent = request;
      return answerOf(200);
    });
    await operation.run([{ number: 1, input: {} }], contextFor());
    expect(sent).toMatchObject({
      timeoutMs: 2000,
      maxBytes: 5,
      allowPrivate: ['10.0.0.0/8', 'crm.internal'],
    });
  });
});

describe('what is wrong is told with its line', () => {
  test.each([
    [
      'version: 2',
      'versoin: 2',
      [
        'line 1, column 1: the operation: give it version',
        /^line 3, column 1: versoin: is not known here; there are name, version, title, /,
      ],
    ],
    [
      'method: POST',
      'method: FETCH',
      ['line 19, column 3: request.method: must be GET, POST, PUT, PATCH or DELETE'],
    ],
    [
      '{{record.email}}\n',
      '{{record.mail}}\n',
      [
        'line 20, column 3: request.url: has {{record.mail}}, which is no field of the input; there are email, address.city',
      ],
    ],
    [
      '{{record.address.city}}',
      '{{record.address}}',
      [
        'line 23, column 5: request.headers["X-City"]: has {{record.address}}, which is no field of the input; there are email, address.city',
      ],
    ],
    [
      '{{secret.OTHER}}',
      '{{secret.MISSING}}',
      [
        'line 22, column 5: request.headers.Authorization: has {{secret.MISSING}}, which is no secret of this operation; name it under secrets',
      ],
    ],
    [
      'TOKEN,',
      'MISSING,',
      ['line 17, column 11: secrets[0]: has no value: set the secret MISSING, or take it off the list'],
    ],
    [
      '"{{record.email}}"',
      '"{{env.HOME}}"',
      [
        'line 25, column 13: request.body.json.email: has {{env.HOME}}; templates are {{record.FIELD}}, {{secret.NAME}} and {{key}}',
      ],
    ],
    [
      '"{{record.email}}"',
      '"{{record.email"',
      [
        'line 25, column 13: request.body.json.email: has {{ without }}; templates are {{record.FIELD}}, {{secret.NAME}} and {{key}}',
      ],
    ],
    [
      '"{{record.email}}"',
      '"{record.email}}"',
      [
        'line 25, column 13: request.body.json.email: has }} without {{; templates are {{record.FIELD}}, {{secret.NAME}} and {{key}}',
      ],
    ],
    [
      'status: 409',
      'status: 4x',
      [
        'line 29, column 13: failure[0].when.status: must be a status such as 409, a class such as 5xx, a range such as 400-499, or a list of these',
      ],
    ],
    [
      'field: email',
      'field: mail',
      ['line 32, column 5: failure[0].field: is no field of the input; there are email, address.city'],
    ],
    [
      'code: email_taken',
      'code: required',
      ['line 30, column 5: failure[0].code: is a code of Sheaf’s own; choose another than required'],
    ],
    [
      'name: create_contact',
      'name: get_batches',
      ['line 2, column 1: name: is the name of a route’s permission, or begins with admin_; choose another'],
    ],
    [
      'output: { id: id }',
      'output: { }',
      ['line 27, column 3: response.output: must say where the output’s id comes from'],
    ],
    [
      'output: { id: id }',
      'output: { id: id, x: y }',
      ['line 27, column 21: response.output.x: is no field of the output; add it to output.properties'],
    ],
    [
      'type: object\n  properties: { id',
      'type: object\n  additionalProperties: 5\n  properties: { id',
      [/^line 14, column 1: output: .*schema is invalid/],
    ],
    [
      '{ city: { type: string } }',
      '{ city: { type: array } }',
      ['line 6, column 1: input: address.city has the type "array", which no cell can hold'],
    ],
    [
      'title: Create contacts',
      'title: Create contacts\ntitle: again',
      ['line 5, column 1: Map keys must be unique'],
    ],
    [
      'title: Create contacts',
      'title: !!js/function x',
      ['line 4, column 8: Unresolved tag: tag:yaml.org,2002:js/function'],
    ],
    [
      'title: Create contacts',
      'title: !!binary aGk=',
      [/^line 4, column 1: title: is nothing that JSON knows$/],
    ],
    [
      'title: Create contacts',
      'title: &a [*a]',
      [/^line 1, column 1: the operation: is nested deeper than 64 levels, or holds itself$/],
    ],
    ['title: Create contacts', 'title: *nowhere', [/^line 4, column 8: nothing is anchored as nowhere$/]],
    [
      'version: 2',
      'version: 12345678901234567890',
      [/^line 3, column 1: version: is a number with too many digits; put it in quotes$/],
    ],
    ['# A comment', '%YAML 1.1\n---', ['line 1, column 1: must be YAML 1.2; leave the %YAML line out']],
    [
      GOOD,
      '',
      [
        'line 1, column 1: the operation: must be an object with name, version, title, description, input, output and request',
      ],
    ],
    [
      GOOD,
      '- a\n- b',
      [
        'line 1, column 1: the operation: must be an object with name, version, title, description, input, output and request',
      ],
    ],
    [
      'when: { status: 409 }',
      'when: { status: 499-400 }',
      ['line 29, column 5: failure[0].when: 499-400 ends before it begins'],
    ],
    [
      GOOD,
      'a: {{record.id}}',
      [/^line 1, column \d+: a key is no text; put a text that begins with \{\{ in quotes$/],
    ],
    [GOOD, 'a: 1\n---\nb: 2', [/^line 2, column 1: Source contains multiple documents/]],
  ])('%s → %s', (from, to, expected) => {
    expect(GOOD).toContain(from);
    const told = faultOf(GOOD.replace(from, () => to)).split('\n');
    expect(told.length).toBe(expected.length);
    for (const [index, line] of expected.entries()) {
      if (typeof line === 'string') expect(told[index]).toBe(line);
      else expect(told[index]).toMatch(line);
    }
  });

  test('a secret is never told', () => {
    for (const value of ['short', 'with a\nline end in it', 'Łatin it is not']) {
      const secret = (name: string) => (name === 'OTHER' ? value : SECRETS[name]);
      const make = () => readHttpOperation(GOOD, { ...parts, secret });
      expect(make).toThrow(
        /^line \d+, column \d+: (secrets\[1\]: is set to fewer than 8|request\.headers\.Authorization: has a secret with)/,
      );
      expect(make).not.toThrow(value);
    }
  });

  test('aliases are few, and what they make is small', () => {
    const bomb = [
      'a0: &a0 [x, x]',
      ...Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}, *a${n}]`),
    ];
    expect(faultOf(bomb.join('\n'))).toMatch(/Excessive alias count|holds more than 20000 values/);
    const many = `a: &a 1\nb:\n${' - *a\n'.repeat(30_000)}`;
    expect(faultOf(many)).toBe('it has more than 100 aliases');
    expect(faultOf('x'.repeat(2_000_000))).toBe(
      'it is larger than 1 MiB, and so no definition of an operation',
    );
  });

  test.each([
    '['.repeat(20_000),
    '['.repeat(20_000) + ']'.repeat(20_000),
    '{a: '.repeat(20_000),
    '- '.repeat(20_000),
  ])('what is nested deeper than the parser can go: %.12s', (text) => {
    expect(faultOf(text)).toBe('it is nested deeper than 200 levels');
  });

  test.each([
    [{ url: 'crm.example/x' }, 'must begin with https:// or http:// and a host, without templates'],
    [{ url: '{{record.id}}' }, 'must begin with https:// or http:// and a host, without templates'],
    [{ url: 'https://{{record.id}}/' }, 'must begin with https:// or http:// and a host'],
    [
      { url: 'https://crm.example{{record.id}}/' },
      'may have no template in the host and the port; put a / before it',
    ],
    [
      { url: 'https://crm.example:{{record.age}}/' },
      'may have no template in the host and the port; put a / before it',
    ],
    [
      { url: 'https://user:password@crm.example/' },
      'may have no user and password before the host; send them in a header, as a secret',
    ],
    [{ url: 'https://crm.example:99999/' }, 'must begin with https:// or http:// and a host'],
    [{ url: 'https://crm.example/#{{record.id}}' }, 'may have no #: what follows it is never sent'],
    [
      { url: 'https://crm.example/a b' },
      'may have no blanks, line ends and backslashes; write %20 for a blank',
    ],
    [
      { url: 'https://crm.example/a\\b' },
      'may have no blanks, line ends and backslashes; write %20 for a blank',
    ],
    [
      { url: 'https://crm.example/a/../b' },
      'may have no segment that is . or ..; write the path that is meant',
    ],
    [
      { url: 'https://crm.example/%2E%2e/b' },
      'may have no segment that is . or ..; write the path that is meant',
    ],
    [
      { url: 'https://crm.example/?{{record.id}}=1' },
      'may have templates only in the values of the query: name={{…}}',
    ],
    [
      { url: 'https://crm.example/?a&{{record.id}}' },
      'may have templates only in the values of the query: name={{…}}',
    ],
    [{ url: 'ftp://crm.example/' }, 'must begin with https:// or http:// and a host, without templates'],
    [{ headers: { 'X A': '1' } }, 'is no name of a header: letters, digits and - will do'],
    [{ headers: { Host: 'other' } }, 'is set by Sheaf itself; leave it out'],
    [{ headers: { 'transfer-Encoding': 'chunked' } }, 'is set by Sheaf itself; leave it out'],
    [{ headers: { 'X-A': '1', 'x-a': '2' } }, 'is given twice, in other letters'],
    [{ headers: { 'X-A': 'a\r\nb' } }, 'may hold no line ends and no characters outside of Latin-1'],
    [
      { headers: { 'idempotency-key': '1' } },
      'is sent anyway; to send the key in another header set request.idempotency_header',
    ],
    [{ idempotency_header: 'Host' }, 'is set by Sheaf itself; leave it out'],
    [{ idempotency_header: 'content-Type' }, 'means something else; take a name such as Idempotency-Key'],
    [
      { headers: { 'Content-Type': 'x' }, body: { text: '' } },
      'may not have Content-Type beside a body; set request.body.content_type',
    ],
    [{ body: {} }, 'must have one of json, form and text'],
    [{ body: { text: '', form: {} } }, 'must have one of json, form and text'],
    [{ body: { text: '', content_type: 'a\r\nb' } }, 'must be a media type such as application/xml'],
    [{ body: { json: { '{{record.id}}': 1 } } }, 'may have no template in a name, only in values'],
    [{ method: 'GET', body: { text: '' } }, 'is nothing that GET has; leave it out'],
  ])('request %j', (request, message) => {
    const make = () => operationOf({ request: { method: 'POST', url: 'https://crm.example/', ...request } });
    expect(make).toThrow(message);
  });

  test.each([
    [{ allow_private: ['10.0.0.0/99'] }, 'allow_private: "10.0.0.0/99" is none of these'],
    [{ concurrency: 0 }, 'concurrency: must be a whole number from 1 to 10000'],
    [{ timeout_seconds: 601 }, 'timeout_seconds: must be a number of seconds, 600 at the most'],
    [{ secrets: ['lower'] }, 'secrets[0]'],
    [{ success: [] }, 'success: must be a list of conditions'],
    [
      { retry: [{}] },
      'retry[0]: must be at least one of status, header and body; all that are there must hold',
    ],
    [{ retry: [{ body: { path: 'a' } }] }, 'retry[0].body: must be a path with equals, exists or both'],
    [{ run: 'x' }, 'run: is not known here'],
    [
      JSON.parse('{"input": {"type": "object", "properties": {"__proto__": {"type": "string"}}}}'),
      '__proto__',
    ],
    [
      { input: { type: 'object', properties: { constructor: { type: 'string' } } } },
      'constructor is not possible',
    ],
  ])('%j', (changes, message) => {
    expect(() => operationOf(changes)).toThrow(message);
  });
});

describe('the published schema', () => {
  const published = JSON.parse(read('docs/http-operation.schema.json')) as Record<string, unknown>;

  test('is the one that definitions are checked with', () => {
    const { $schema, $id, ...rest } = published;
    expect($schema).toBe('https://json-schema.org/draft/2020-12/schema');
    expect($id).toBeTypeOf('string');
    expect(rest).toEqual(JSON.parse(JSON.stringify(HttpDefinition)));
  });

  test('takes a good definition', () => {
    const validate = new Ajv2020({ strict: false }).compile(published);
    expect(validate(definition())).toBe(true);
    expect(validate(definition({ x: 1 }))).toBe(false);
  });
});

describe('docs/http-operations.md', () => {
  const page = read('docs/http-operations.md');
  const examples = [...page.matchAll(/```yaml\n(# yaml-language-server[\s\S]*?)```/g)].map(
    ([, text]) => text!,
  );

  test('its examples work', () => {
    expect(examples.length).toBeGreaterThan(1);
    for (const text of examples) {
      const operation = readHttpOperation(text, { ...parts, secret: () => 'a secret value' });
      expect(operation.effects).toBe('outside');
    }
  });

  test('names every part of a definition', () => {
    for (const name of Object.keys(HttpDefinition.properties)) expect(page).toContain(`\`${name}\``);
  });

  test('names every failure', () => {
    for (const code of Object.keys(operationOf().failures)) expect(page).toContain(`\`${code}\``);
  });
});
