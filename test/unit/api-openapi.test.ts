import { Ajv2020 } from 'ajv/dist/2020.js';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guardRoutes } from '../../src/api/plugins/access.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { csvDescription } from '../../src/formats/description.ts';
import { apiInMemory, someBatch, type World } from './api-memory.ts';

interface Operation {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  security?: unknown[];
  'x-permission': string | null;
  parameters?: { name: string; in: string; description?: string }[];
  requestBody?: { required: boolean };
  responses: Record<
    string,
    { description: string; headers?: object; content: Record<string, { schema: { $ref: string } }> }
  >;
}

interface Document {
  openapi: string;
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { examples?: unknown[] }>; securitySchemes: object; headers: object };
}

let world: World;
let document: Document;
beforeAll(async () => {
  world = await apiInMemory();
  document = (await world.request({ method: 'GET', url: '/openapi.json', key: null })).json();
});
afterAll(() => world.app.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

test('the routes and who may call them', async () => {
  const routes = operations().map(
    ({ path, method, operation }) => `${method.toUpperCase()} ${path}: ${operation['x-permission']}`,
  );
  expect(routes.sort()).toMatchInlineSnapshot(`
    [
      "DELETE /admin/batches/{batch}: admin_delete_batch",
      "DELETE /api-keys/{api_key}: delete_api_key",
      "DELETE /batches/{batch}: delete_batch",
      "DELETE /roles/{role}: delete_role",
      "DELETE /uploads/{handler}: invalidate_upload_url",
      "DELETE /users/{user}: delete_user",
      "GET /admin/accounts/{account}: admin_get_account",
      "GET /admin/accounts: admin_get_accounts",
      "GET /admin/audit/export: admin_get_audit",
      "GET /admin/audit: admin_get_audit",
      "GET /admin/batches/{batch}: admin_get_batch",
      "GET /admin/batches: admin_get_batches",
      "GET /api-keys/{api_key}: get_api_key",
      "GET /api-keys: get_api_keys",
      "GET /batches/{batch}/events: get_batch",
      "GET /batches/{batch}/results: get_batch",
      "GET /batches/{batch}: get_batch",
      "GET /batches: get_batches",
      "GET /health/live: null",
      "GET /health/ready: null",
      "GET /me: anyone",
      "GET /operations/{name}/template: get_operations",
      "GET /operations/{name}: get_operations",
      "GET /operations: get_operations",
      "GET /roles/{role}: get_role",
      "GET /roles: get_roles",
      "GET /training/cohorts/{cohort_id}/learners: get_cohort_learners",
      "GET /training/cohorts/{cohort_id}: get_cohort",
      "GET /training/cohorts: get_cohorts",
      "GET /training/courses: get_courses",
      "GET /training/exams/{slug}: get_exam",
      "GET /training/exams: get_exams",
      "GET /users/{user}: get_user",
      "GET /users: get_users",
      "PATCH /admin/accounts/{account}: admin_update_account",
      "PATCH /admin/batches/{batch}: admin_update_batch",
      "PATCH /batches/{batch}: update_batch",
      "PATCH /roles/{role}: update_role",
      "PATCH /users/{user}: update_user",
      "POST /admin/accounts: admin_create_account",
      "POST /admin/batches/cancel: admin_cancel_batches",
      "POST /api-keys: create_api_key",
      "POST /auth/refresh: null",
      "POST /auth/sign-out: anyone",
      "POST /auth/token: null",
      "POST /batches/{batch}/retry: create_batch",
      "POST /batches: create_batch",
      "POST /me/password: anyone",
      "POST /operations/add_person: add_person",
      "POST /roles: create_role",
      "POST /uploads/{handler}/complete: create_upload_url",
      "POST /uploads: create_upload_url",
      "POST /users: create_user",
    ]
  `);
});

test('it is OpenAPI 3.1 with a bearer key, and every reference leads somewhere', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.components.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } });
  const text = JSON.stringify(document);
  const targets = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1]!);
  expect(targets.length).toBeGreaterThan(10);
  for (const target of targets) expect(document.components.schemas).toHaveProperty(target);
  expect(text).not.toContain('x-optional');
  for (const [, target] of text.matchAll(/"\$ref":"#\/components\/headers\/([^"]+)"/g))
    expect(document.components.headers).toHaveProperty(target!);
  expect(text.match(/"\$ref":"(?!#\/components\/(?:schemas|headers)\/)/g)).toBeNull();
});

