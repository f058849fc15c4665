import type { Logger } from 'pino';
import { ensureAccount } from './adapters/postgres/account-store.ts';
import { postgresBatchStore } from './adapters/postgres/batch-store.ts';
import { connect, idleInTransactionMs } from './adapters/postgres/connect.ts';
import { migrateDatabase, openDatabase, pingDatabase } from './adapters/postgres/database.ts';
import { postgresIdempotencyStore } from './adapters/postgres/idempotency-store.ts';
import { postgresLimitStore } from './adapters/postgres/limit-store.ts';
import { readSql } from './adapters/postgres/read-sql.ts';
import { readTransactions } from './adapters/postgres/read-transaction.ts';
import { type PostgresSingleCalls, postgresSingleCalls } from './adapters/postgres/single-calls.ts';
import { postgresUploadStore } from './adapters/postgres/upload-store.ts';
import { type PostgresWorkStore, postgresWorkStore } from './adapters/postgres/work-store.ts';
import { type StageQueue, stageQueue } from './adapters/queue/bullmq-queue.ts';
import { migrateQueue, postgresBackend } from './adapters/queue/postgres-backend.ts';
import { redisBackend } from './adapters/queue/redis-backend.ts';
import { ensureBucket } from './adapters/s3/bucket.ts';
import { type S3ObjectStore, type S3Server, s3ObjectStore } from './adapters/s3/object-store.ts';
import { tempFileScratch } from './adapters/scratch/temp-file.ts';
import { closeAll } from './close-all.ts';
import type { Config } from './config.ts';
import { type Operation, OperationRegistry } from './core/operation.ts';
import { Gate } from './engine/gate.ts';
import type { LimitStore } from './engine/ports/limit-store.ts';
import type { ReadTransaction } from './engine/ports/read-transaction.ts';
import type { BatchStore, IdempotencyStore, UploadStore } from './engine/ports/request-stores.ts';
import type { EngineSettings } from './engine/settings.ts';
import type { OpenScratch } from './formats/scratch.ts';
import { BUILT_IN_OPERATIONS } from './operations/built-in.ts';
import { openTrainingReads, type TrainingReads } from './operations/training/reads/training-reads.ts';

/** Where the outside parts are, whether embedded or real. */
export interface Locations {
  databaseUrl: string;
  redisUrl?: string;
  s3: S3Server;
}

/** Everything that the API and the workers are made of; the same code in one process and in many. */
export interface Services {
  log: Logger;
  settings: EngineSettings;
  operations: OperationRegistry;
  accountId: string;
  uploads: UploadStore;
  batches: BatchStore;
  idempotency: IdempotencyStore;
  /** The transactions of operations that are called with one record. */
  calls: PostgresSingleCalls;
  /** Where templates are filled in from. */
  reads: ReadTransaction;
  training: TrainingReads;
  work: PostgresWorkStore;
  limits: LimitStore;
  gate: Gate;
  objects: S3ObjectStore;
  openScratch: OpenScratch;
  queue: StageQueue;
  /** What is wrong with each part that requests need; `null`: nothing. */
  health(): Promise<Record<string, string | null>>;
  close(): Promise<void>;
}

const API_CONNECTIONS = 10;
const WORK_CONNECTIONS = 6;

/** The account that owns everything until there are more. */
const DEFAULT_ACCOUNT = 'default';

/** Creates or updates all tables and the bucket. Safe to call from several processes at once. */
export async function migrate(locations: Locations): Promise<void> {
  await migrateDatabase(locations.databaseUrl);
  if (locations.redisUrl === undefined) await migrateQueue(locations.databaseUrl);
  await ensureBucket(locations.s3);
}

/**
 * Opens every adapter and puts them together; `migrate` must have run.
 * @param own operations besides those that are built in
 */
export async function openServices(
  config: Config,
  locations: Locations,
  log: Logger,
  own: readonly Operation[] = [],
): Promise<Services> {
  const { databaseUrl, redisUrl } = locations;
  const settings = engineSettings(config);
  const backend =
    redisUrl === undefined ? postgresBackend(databaseUrl, log) : await redisBackend(redisUrl, log);
  const queue = stageQueue(backend, log);
  const database = openDatabase(databaseUrl, { max: API_CONNECTIONS });
  const patience = idleInTransactionMs(settings.leaseSeconds);
  const sql = connect(databaseUrl, {
    max: WORK_CONNECTIONS,
    name: 'work',
    idleInTransactionMs: patience,
    lockMs: patience,
  });
  const work = postgresWorkStore({ url: databaseUrl, sql, leaseSeconds: settings.leaseSeconds });
  const limits = postgresLimitStore({ sql, leaseSeconds: settings.leaseSeconds });
  const gate = new Gate({ limits, leaseSeconds: settings.leaseSeconds, log });
  const calls = postgresSingleCalls(databaseUrl, settings.leaseSeconds);
  const objects = s3ObjectStore({ ...locations.s3, presignSeconds: config.SHEAF_URL_SECONDS });
  const close = () =>
    closeAll([
      () => queue.close(),
      () => gate.close(),
      () => work.close(),
      () => calls.close(),
      () => sql.end({ timeout: 5 }),
      () => database.close(),
      async () => objects.close(),
    ]);
  try {
    return {
      log,
      settings,
      operations: new OperationRegistry([...BUILT_IN_OPERATIONS, ...own]),
      accountId: await ensureAccount(database.db, DEFAULT_ACCOUNT),
      uploads: postgresUploadStore({ db: database.db, sql }),
      batches: postgresBatchStore({ db: database.db, sql }),
      idempotency: postgresIdempotencyStore(sql),
      calls,
      reads: readTransactions(sql),
      training: openTrainingReads(readSql(sql)),
      work,
      limits,
      gate,
      objects,
      openScratch: tempFileScratch,
      queue,
      health: async () => ({
        database: await wrongWith(() => pingDatabase(database.db)),
        object_store: await wrongWith(() => objects.ping()),
      }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function wrongWith(check: () => Promise<void>): Promise<string | null> {
  try {
    await check();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function engineSettings(config: Config): EngineSettings {
  return {
    chunk: { records: config.SHEAF_CHUNK_RECORDS, bytes: config.SHEAF_CHUNK_BYTES },
    recordBytes: config.SHEAF_MAX_RECORD_BYTES,
    cellBytes: config.SHEAF_MAX_CELL_BYTES,
    fileBytes: config.SHEAF_MAX_FILE_BYTES,
    unpackedBytes: config.SHEAF_MAX_UNPACKED_BYTES,
    leaseSeconds: config.SHEAF_LEASE_SECONDS,
    maxAttempts: config.SHEAF_MAX_ATTEMPTS,
    uploadKeepSeconds: config.SHEAF_UPLOAD_SECONDS,
    keepSeconds: config.SHEAF_KEEP_SECONDS,
    stepSeconds: config.SHEAF_STEP_SECONDS,
    stalledSeconds: config.SHEAF_STALLED_SECONDS,
  };
}
