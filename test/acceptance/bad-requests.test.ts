import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch, BatchPage } from '../../src/api/schemas/batch.ts';
import type { Problem } from '../../src/api/schemas/problem.ts';
import type { UploadTicket } from '../../src/api/schemas/upload.ts';
import { type SheafProcess, startSheafProcess } from '../support/sheaf-process.ts';

/** Requests that are wrong: a clear answer to each, and nothing lost of what is right. */

const csv = 'learner_id,email\nada,ada@example.org\ngrace,grace@example.org\n';

let directory: string;
let sheaf: SheafProcess;
/** Holds a file, and no batch is made of it but by the last test. */
let handler: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-bad-'));
  sheaf = await startSheafProcess(join(directory, 'data'));
  handler = await upload();
});
afterAll(async () => {
  await sheaf.stop();
  await rm(directory, { recursive: true, force: true });
});

interface Sent {
  method?: string;
  body?: unknown;
  /** Sent as it is. */
  text?: string | Buffer;
  headers?: Record<string, string>;
}

async function send(path: string, { method = 'GET', body, text, headers = {} }: Sent = {}) {
  const payload = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(`${sheaf.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${sheaf.key}`,
      ...(payload !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(payload !== undefined && { body: payload }),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

async function upload(): Promise<string> {
  const ticket = (await send('/uploads', { method: 'POST' })).body as UploadTicket;
  const put = await fetch(ticket.url, { method: ticket.method, headers: ticket.headers, body: csv });
  expect(put.status).toBe(200);
  return ticket.handler;
}

const batchOf = (body: object) => ({
  method: 'POST',
  body: { handler, operation: 'create_learner', ...body },
});

const metadata = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`key_${n}`, n]));

const nobody = randomUUID();

