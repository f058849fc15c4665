import { createHash, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { pino } from 'pino';
import postgres from 'postgres';
import { inject } from 'vitest';
import type { AccountServices } from '../../src/account-services.ts';
import { type Config, type Environment, readConfig } from '../../src/config.ts';
import type { Caller } from '../../src/core/access.ts';
import type { Operation } from '../../src/core/operation.ts';
import type { ResultLine } from '../../src/core/result.ts';
import type { BatchRequest } from '../../src/engine/batch-request.ts';
import { createUpload } from '../../src/engine/create-upload.ts';
import type { ResultFile } from '../../src/engine/ports/batch-results.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { submitBatch } from '../../src/engine/submit-batch.ts';
import { type Locations, migrate, openServices, type Services } from '../../src/services.ts';
import { startWorkers, type Workers } from '../../workers/start-workers.ts';
import { actorFor } from './actor.ts';
import { testCaller } from './caller.ts';
import { TEMPLATE, withDatabase } from './global-setup.ts';
import { emptyQueueTables } from './queue-tables.ts';
import { takeRedisDatabase } from './redis-database.ts';
import { otherS3Server, required } from './requirements.ts';

/** A Sheaf on a database and a bucket of its own, with or without workers; real parts throughout. */
export interface TestSheaf {
  services: Services;
  config: Config;
  locations: Locations;
  caller: Caller;
  /** What the caller can reach. */
  account: AccountServices;
  /** What use cases run on when the caller asks for something. */
  engine: Omit<Services, keyof AccountServices> & AccountServices;
  /** Looks into the database, and meddles with it. */
  sql: postgres.Sql<{ bigint: number }>;
  startWorkers(): Promise<Workers>;
  /** Workers on services of their own, as another process has them. */
  startWorkersApart(): Promise<Workers>;
  /** Throws all tickets away, those being served too, as a queue does that loses its memory. */
  emptyQueue(): Promise<void>;
  upload(body: string | Buffer, stated?: { hash?: boolean }): Promise<string>;
  submit(handler: string, request?: Partial<BatchRequest>): Promise<string>;
  /** Uploads, submits, and waits for the end. */
  run(body: string | Buffer, request?: Partial<BatchRequest>): Promise<BatchRow>;
  batch(id: string): Promise<BatchRow>;
  /** Waits for a terminal status with its result files. */
  ended(id: string): Promise<BatchRow>;
  keys(prefix: string): Promise<string[]>;
  object(key: string): Promise<Buffer>;
  /** One too large to be held. */
  objectStream(key: string): Promise<Readable>;
  lines(batch: BatchRow, kind?: ResultFile['kind']): Promise<ResultLine[]>;
  close(): Promise<void>;
}

export const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Settings that make tests quick: short leases and sweeps. */
const QUICK: Environment = { SHEAF_LEASE_SECONDS: '5', SHEAF_SWEEP_SECONDS: '1', SHEAF_LOG_LEVEL: 'silent' };

export interface TestDatabase {
  name: string;
  url: string;
  drop(): Promise<void>;
}

/** A database that nobody else has: a copy of the template, or an empty one. */
export async function createTestDatabase(
  template = TEMPLATE,
  postgresUrl = inject('postgresUrl'),
): Promise<TestDatabase> {
  const name = `t_${randomBytes(6).toString('hex')}`;
  const admin = postgres(postgresUrl, { max: 1, onnotice: () => undefined });
  await admin`create database ${admin(name)} template ${admin(template)}`;
  return {
    name,
    url: withDatabase(postgresUrl, name),
    drop: async () => {
      await admin`drop database ${admin(name)} with (force)`;
      await admin.end();
    },
  };
}

export interface TestSheafOptions {
  /** Served besides the built-in ones. */
  operations?: readonly Operation[];
  /** Where the queue is: on PostgreSQL, unless a suite that requires Redis says otherwise. */
  queue?: 'postgres' | 'redis';
  /** Which S3 server: the embedded one, unless a suite that requires the other says otherwise. */
  s3?: 'embedded' | 'other';
  /** The way from the services to the parts, such as through proxies; the test's own looks go straight. */
  through?: (locations: Locations) => Promise<Locations>;
  /** A PostgreSQL server of the test's own. */
  postgresUrl?: string;
}

export async function openTestSheaf(
  settings: Environment = {},
  {
    operations = [],
    queue: place = 'postgres',
    s3: server = 'embedded',
    through = async (locations) => locations,
    postgresUrl,
  }: TestSheafOptions = {},
): Promise<TestSheaf> {
  const { endpoint, ...credentials } = server === 'other' ? otherS3Server().value() : inject('s3');
  const redis = place === 'redis' ? await takeRedisDatabase(required('TEST_REDIS_URL').value()) : undefined;
  const database = await createTestDatabase(postgresUrl === undefined ? TEMPLATE : 'template1', postgresUrl);
  const { name, url: databaseUrl } = database;
  const straight: Locations = {
    databaseUrl,
    ...(redis !== undefined && { redisUrl: redis.url }),
    s3: { endpoint, region: 'us-east-1', bucket: name.replace('_', '-'), credentials },
  };
  const config = readConfig({ ...QUICK, ...settings });
  await migrate(straight);
  const locations = await through(straight);
  const open = async () => {
    return await openServices(config, locations, pino({ level: config.SHEAF_LOG_LEVEL }), operations);
  };
  const services = await open();
  const sql = postgres(databaseUrl, {
    max: 4,
    onnotice: () => undefined,
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  });
  const client = new S3Client({ ...straight.s3, forcePathStyle: true });
  const Bucket = straight.s3.bucket;
  const { accountId, settings: engineSettings } = services;
  const limits = engineSettings.accountLimits;
  const caller = testCaller({ accountId, user: 'admin', administers: true, limits });
  const account = services.account(actorFor(caller));
  const started: Workers[] = [];
  const apart: Services[] = [];

  const sheaf: TestSheaf = {
    services,
    config,
    locations,
    caller,
    account,
    sql,

    // Anew each time: some tests put other operations in the place of those that are served.
    get engine() {
      return { ...services, ...account };
    },

    async startWorkers() {
      const workers = await startWorkers(services, config);
      started.push(workers);
      return workers;
    },

    async startWorkersApart() {
      const others = await open();
      apart.push(others);
      const workers = await startWorkers(others, config);
      started.push(workers);
      return workers;
    },

    async emptyQueue() {
      if (redis !== undefined) return await redis.empty();
      await emptyQueueTables(sql);
    },

    async upload(body, { hash = false } = {}) {
      const stated = hash ? { hash: sha256(body) } : {};
      const { handler, put } = await createUpload(sheaf.engine, caller, stated);
      const response = await fetch(put.url, { method: 'PUT', headers: put.headers, body });
      if (!response.ok) throw new Error(`the upload failed: ${response.status} ${await response.text()}`);
      return handler;
    },

    async submit(handler, request = {}) {
      return (await submitBatch(sheaf.engine, caller, { handler, operation: 'create_learner', ...request }))
        .id;
    },

    async run(body, request) {
      return await sheaf.ended(await sheaf.submit(await sheaf.upload(body), request));
    },

    async batch(id) {
      const batch = await account.batches.find(id);
      if (batch === null) throw new Error(`there is no batch ${id}`);
      return batch;
    },

    async ended(id) {
      for (;;) {
        const batch = await sheaf.batch(id);
        if (batch.resultsReady) return batch;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },

    async keys(prefix) {
      const keys: string[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({ Bucket, Prefix: prefix, ContinuationToken }),
        );
        keys.push(...(page.Contents ?? []).map((object) => object.Key ?? ''));
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
      return keys;
    },

    async object(key) {
      return await buffer(await sheaf.objectStream(key));
    },

    async objectStream(key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: key }));
      return Body as Readable;
    },

    async lines(batch, kind = 'all') {
      const file = batch.results?.find((result) => result.kind === kind);
      if (file === undefined) throw new Error(`batch ${batch.id} has no ${kind} file`);
      const text = (await sheaf.object(file.key)).toString();
      return text === ''
        ? []
        : text
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as ResultLine);
    },

    async close() {
      await Promise.all(started.map((workers) => workers.stop()));
      await Promise.all([services, ...apart].map((opened) => opened.close()));
      await sql.end({ timeout: 5 });
      client.destroy();
      await database.drop();
      await redis?.release();
    },
  };
  return sheaf;
}
