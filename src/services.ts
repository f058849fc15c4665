import type { Logger } from 'pino';
import { type AccountServices, accountServices } from './account-services.ts';
import { ensureAccount } from './adapters/postgres/account-store.ts';
import { type AccountWall, openAccountWall } from './adapters/postgres/account-wall.ts';
import { openAdminStores } from './adapters/postgres/admin-stores.ts';
import { postgresAuditLog } from './adapters/postgres/audit.ts';
import {
  type ConnectOptions,
  connect,
  idleInTransactionMs,
  watchedSockets,
} from './adapters/postgres/connect.ts';
import { openDatabase } from './adapters/postgres/database.ts';
import { postgresAnswerSweep } from './adapters/postgres/idempotency-store.ts';
import { postgresKeepingStore } from './adapters/postgres/keeping-store.ts';
import { postgresLimitStore } from './adapters/postgres/limit-store.ts';
import { checkMigrated, migrateDatabase } from './adapters/postgres/migrate.ts';
import { postgresRequestRates } from './adapters/postgres/request-rates.ts';
import { postgresSingleCalls } from './adapters/postgres/single-calls.ts';
import { postgresUploadSweep } from './adapters/postgres/upload-store.ts';
import { type PostgresWorkStore, postgresWorkStore } from './adapters/postgres/work-store.ts';
import { type StageQueue, stageQueue } from './adapters/queue/bullmq-queue.ts';
import { migrateQueue, postgresBackend } from './adapters/queue/postgres-backend.ts';
import { redisBackend } from './adapters/queue/redis-backend.ts';
import { redisRequestRates } from './adapters/redis/request-rates.ts';
import { ensureBucket } from './adapters/s3/bucket.ts';
import { type S3ObjectStore, type S3Server, s3ObjectStore } from './adapters/s3/object-store.ts';
import { tempFileScratch } from './adapters/scratch/temp-file.ts';
import { closeAll } from './close-all.ts';
import type { Config } from './config.ts';
import { DEFAULT_ACCOUNT } from './core/default-account.ts';
import { type Operation, OperationRegistry } from './core/operation.ts';
import { Gate } from './engine/gate.ts';
import { ratesWithSubstitute } from './engine/limits/rates-with-substitute.ts';
import type { Actor } from './engine/ports/actor.ts';
import type { AdminStores } from './engine/ports/admin-store.ts';
import type { AuditLog } from './engine/ports/audit-log.ts';
import type { KeepingStore } from './engine/ports/keeping-store.ts';
import type { LimitStore } from './engine/ports/limit-store.ts';
import type { RequestRates } from './engine/ports/request-rates.ts';
import type { AnswerSweep, UploadSweep } from './engine/ports/sweep-stores.ts';
import type { EngineSettings } from './engine/settings.ts';
import type { TidyPlace } from './engine/tidy-batches.ts';
import { engineSettings } from './engine-settings.ts';
import type { OpenScratch } from './formats/scratch.ts';
import { healthOf } from './health.ts';
import { BUILT_IN_OPERATIONS } from './operations/built-in.ts';
import { openSignIn, type SignInServices } from './sign-in-services.ts';

/** Where the outside parts are, whether embedded or real. */
export interface Locations {
  databaseUrl: string;
  redisUrl?: string;
  s3: S3Server;
}