describe('what is wrong with a request is told by a status, a code and a place', () => {
  const REFUSED: [string, string, () => Sent, number, string, [string, string][]?][] = [
    ['cut off JSON', '/batches', () => ({ method: 'POST', text: '{"handler":' }), 400, 'malformed_json'],
    [
      'no UTF-8',
      '/batches',
      () => ({ method: 'POST', text: Buffer.from([0x22, 0xff]) }),
      400,
      'malformed_json',
    ],
    ['a path with a lone %', '/batches/%', () => ({}), 400, 'malformed_request'],
    ['a wrong key', '/batches', () => ({ headers: { authorization: 'Bearer x' } }), 401, 'unauthenticated'],
    ['no such route', '/batch', () => ({}), 404, 'route_not_found'],
    ['no such batch', `/batches/${nobody}`, () => ({}), 404, 'batch_not_found'],
    ['no batch to delete', `/batches/${nobody}`, () => ({ method: 'DELETE' }), 404, 'batch_not_found'],
    ['no such operation', '/operations/nothing', () => ({}), 404, 'operation_not_found'],
    ['no such upload', '/batches', () => batchOf({ handler: nobody }), 404, 'handler_not_found'],
    [
      'a body of two megabytes',
      '/batches',
      () => batchOf({ operation: 'x'.repeat(2e6) }),
      413,
      'body_too_large',
    ],
    [
      'another type of body',
      '/batches',
      () => ({
        method: 'POST',
        text: 'a=1',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      }),
      415,
      'unsupported_media_type',
    ],
    ...(
      [
        [
          'an unknown operation',
          '/batches',
          () => batchOf({ operation: 'nothing' }),
          '/operation',
          'unknown_operation',
        ],
        ['an unknown field', '/batches', () => batchOf({ dryrun: true }), '/dryrun', 'unknown_field'],
        [
          'an option of another type',
          '/batches',
          () => batchOf({ dry_run: 'yes' }),
          '/dry_run',
          'invalid_type',
        ],
        [
          'an option out of bounds',
          '/batches',
          () => batchOf({ priority: 101 }),
          '/priority',
          'out_of_range',
        ],
        [
          'both limits',
          '/batches',
          () => batchOf({ stop_after: { failures: 1, share: 1 } }),
          '/stop_after',
          'invalid',
        ],
        [
          'an unknown format',
          '/batches',
          () => batchOf({ results_format: ['xml'] }),
          '/results_format/0',
          'not_allowed',
        ],
        [
          'an unknown option of the format',
          '/batches',
          () => batchOf({ format: { separator: ';' } }),
          '/format/separator',
          'unknown_field',
        ],
        [
          'a format that contradicts itself',
          '/batches',
          () => batchOf({ format: { type: 'xlsx', delimiter: ';' } }),
          '/format/delimiter',
          'not_allowed',
        ],
        [
          'a delimiter that is none',
          '/batches',
          () => batchOf({ format: { delimiter: 'x' } }),
          '/format/delimiter',
          'invalid_format',
        ],
        [
          'a point for thousands and decimals',
          '/batches',
          () => batchOf({ format: { thousands: '.' } }),
          '/format/thousands',
          'not_allowed',
        ],
        [
          'a date that is to be guessed',
          '/batches',
          () => batchOf({ format: { dates: ['DD.MM.YYYY', 'D/M/YY'] } }),
          '/format/dates/1',
          'invalid_format',
        ],
        [
          'the name of a zone',
          '/batches',
          () => batchOf({ format: { time_zone: 'CET' } }),
          '/format/time_zone',
          'invalid_format',
        ],
        [
          'a hash in capitals',
          '/batches',
          () => batchOf({ hash: 'A'.repeat(64) }),
          '/hash',
          'invalid_format',
        ],
        [
          'a short hash',
          '/uploads',
          () => ({ method: 'POST', body: { hash: 'ab' } }),
          '/hash',
          'invalid_format',
        ],
        [
          'a key of metadata',
          '/batches',
          () => batchOf({ metadata: { Key: 1 } }),
          '/metadata/Key',
          'invalid_format',
        ],
        [
          '65 keys of metadata',
          '/batches',
          () => batchOf({ metadata: metadata(65) }),
          '/metadata',
          'too_many',
        ],
        [
          '17 KiB of metadata',
          '/batches',
          () => batchOf({ metadata: { a: 'x'.repeat(17_408) } }),
          '/metadata',
          'too_large',
        ],
        [
          'a NUL in metadata',
          '/batches',
          () => batchOf({ metadata: { a: '\0' } }),
          '/metadata/a',
          'nul_character',
        ],
        [
          'an unknown field of the operation',
          '/batches',
          () => batchOf({ mapping: { a: 'b' } }),
          '/mapping/a',
          'unknown_field',
        ],
        ['an invented cursor', '/batches?cursor=abc', () => ({}), '?cursor', 'invalid_cursor'],
        ['an unknown filter', '/batches?state=new', () => ({}), '?state', 'unknown_field'],
        ['a filter twice', '/batches?status=new&status=copied', () => ({}), '?status', 'invalid'],
        ['a NUL to search for', '/batches?search=%00', () => ({}), '?search', 'nul_character'],
        ['an endless limit', '/batches?limit=Infinity', () => ({}), '?limit', 'invalid_type'],
        [
          'a key that is too long',
          '/batches',
          () => ({ ...batchOf({}), headers: { 'idempotency-key': 'k'.repeat(256) } }),
          'header:Idempotency-Key',
          'too_long',
        ],
      ] as [string, string, () => Sent, string, string][]
    ).map(([name, path, sent, pointer, code]): (typeof REFUSED)[number] => [
      name,
      path,
      sent,
      422,
      'invalid_request',
      [[pointer, code]],
    ]),
  ];

  it.each(REFUSED)('%s', async (_name, path, sent, status, code, places = []) => {
    const response = await send(path, sent());
    const problem = response.body as Problem;
    expect([response.status, problem.code]).toEqual([status, code]);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(problem.errors?.map((error) => [error.pointer, error.code]) ?? []).toEqual(places);
    expect(problem.detail).toMatch(/\w/);
  });

  it('a change of a batch that asks for nothing, or for what is not there', async () => {
    const empty = await send(`/batches/${nobody}`, { method: 'PATCH', body: {} });
    expect(empty).toMatchObject({ status: 422, body: { errors: [{ pointer: '', code: 'required' }] } });
    const unknown = await send(`/batches/${nobody}`, { method: 'PATCH', body: { status: 'cancel' } });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'batch_not_found' } });
  });

  it('an upload that nothing was put to, and a key that was used for another request', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await send('/uploads', { method: 'POST', body: { filename: 'a' }, headers });
    const empty = (first.body as UploadTicket).handler;
    expect(await send('/batches', batchOf({ handler: empty }))).toMatchObject({
      status: 409,
      body: { code: 'upload_missing' },
    });
    expect(await send('/uploads', { method: 'POST', body: { filename: 'b' }, headers })).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });
});

