import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerJson, bodyOf, httpPeer, type Peer } from '../support/http-peer.ts';
import { type SheafProcess, startSheafProcess } from '../support/sheaf-process.ts';

/** A YAML file in a folder makes an operation of a program that knows nothing else of it. */

const TOKEN = 'token-of-the-crm/+=42';
const RECORDS = 120;

const yaml = (origin: string) => `
name: create_contact
version: 1
title: Create contacts
description: Creates a contact in the CRM.
input:
  type: object
  properties:
    id: { type: string }
    email: { type: string, format: email }
    age: { type: integer }
  required: [id]
output:
  type: object
  properties: { contact: { type: string }, echo: { type: string } }
  required: [contact]
secrets: [CRM_TOKEN]
request:
  method: POST
  url: ${origin}/contacts/{{record.id}}
  headers: { Authorization: "Bearer {{secret.CRM_TOKEN}}" }
  body: { json: { email: "{{record.email}}", age: "{{record.age}}" } }
response:
  output: { contact: contact, echo: echo }
failure:
  - when: { status: 409 }
    code: contact_exists
    message: the CRM has it already
    field: id
allow_private: ["127.0.0.1"]
attempts: 10
concurrency: 4
`;

interface Call {
  id: string;
  key: string;
  body: string;
}

let directory: string;
let crm: Peer;
let sheaf: SheafProcess;
let settings: Record<string, string>;
const calls: Call[] = [];
const logs: string[] = [];

async function start(): Promise<SheafProcess> {
  return await startSheafProcess(join(directory, 'data'), settings);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-http-'));
  crm = await httpPeer(async (request, response) => {
    const id = decodeURIComponent(request.url!.slice('/contacts/'.length));
    calls.push({ id, key: String(request.headers['idempotency-key']), body: await bodyOf(request) });
    await sleep(30);
    const first = calls.filter((call) => call.id === id).length === 1;
    if (id.startsWith('taken')) return answerJson(response, 409, {});
    if (id.startsWith('refused')) return answerJson(response, 422, { echo: request.headers.authorization });
    if (id.startsWith('busy') && first) return answerJson(response, 500, {});
    answerJson(response, 201, { contact: `crm-${id}`, echo: request.headers.authorization });
  });
  await writeFile(join(directory, 'crm.yaml'), yaml(crm.origin));
  settings = {
    SHEAF_OPERATIONS: join(directory, 'crm.yaml'),
    CRM_TOKEN: TOKEN,
    SHEAF_LOG_LEVEL: 'trace',
    SHEAF_CHUNK_RECORDS: '20',
    SHEAF_LEASE_SECONDS: '2',
    SHEAF_SWEEP_SECONDS: '1',
    SHEAF_MAX_ATTEMPTS: '50',
  };
  sheaf = await start();
});

afterAll(async () => {
  await sheaf?.stop();
  await crm?.close();
  await rm(directory, { recursive: true, force: true });
});

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${sheaf.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${sheaf.key}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

const kindOf = (n: number) => ['good', 'taken', 'refused', 'busy', 'good', 'good'][n % 6]!;

function expected(id: string): object {
  if (id.startsWith('taken')) return { status: 'failed', error: { code: 'contact_exists', field: 'id' } };
  if (id.startsWith('refused')) return { status: 'failed', error: { code: 'http_rejected' } };
  return { status: 'succeeded', output: { contact: `crm-${id}`, echo: 'Bearer [secret]' } };
}

describe('an HTTP operation of a YAML file', () => {
  const ids = Array.from({ length: RECORDS }, (_, n) => `${kindOf(n)} ${n}`);
  let lines: { record: number; status: string }[];

  test('takes one record by REST', async () => {
    const good = await call('POST', '/operations/create_contact', { id: 'good single', age: 7 });
    expect(good).toMatchObject({ status: 200, body: expected('good single') });
    const taken = await call('POST', '/operations/create_contact', { id: 'taken single' });
    expect(taken).toMatchObject({ status: 422, body: { code: 'contact_exists' } });
    const wrong = await call('POST', '/operations/create_contact', { id: 'x', email: 'no e-mail' });
    expect(wrong).toMatchObject({ status: 422, body: { code: 'invalid_format' } });
    expect(calls.map(({ id, body }) => [id, body])).toEqual([
      ['good single', '{"age":7}'],
      ['taken single', '{}'],
    ]);
  });

  test('takes a file, and goes on when the program was killed meanwhile', async () => {
    const before = calls.length;
    const path = join(directory, 'contacts.ndjson');
    await writeFile(path, ids.map((id) => `${JSON.stringify({ id })}\n`).join(''));
    const handler = await sheaf.client.uploadFile(path);
    const { batch } = await sheaf.client.createBatch({ handler, operation: 'create_contact' });
    while (calls.length < before + RECORDS / 3) await sleep(5);
    logs.push(sheaf.log());
    await sheaf.kill();
    sheaf = await start();
    const ended = await sheaf.client.follow(batch);
    expect(ended).toMatchObject({ status: 'completed', counts: { total: RECORDS, unprocessed: 0 } });
    const { files } = await sheaf.client.getResults(batch);
    const results = join(directory, 'results.ndjson');
    await sheaf.client.download(files.find(({ kind }) => kind === 'all')!, results);
    lines = (await readFile(results, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(RECORDS);
    for (const [index, line] of lines.entries()) {
      expect(line).toMatchObject({ record: index + 1, ...expected(ids[index]!) });
    }
  });

  test('sent each record’s key with each of its attempts, and nobody else’s', () => {
    const keys = new Map<string, Set<string>>();
    for (const { id, key } of calls) keys.set(id, (keys.get(id) ?? new Set()).add(key));
    expect([...keys.values()].every((own) => own.size === 1)).toBe(true);
    expect(new Set(calls.map(({ key }) => key)).size).toBe(keys.size);
    expect(calls.length).toBeGreaterThan(keys.size);
  });

  test('is shown without its secret, which is nowhere else either', async () => {
    const shown = await call('GET', '/operations/create_contact');
    expect(shown).toMatchObject({ status: 200, body: { name: 'create_contact', failures: {} } });
    expect(JSON.stringify(shown)).toContain('contact_exists');
    const document = await call('GET', '/openapi.json');
    expect(JSON.stringify(document)).toContain('create_contact');
    logs.push(sheaf.log(), sheaf.output());
    const told = [JSON.stringify([shown, document, lines]), ...logs].join('\n');
    for (const form of [TOKEN, encodeURIComponent(TOKEN), Buffer.from(TOKEN).toString('base64')]) {
      expect(told).not.toContain(form);
    }
  });
});
