import { Writable } from 'node:stream';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { Type } from 'typebox';
import { type ApiServices, buildApi } from '../../src/api/app.ts';
import { PROBLEM_TYPE } from '../../src/api/problem.ts';
import { errorsOf } from '../../src/api/problem-responses.ts';
import type { Problem } from '../../src/api/schemas/problem.ts';
import type { Caller, Statement } from '../../src/core/access.ts';
import { defineOperation, OperationRegistry } from '../../src/core/operation.ts';
import type { ObjectHead } from '../../src/engine/ports/object-store.ts';
import type { BatchRow, NewBatch, NewUpload, Upload } from '../../src/engine/ports/request-stores.ts';

/** The API on ports that live in memory: what is tested with it is the edge, HTTP in and HTTP out. */

const closed = { additionalProperties: false };

export const addPerson = defineOperation({
  name: 'add_person',
  version: 3,
  title: 'Add a person',
  description: 'Adds a person.',
  input: Type.Object({ name: Type.String({ maxLength: 50 }), age: Type.Optional(Type.Integer()) }, closed),
  output: Type.Object({ id: Type.Integer() }, closed),
  settings: Type.Object({ level: Type.Integer({ minimum: 1, default: 1 }) }, closed),
  failures: { person_known: 'The person is there already' },
  limits: { chunkRecords: 100 },
  run: async () => [],
});

const SETTINGS: ApiServices['settings'] = {
  chunk: { records: 5000, bytes: 1_000_000 },
  recordBytes: 8_388_608,
  cellBytes: 1_048_576,
  fileBytes: 1_000_000,
  leaseSeconds: 30,
  maxAttempts: 3,
  uploadKeepSeconds: 86_400,
};

const ALL: Statement[] = [{ effect: 'allow', actions: ['*'] }];

export interface World {
  app: FastifyInstance;
  uploads: Map<string, Upload>;
  batches: Map<string, BatchRow>;
  objects: Map<string, ObjectHead>;
  tickets: string[];
  /** Every line of the log, as it was written. */
  logged: string[];
  /** What the key of a name may do; a name that is not here is unknown. */
  callers: Map<string, Caller>;
  /** Thrown by every port that is asked. */
  trouble: Error | null;
  health: Record<string, string | null>;
  request(options: InjectOptions & { key?: string | null }): Promise<LightMyRequestResponse>;
  post(url: string, payload: unknown, key?: string): Promise<LightMyRequestResponse>;
  get(url: string, key?: string): Promise<LightMyRequestResponse>;
}

export async function apiInMemory(change: Partial<ApiServices> = {}): Promise<World> {
  const world = {
    uploads: new Map(),
    batches: new Map(),
    objects: new Map(),
    tickets: [],
    logged: [],
    callers: new Map([['all', callerWith(ALL)]]),
    trouble: null,
    health: { database: null, object_store: null },
  } as unknown as World;
  world.app = await buildApi({ ...servicesOf(world), ...change });
  const undeclared = watchForUndeclaredErrors(world.app);
  world.request = async ({ key = 'all', headers, ...options }) => {
    const response = await world.app.inject({
      ...options,
      headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...headers },
    });
    if (undeclared.length > 0)
      throw new Error(`errors that the routes do not declare: ${undeclared.join(', ')}`);
    return response;
  };
  world.post = (url, payload, key) =>
    world.request({ method: 'POST', url, payload: payload as object, ...(key !== undefined && { key }) });
  world.get = (url, key) => world.request({ method: 'GET', url, ...(key !== undefined && { key }) });
  await world.app.ready();
  return world;
}

/** So that no test passes with an error that /openapi.json does not tell of. */
function watchForUndeclaredErrors(app: FastifyInstance): string[] {
  const undeclared: string[] = [];
  app.addHook('onSend', async (request, reply, payload) => {
    if (
      request.is404 ||
      request.url.startsWith('/docs/') ||
      reply.getHeader('content-type') !== PROBLEM_TYPE ||
      payload === null
    )
      return;
    const { code } = JSON.parse(String(payload)) as Problem;
    const { url, config, schema } = request.routeOptions;
    const declared: string[] = errorsOf({ config, ...(schema && { schema }) });
    if (!declared.includes(code)) undeclared.push(`${request.method} ${url}: ${code}`);
  });
  return undeclared;
}

export function callerWith(statements: readonly Statement[], accountId = 'account-1'): Caller {
  return { accountId, user: 'ada', statements };
}