test('every operation says what it does, who may call it, and how it fails', () => {
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const tags = document.tags.map(({ name }) => name);
  for (const { path, operation } of operations()) {
    expect(operation.operationId).toMatch(/^[a-z]+[A-Z]\w+$/);
    expect(operation.summary).toMatch(/\w/);
    expect(operation.description).toMatch(/\w/);
    expect(tags).toEqual(expect.arrayContaining(operation.tags));
    expect(operation).toHaveProperty('x-permission');
    expect(operation.security).toEqual(operation['x-permission'] === null ? [] : undefined);
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
    expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
    for (const parameter of operation.parameters ?? []) expect(parameter.description).toMatch(/\w/);

    const statuses = Object.keys(operation.responses);
    if (operation['x-permission'] !== null) expect(statuses).toEqual(expect.arrayContaining(['401', '403']));
    expect(statuses).toEqual(expect.arrayContaining(['500', '503']));
    for (const status of statuses.filter((code) => code >= '400')) {
      const { description, content } = operation.responses[status]!;
      expect(description).toMatch(/^`\w+`: /);
      expect(content['application/problem+json']?.schema.$ref).toBe('#/components/schemas/Problem');
    }
  }
});

test('wherever a caller is known, requests are counted, and answers tell what is left', () => {
  for (const { operation } of operations()) {
    const open = operation['x-permission'] === null;
    expect(operation.responses['429']?.description.includes('`rate_limited`') ?? false).toBe(!open);
    const good = Object.entries(operation.responses).filter(([status]) => status < '300');
    expect(good.length).toBeGreaterThan(0);
    for (const [, { headers = {} }] of good) {
      if (open) expect(headers).not.toHaveProperty('RateLimit');
      else expect(headers).toMatchObject(LIMITS);
    }
    if (!open) expect(operation.responses['429']!.headers).toMatchObject({ ...LIMITS, 'Retry-After': {} });
  }
});

const LIMITS = {
  RateLimit: { $ref: '#/components/headers/RateLimit' },
  'RateLimit-Policy': { $ref: '#/components/headers/RateLimit-Policy' },
};

test('only the body of an upload may be left out', () => {
  expect(document.paths['/uploads']?.post?.requestBody?.required).toBe(false);
  expect(document.paths['/batches']?.post?.requestBody?.required).toBe(true);
});

test('the routes that keep their answers say so', () => {
  const kept = operations().filter(({ operation }) =>
    operation.parameters?.some(({ name, in: place }) => name === 'Idempotency-Key' && place === 'header'),
  );
  expect(kept.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
    'post /batches',
    'post /batches/{batch}/retry',
    'post /operations/add_person',
    'post /uploads',
  ]);
  for (const { operation } of kept) {
    const made = operation.responses['201'] ?? operation.responses['200'];
    expect(made?.headers).toHaveProperty('Idempotent-Replayed');
    expect(operation.responses['422']?.description).toContain('`idempotency_key_reused`');
  }
});

test('filters by metadata are one object, whose members stand in the query by themselves', () => {
  const parameters = document.paths['/batches']?.get?.parameters ?? [];
  expect(parameters.map(({ name, in: place }) => `${place} ${name}`)).toEqual([
    'query status',
    'query operation',
    'query created_from',
    'query created_before',
    'query search',
    'query limit',
    'query cursor',
    'query metadata',
  ]);
  expect(parameters.at(-1)).toMatchObject({
    schema: {
      type: 'object',
      propertyNames: { pattern: '^metadata\\.[a-z_][0-9a-z_]{0,63}$' },
      additionalProperties: { type: 'string' },
    },
    example: {},
  });
  // Those are the defaults of OpenAPI for a query; anything else would be another query.
  expect(parameters.at(-1)).not.toHaveProperty('style');
});