it('and nothing is lost: no batch was made of all that, and the same upload makes one that runs to its end', async () => {
  expect(((await send('/batches')).body as BatchPage).items).toEqual([]);

  const sent = {
    ...batchOf({
      hash: createHash('sha256').update(csv).digest('hex'),
      metadata: metadata(64),
      stop_after: { share: 0.5 },
      execution: 'serial',
      custom_id: 'learner_id',
      priority: 100,
      results_format: ['ndjson', 'csv'],
      format: { type: 'csv', encoding: 'utf-8', delimiter: ',', header_row: 1, decimal: ',' },
      expires_after: 3600,
    }),
    headers: { 'idempotency-key': randomUUID() },
  };
  const created = await send('/batches', sent);
  expect(created.status).toBe(201);
  const again = await send('/batches', sent);
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
  expect(again.body).toEqual(created.body);

  const path = `/batches/${(created.body as Batch).batch}`;
  let batch = created.body as Batch;
  while (!batch.results_ready) batch = (await send(path)).body as Batch;
  expect(batch).toMatchObject({
    status: 'completed',
    counts: { total: 2, succeeded: 2, failed: 0, skipped: 0, unprocessed: 0 },
    metadata: metadata(64),
    stop_after: { share: 0.5, min_records: 1000 },
    format: { type: 'csv', encoding: 'utf-8', delimiter: ',', header_row: 1, decimal: ',' },
    read: {
      format: 'csv',
      encoding: 'utf-8',
      delimiter: ',',
      line_end: 'lf',
      header_row: 1,
      columns_total: 2,
    },
    error_codes: {},
    first_errors: [],
    deletion_requested: false,
  });
  const ended = batch.statuses.at(-1)!.ts;
  expect(batch.expires_ts).toBeGreaterThan(ended + 3599);
  expect(batch.expires_ts).toBeLessThan(ended + 3601);

  for (const format of ['ndjson', 'csv']) {
    const { body } = await send(`${path}/results?format=${format}`);
    const kinds = (body as { files: { kind: string; format: string }[] }).files;
    expect(kinds.filter((file) => file.kind === 'all').map((file) => file.format)).toEqual([format]);
  }
  expect(await send(`${path}/results?format=xlsx`)).toMatchObject({
    status: 404,
    body: { code: 'format_not_written' },
  });
  const found = (await send('/batches?status=completed&metadata.key_7=7')).body as BatchPage;
  expect(found.items.map((item) => item.batch)).toEqual([batch.batch]);

  const late = await send(path, { method: 'PATCH', body: { status: 'cancel' } });
  expect(late).toMatchObject({ status: 409, body: { code: 'not_cancellable' } });
  const renamed = await send(path, { method: 'PATCH', body: { metadata: { reviewed: true } } });
  expect(renamed).toMatchObject({ status: 200, body: { metadata: { reviewed: true } } });

  expect(await send(path, { method: 'DELETE' })).toMatchObject({ status: 202, body: { status: 'deleting' } });
  while ((await send(path)).status === 200) expect((await send(path, { method: 'DELETE' })).status).toBe(202);
  expect(await send(path)).toMatchObject({ status: 404, body: { code: 'batch_not_found' } });
  expect(((await send('/batches')).body as BatchPage).items).toEqual([]);
});