function servicesOf(world: World): ApiServices {
  const asked = () => {
    if (world.trouble !== null) throw world.trouble;
  };
  const lines = new Writable({
    write(chunk, _encoding, done) {
      world.logged.push(String(chunk));
      done();
    },
  });
  return {
    authenticator: {
      authenticate: async (authorization) =>
        world.callers.get(authorization?.replace('Bearer ', '') ?? '') ?? null,
    },
    operations: new OperationRegistry([addPerson]),
    settings: SETTINGS,
    log: pino({ level: 'debug' }, lines),
    health: async () => world.health,
    uploads: {
      create: async (upload) => {
        asked();
        world.uploads.set(upload.id, uploadRow(upload));
      },
      find: async (accountId, id) => {
        asked();
        const found = world.uploads.get(id);
        return found?.accountId === accountId ? found : null;
      },
    },
    batches: {
      create: async (batch) => {
        asked();
        const row = batchRow(batch);
        world.batches.set(batch.id, row);
        return row;
      },
      find: async (accountId, id) => {
        asked();
        const found = world.batches.get(id);
        return found?.accountId === accountId ? found : null;
      },
      list: async (accountId, { limit, before }) => {
        asked();
        return [...world.batches.values()]
          .filter((row) => row.accountId === accountId && (before === undefined || row.id < before))
          .sort((a, b) => (a.id < b.id ? 1 : -1))
          .slice(0, limit);
      },
    },
    objects: objectsOf(world),
    queue: {
      enqueue: async (tickets) => void world.tickets.push(...tickets.map((ticket) => ticket.batchId)),
      waiting: async () => 0,
    },
  };
}

function objectsOf(world: World): ApiServices['objects'] {
  const never = () => {
    throw new Error('the API reads and writes no objects');
  };
  // In the year 2100: no test may depend on the day on which it runs.
  const expiresAt = 4_102_444_800_123;
  return {
    presignPut: async (key, bind) => ({
      url: `http://store/${key}`,
      method: 'PUT',
      headers: { 'content-length': String(bind.bytes ?? 0) },
      expiresAt,
    }),
    presignGet: async (key, filename) => ({
      url: `http://store/${key}?as=${filename}`,
      method: 'GET',
      headers: {},
      expiresAt,
    }),
    head: async (key) => world.objects.get(key) ?? null,
    read: never,
    copy: never,
    put: never,
    putStream: never,
  };
}

function uploadRow(upload: NewUpload): Upload {
  const now = Date.now() / 1000;
  return {
    id: upload.id,
    accountId: upload.accountId,
    objectKey: upload.objectKey,
    filename: upload.filename ?? null,
    size: upload.size ?? null,
    hash: upload.hash ?? null,
    createdAt: now,
    urlExpiresAt: upload.urlExpiresAt / 1000,
    expiresAt: now + upload.keepSeconds,
    usedBy: null,
  };
}

export function batchRow(batch: NewBatch): BatchRow {
  const now = Date.now() / 1000;
  return {
    id: batch.id,
    accountId: batch.accountId,
    operation: batch.operation,
    status: 'new',
    statusReason: null,
    failedFrom: null,
    statuses: [{ status: 'new', ts: now }],
    hash: batch.statedHash ?? null,
    metadata: batch.metadata,
    settings: batch.settings as Record<string, unknown>,
    mapping: batch.mapping,
    onInvalid: batch.onInvalid,
    uploadId: batch.uploadId,
    uploadBytes: batch.upload.bytes,
    read: null,
    counts: { total: null, succeeded: 0, failed: 0, skipped: 0, unprocessed: 0 },
    progressDone: 0,
    phase: { settled: 0, recent: 0, since: null },
    results: null,
    resultsReady: false,
    createdAt: now,
    updatedAt: now,
  };
}

/** An upload that holds a file, and so can be made a batch of. */
export async function filledUpload(world: World, key = 'all'): Promise<string> {
  const { handler } = (await world.post('/uploads', {}, key)).json();
  world.objects.set(world.uploads.get(handler)!.objectKey, { bytes: 100, etag: '"e"' });
  return handler;
}

/** A batch as `POST /batches` makes it, changed as a worker might have. */
export async function someBatch(world: World, change: Partial<BatchRow> = {}, key = 'all'): Promise<string> {
  const handler = await filledUpload(world, key);
  const { batch } = (await world.post('/batches', { handler, operation: 'add_person' }, key)).json();
  Object.assign(world.batches.get(batch)!, change);
  return batch;
}