describe('the schemas', () => {
  const checker = () => {
    const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true, formats: { uuid: true } });
    ajv.addVocabulary(['components', 'schemas', 'securitySchemes']);
    ajv.addSchema({ $id: 'document', components: document.components }, undefined, undefined, false);
    return (name: string, value: unknown) => {
      const check = ajv.compile({ $ref: `document#/components/schemas/${name}` });
      return check(value) ? [] : check.errors;
    };
  };

  test('hold for their own examples', () => {
    const check = checker();
    const examples = Object.entries(document.components.schemas).flatMap(([name, { examples = [] }]) =>
      examples.map((example) => [name, example] as const),
    );
    expect(examples.length).toBeGreaterThanOrEqual(5);
    for (const [name, example] of examples) expect([name, check(name, example)]).toEqual([name, []]);
  });

  test('hold for what is answered', async () => {
    const check = checker();
    const columns = [{ name: 'x', field: 'age' }];
    const read = csvDescription({ bom: false, columns });
    const sheet: BatchRow['read'] = {
      ...{ format: 'xlsx', sheet: 'x', dateSystem: 1904, headerRow: 0, marked: true },
      ...{ compression: 'gzip', encoding: 'utf-8', bom: false, columns, values: read.values },
    };
    const first = {
      record: 2,
      code: 'required',
      message: 'must be given',
      field: 'age',
      column: 'x',
      value: '',
    };
    const results = [
      { kind: 'all', format: 'ndjson', key: 'k', bytes: 1, sha256: 'ab'.repeat(32), records: 1 } as const,
    ];
    const statusReason = { code: 'file_no_records', message: 'none', record: 0, offset: 0 };
    const ended = await someBatch(world, {
      status: 'completed',
      statusReason,
      read,
      results,
      resultsReady: true,
      failures: { codes: { required: 2 }, first: [first, { record: 3, code: 'a', message: 'b' }] },
      coerced: { x: { blank: 1, number: 2, boolean: 3, date: 4, date_time: 5, text: 6 } },
    });
    const workbook = await someBatch(world, {
      read: sheet,
      format: { type: 'xlsx', sheet: 'x', headerRow: 0, values: { ...read.values, thousands: '\u202f' } },
    });
    const converting = await someBatch(world, { status: 'copied', converting: true });
    const running = await someBatch(world, {
      status: 'processing',
      counts: { total: 10, succeeded: 5, failed: 0, skipped: 0, unprocessed: 5 },
      phase: { settled: 5, recent: 5, since: 1 },
    });
    const optional = await someBatch(world, {
      filename: 'a.csv',
      stopAfter: { share: 0.5, min_records: 10 },
      customId: 'id',
      resultsFormats: ['csv'],
      expiresAt: 1_795_300_000,
    });
    const deleted = await world.delete(`/batches/${await someBatch(world)}`);
    expect(check('BatchDeletion', deleted.json())).toEqual([]);
    const answers = {
      Batch: [
        `/batches/${optional}`,
        `/batches/${ended}`,
        `/batches/${running}`,
        `/batches/${workbook}`,
        `/batches/${converting}`,
        `/batches/${await someBatch(world)}`,
      ],
      BatchPage: ['/batches?limit=100'],
      ResultFiles: [`/batches/${ended}/results`],
      Operation: ['/operations/add_person'],
      OperationPage: ['/operations'],
      Health: ['/health/live', '/health/ready'],
      Problem: ['/nowhere', '/batches?limit=0'],
    };
    for (const [name, urls] of Object.entries(answers)) {
      for (const url of urls) expect([url, check(name, (await world.get(url)).json())]).toEqual([url, []]);
    }
    expect(check('UploadTicket', (await world.post('/uploads', {})).json())).toEqual([]);
    expect(check('PartsTicket', (await world.post('/uploads', { parts: 2 })).json())).toEqual([]);
  });
});

test('the documents for readers fetch nothing from elsewhere', async () => {
  const { body, headers } = await world.request({ method: 'GET', url: '/docs', key: null });
  expect(body).not.toMatch(/(src|href)="(https?:)?\/\//);
  expect(headers['content-security-policy']).toContain("default-src 'self'");
  expect(headers['content-security-policy']).not.toContain('upgrade-insecure-requests');
  for (const [, asset] of body.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect([asset, (await world.request({ method: 'GET', url: asset!, key: null })).statusCode]).toEqual([
      asset,
      200,
    ]);
  }
  expect((await world.request({ method: 'GET', url: '/docs/json', key: null })).json()).toEqual(document);
});

test('routes under /docs are the only ones that need not say who may call them', async () => {
  const app = Fastify();
  guardRoutes(app, { authenticate: async () => null });
  app.get('/docs/page', async () => 'open');
  expect(() => app.get('/docsy', async () => 'closed')).toThrow('declares no permission');
  expect((await app.inject('/docs/page')).body).toBe('open');
  await app.close();
});
