import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchExample } from '../../src/api/schemas/batch-example.ts';
import { type DemoRun, UsageError } from '../../src/cli/demo-arguments.ts';
import { runDemoBatch } from '../../src/cli/demo-batch.ts';
import { PlainView } from '../../src/cli/progress-view.ts';
import { SheafClient } from '../../src/client/client.ts';

const FILE = 'Id,email\n1,a@b.example\n2,nope\n';
const ERRORS =
  '{"record":2,"status":"failed","error":{"code":"invalid_format","message":"must be"},"attempts":0}\n';
const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');

let directory = '';
let server: Server;
let requests: { line: string; body: string }[] = [];
/** Answers of the API by method and path; the object store is under `/objects`. */
let answers: Record<string, [status: number, body: unknown]> = {};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-demo-batch-'));
  await writeFile(join(directory, 'people.csv'), FILE);
  requests = [];
  server = createServer(async (request, response) => {
    const line = `${request.method} ${request.url}`;
    requests.push({ line, body: await text(request) });
    const [status, body] = answers[line] ?? [404, { code: 'route_not_found', detail: line }];
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  answers = sheaf();
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function sheaf(): typeof answers {
  const settings = { properties: { most: { type: 'integer' } } };
  const operations = ['create_learner', 'enroll'].map((name) => ({ name, title: `Does ${name}`, settings }));
  const batch = { ...batchExample, batch: 'b', status: 'completed', progress: null, results_ready: true };
  const errors = { kind: 'errors', format: 'ndjson', url: `${url()}/objects/errors` };
  return {
    'GET /operations': [200, { items: operations, next_cursor: null }],
    'POST /uploads': [201, { url: `${url()}/objects/u`, method: 'PUT', headers: {}, handler: 'h' }],
    'PUT /objects/u': [200, ''],
    'POST /batches': [201, { ...batch, status: 'new' }],
    'GET /batches/b': [200, batch],
    'GET /batches/b/results': [
      200,
      { files: [{ ...errors, bytes: ERRORS.length, sha256: sha256(ERRORS), records: 1 }] },
    ],
    'GET /objects/errors': [200, ERRORS],
  };
}

async function run(options: Partial<DemoRun> = {}) {
  const written: string[] = [];
  const outcome = await runDemoBatch({
    client: new SheafClient({ baseUrl: url(), apiKey: 'k', retries: { attempts: 1, firstDelayMs: 1 } }),
    run: {
      file: 'people.csv',
      operation: 'create_learner',
      mapping: { Id: 'learner_id' },
      format: { delimiter: ',', header_row: '1' },
      settings: { most: '5' },
      onInvalid: 'skip',
      keep: false,
      ...options,
    },
    path: join(directory, 'people.csv'),
    from: directory,
    view: new PlainView({ write: (line: string) => void written.push(line) }),
    signal: new AbortController().signal,
  });
  return { outcome, written: written.join('') };
}

const sent = (line: string) => requests.find((request) => request.line === line)?.body ?? '';

describe('the demo as a client', () => {
  test('uploads the file, makes the batch with its hash, and fetches what came of it', async () => {
    const { outcome, written } = await run();
    const hash = sha256(FILE);
    expect(JSON.parse(sent('POST /uploads'))).toEqual({ filename: 'people.csv', size: FILE.length, hash });
    expect(sent('PUT /objects/u')).toBe(FILE);
    expect(JSON.parse(sent('POST /batches'))).toEqual({
      handler: 'h',
      operation: 'create_learner',
      hash,
      mapping: { Id: 'learner_id' },
      format: { delimiter: ',', header_row: 1 },
      on_invalid: 'skip',
      settings: { most: 5 },
    });
    expect(outcome.batch.status).toBe('completed');
    expect(outcome.failures.codes).toMatchObject([{ code: 'invalid_format', records: 1 }]);
    expect(outcome.files.map(({ path }) => path)).toEqual(['./sheaf-demo/people/errors.ndjson']);
    expect(await readFile(join(directory, 'sheaf-demo/people/errors.ndjson'), 'utf8')).toBe(ERRORS);
    for (const label of ['upload', 'batch', 'copy', 'validate']) expect(written).toContain(`  ${label} `);
  });

  test('only the files that a person wants are fetched', async () => {
    const file = (kind: string, records: number) => {
      answers[`GET /objects/${kind}`] = [200, kind];
      const format = kind === 'manifest' ? 'json' : 'ndjson';
      return {
        kind,
        format,
        url: `${url()}/objects/${kind}`,
        bytes: kind.length,
        sha256: sha256(kind),
        records,
      };
    };
    const files = [
      file('all', 2),
      file('succeeded', 2),
      file('failed', 0),
      file('errors', 0),
      file('unprocessed', 0),
      file('manifest', 2),
    ];
    answers['GET /batches/b/results'] = [200, { files }];
    const { outcome } = await run();
    expect(outcome.files.map(({ kind }) => kind)).toEqual(['all', 'manifest']);
    expect(outcome.failures.codes).toEqual([]);
    expect(requests.map(({ line }) => line)).not.toContain('GET /objects/succeeded');
  });

  test('a batch without results is an outcome too', async () => {
    const reason = { code: 'hash_mismatch', message: 'it differs' };
    answers['GET /batches/b'] = [200, { ...batchExample, status: 'hash_mismatch', status_reason: reason }];
    const { outcome } = await run();
    expect(outcome).toMatchObject({ batch: { status_reason: reason }, files: [], failures: { codes: [] } });
  });

  test.each([
    ['enrol', 'there is no operation "enrol"; there are\n  create_learner  Does create_learner\n  enroll '],
    [null, 'name an operation with --operation; there are\n  create_learner '],
  ])('the operation %j is wrong usage, and nothing is uploaded', async (operation, message) => {
    await expect(run({ operation })).rejects.toThrow(message);
    await expect(run({ operation })).rejects.toBeInstanceOf(UsageError);
    expect(requests.map(({ line }) => line)).not.toContain('POST /uploads');
  });

  test('what the API finds wrong with the arguments is wrong usage, place by place', async () => {
    const errors = [
      { pointer: '/mapping/Id', code: 'unknown_field', message: 'is not a field' },
      { pointer: '/settings/most', code: 'invalid_type', message: 'must be a whole number' },
    ];
    answers['POST /batches'] = [422, { code: 'invalid_request', detail: 'both', errors }];
    const refused = run();
    await expect(refused).rejects.toBeInstanceOf(UsageError);
    await expect(refused).rejects.toThrow(
      '/mapping/Id: is not a field\n  /settings/most: must be a whole number',
    );
  });

  test('any other refusal is told as it is', async () => {
    answers['POST /batches'] = [409, { code: 'upload_used', detail: 'make a new one' }];
    await expect(run()).rejects.toMatchObject({ name: 'SheafError', code: 'upload_used' });
  });
});
