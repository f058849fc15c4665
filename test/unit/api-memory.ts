import { Writable } from 'node:stream';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { Type } from 'typebox';
import type { AccountServices } from '../../src/account-services.ts';
import { type ApiServices, buildApi } from '../../src/api/app.ts';
import { PROBLEM_TYPE } from '../../src/api/problem.ts';
import { errorsOf } from '../../src/api/problem-responses.ts';
import type { Problem } from '../../src/api/schemas/problem.ts';
import type { Caller, Statement } from '../../src/core/access.ts';
import { defineOperation, OperationRegistry } from '../../src/core/operation.ts';
import { failed, succeeded } from '../../src/core/result.ts';
import type { Actor } from '../../src/engine/ports/actor.ts';
import type { ObjectHead } from '../../src/engine/ports/object-store.ts';
import type { BatchRow, Upload } from '../../src/engine/ports/request-stores.ts';
import { openTrainingReads } from '../../src/operations/training/reads/training-reads.ts';
import { AMPLE, testCaller } from '../support/caller.ts';
import { adminInMemory } from './api-memory-admin.ts';
import { batchesInMemory, idempotencyInMemory, type KeptAnswers } from './api-memory-batches.ts';
import { callsInMemory, noLimits } from './api-memory-calls.ts';
import { signInInMemory } from './api-memory-sign-in.ts';
import { objectsInMemory, uploadsInMemory } from './api-memory-uploads.ts';

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
  run: async (records, { settings }) =>
    records.map(({ input }) =>
      input.name === 'Ada'
        ? failed('person_known', 'Ada is there', 'name')
        : succeeded({ id: settings.level }),
    ),
});

export const SETTINGS: ApiServices['settings'] = {
  chunk: { records: 5000, bytes: 1_000_000 },
  recordBytes: 8_388_608,
  cellBytes: 1_048_576,
  unpackedBytes: 10_000_000,
  leaseSeconds: 30,
  maxAttempts: 3,
  maxCrashes: 20,
  keepSeconds: 2_592_000,
  stepSeconds: 60,
  stalledSeconds: 3600,
  accountLimits: AMPLE,
};

export const ALL: Statement[] = [{ effect: 'allow', actions: ['*'] }];

type Replaced = Partial<AccountServices> | ((actor: Actor) => Partial<AccountServices>);

export interface World {
  app: FastifyInstance;
  uploads: Map<string, Upload>;
  batches: Map<string, BatchRow>;
  /** Answers that are kept under an `Idempotency-Key`. */
  answers: KeptAnswers;
  objects: Map<string, ObjectHead>;
  tickets: string[];
  /** Every line of the log, as it was written. */
  logged: string[];
  /** What the key of a name may do; a name that is not here is unknown. */
  callers: Map<string, Caller>;
  /** Thrown by every port that is asked. */
  trouble: Error | null;
  health: Record<string, string | null>;
  /** What takes the place of some of what an account can reach. */
  account: Replaced;
  request(options: InjectOptions & { key?: string | null }): Promise<LightMyRequestResponse>;
  post(url: string, payload: unknown, key?: string): Promise<LightMyRequestResponse>;
  patch(url: string, payload: unknown, key?: string): Promise<LightMyRequestResponse>;
  delete(url: string, key?: string): Promise<LightMyRequestResponse>;
  get(url: string, key?: string): Promise<LightMyRequestResponse>;
}

/** @param account what takes the place of some of what accounts can reach */
export async function apiInMemory(change: Partial<ApiServices> = {}, account: Replaced = {}): Promise<World> {
  const world = {
    uploads: new Map(),
    batches: new Map(),
    answers: new Map(),
    objects: new Map(),
    tickets: [],
    logged: [],
    callers: new Map([['all', callerWith(ALL)]]),
    trouble: null,
    health: { database: null, object_store: null },
    account,
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
  const sender =
    (method: 'POST' | 'PATCH') =>
    (url: string, payload: unknown, key = 'all') =>
      world.request({ method, url, payload: payload as object, key });
  world.post = sender('POST');
  world.patch = sender('PATCH');
  world.delete = (url, key = 'all') => world.request({ method: 'DELETE', url, key });
  world.get = (url, key = 'all') => world.request({ method: 'GET', url, key });
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
    const declared: string[] = errorsOf({ method: request.method, config, ...(schema && { schema }) });
    declared.push(...Object.keys(config.failures ?? {}));
    if (!declared.includes(code)) undeclared.push(`${request.method} ${url}: ${code}`);
  });
  return undeclared;
}

export function callerWith(statements: readonly Statement[], accountId = 'account-1'): Caller {
  return testCaller({ accountId, user: 'ada', statements, limits: { ...AMPLE, fileBytes: 1_000_000 } });
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
  const log = pino({ level: 'debug' }, lines);
  return {
    ...signInInMemory(),
    ...noLimits(log),
    account: (actor) => accountInMemory(world, actor, asked),
    audit: { note: async () => asked() },
    admin: adminInMemory(world, asked),
    authenticator: {
      authenticate: async (authorization) =>
        world.callers.get(authorization?.replace('Bearer ', '') ?? '') ?? null,
    },
    operations: new OperationRegistry([addPerson]),
    settings: SETTINGS,
    log,
    health: async () => world.health,
    objects: objectsInMemory(world),
    queue: {
      enqueue: async (tickets) => void world.tickets.push(...tickets.map((ticket) => ticket.batchId)),
      waiting: async () => 0,
    },
  };
}

function accountInMemory(world: World, actor: Actor, asked: () => void): AccountServices {
  const nobody = new Proxy(
    {},
    { get: () => () => Promise.reject(new Error('there are no users in memory')) },
  );
  return {
    uploads: uploadsInMemory(world, actor, asked),
    batches: batchesInMemory(world, actor, (id) => world.uploads.get(id)?.filename ?? null, asked),
    idempotency: idempotencyInMemory(world.answers, actor, asked),
    calls: callsInMemory(world.answers, actor, asked),
    reads: {
      // What an operation reads is tested where there is a database.
      read: async (work) => {
        asked();
        return await work({ accountId: actor.accountId, sql: async () => [] });
      },
    },
    // Of an account that has nothing: the reads themselves are tested on a database.
    training: openTrainingReads(async () => [], actor.accountId),
    // Likewise.
    users: nobody as AccountServices['users'],
    roles: nobody as AccountServices['roles'],
    apiKeys: nobody as AccountServices['apiKeys'],
    ...(typeof world.account === 'function' ? world.account(actor) : world.account),
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