/** Everything that the API and the workers are made of; the same code in one process and in many. */
export interface Services extends SignInServices {
  log: Logger;
  settings: EngineSettings;
  operations: OperationRegistry;
  accountId: string;
  /** What requests of an account read and write: there is no other way to any of it. */
  account(actor: Actor): AccountServices;
  audit: AuditLog;
  /** What whoever runs this Sheaf sees and sets of all accounts. */
  admin: AdminStores;
  /** What workers clear away of all accounts. */
  uploads: UploadSweep;
  idempotency: AnswerSweep;
  /** What is compared with the object store. */
  keeping: KeepingStore;
  /** How far the sweeps of this process have come with large batches (tidy-batches.ts). */
  tidying: Map<string, TidyPlace>;
  work: PostgresWorkStore;
  limits: LimitStore;
  requestRates: RequestRates;
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

/** A request waits no longer for a database that has gone without a word: twice the time after which work is lost. */
const LEASES_OF_SILENCE = 2;
const LEAST_SILENCE_MS = 15_000;

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
  const { leaseSeconds } = settings;
  const backend =
    redisUrl === undefined
      ? postgresBackend(databaseUrl, log, watchedSockets())
      : await redisBackend(redisUrl, log);
  const queue = stageQueue(backend, log);
  const database = openDatabase(databaseUrl, {
    max: API_CONNECTIONS,
    silenceMs: Math.max(LEAST_SILENCE_MS, LEASES_OF_SILENCE * leaseSeconds * 1000),
  });
  const deadline = idleInTransactionMs(leaseSeconds);
  const patience = { idleInTransactionMs: deadline, lockMs: deadline };
  const sql = connect(databaseUrl, { max: WORK_CONNECTIONS, name: 'work', ...patience });
  const work = postgresWorkStore({ url: databaseUrl, sql, leaseSeconds });
  const limits = postgresLimitStore({ sql, leaseSeconds });
  const requestRates = await openRequestRates(locations, log);
  const { close: closeAdmin, ...admin } = openAdminStores(databaseUrl, sql);
  const gate = new Gate({ limits, leaseSeconds, log, accounts: admin.accounts });
  const calls = postgresSingleCalls(databaseUrl, leaseSeconds);
  const objects = s3ObjectStore({ ...locations.s3, presignSeconds: config.SHEAF_URL_SECONDS });
  const { close: closeSignIn, ...signIn } = openSignIn(config, databaseUrl, log);
  let wall: AccountWall | undefined;
  const close = () =>
    closeAll([
      () => queue.close(),
      () => gate.close(),
      () => requestRates.close(),
      () => work.close(),
      () => calls.close(),
      closeSignIn,
      closeAdmin,
      async () => await wall?.close(),
      () => sql.end({ timeout: 5 }),
      () => database.close(),
      async () => objects.close(),
    ]);
  try {
    await checkMigrated(sql);
    const standing = await openWall(databaseUrl, { db: database.db, sql }, patience, log);
    wall = standing;
    return {
      ...signIn,
      log,
      settings,
      operations: new OperationRegistry([...BUILT_IN_OPERATIONS, ...own]),
      accountId: await ensureAccount(database.db, DEFAULT_ACCOUNT),
      account: (actor) =>
        accountServices({ wall: standing, sql, calls, defaults: settings.accountLimits }, actor),
      audit: postgresAuditLog(sql),
      admin,
      uploads: postgresUploadSweep(sql),
      idempotency: postgresAnswerSweep(sql),
      keeping: postgresKeepingStore(sql),
      tidying: new Map(),
      work,
      limits,
      requestRates,
      gate,
      objects,
      openScratch: tempFileScratch,
      queue,
      health: () => healthOf(database, objects),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Says so once where the wall is not there: then each statement's own condition is the only one. */
async function openWall(
  databaseUrl: string,
  plain: Parameters<typeof openAccountWall>[1],
  patience: Pick<ConnectOptions, 'idleInTransactionMs' | 'lockMs'>,
  log: Logger,
): Promise<AccountWall> {
  const wall = await openAccountWall(databaseUrl, plain, { max: API_CONNECTIONS, ...patience });
  if (wall.missing !== null) log.warn({ why: wall.missing }, 'row-level security does not part the accounts');
  return wall;
}

async function openRequestRates({ databaseUrl, redisUrl }: Locations, log: Logger): Promise<RequestRates> {
  const inPostgres = postgresRequestRates(databaseUrl);
  if (redisUrl === undefined) return inPostgres;
  return ratesWithSubstitute(await redisRequestRates(redisUrl, log), inPostgres, { log });
}
