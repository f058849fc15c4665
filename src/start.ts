import { randomBytes } from 'node:crypto';
import { startWorkers } from '../workers/start-workers.ts';
import { edgeSettings } from './api/edge-settings.ts';
import { serveApi } from './api/serve.ts';
import { firstAdmin } from './caretaking.ts';
import { closeAll } from './close-all.ts';
import { type Environment, readConfig } from './config.ts';
import { type DataDirectory, openDataDirectory } from './embedded/data-directory.ts';
import { removeServices, writeServices } from './embedded/services-file.ts';
import { startEmbedded } from './embedded-services.ts';
import { openLog } from './log.ts';
import { openOwnOperations } from './own-operations/open-own-operations.ts';
import { type Locations, migrate, openServices } from './services.ts';
import { startWatchdog } from './watchdog/start-watchdog.ts';

/** A whole Sheaf in this process, with the embedded parts that the settings do not replace. */
export interface Running {
  /** Of the API. */
  url: string;
  adminKey: string;
  /** True when the key was made by this start: only then is it printed. */
  adminKeyCreated: boolean;
  /** Of the user `admin`, when this start made it and the settings name none: it is nowhere else. */
  adminPassword: string | null;
  dataDirectory: string;
  /** Stops in order: requests, workers, connections, S3, PostgreSQL. May be called twice. */
  close(): Promise<void>;
}

/**
 * Starts everything: embedded PostgreSQL and S3, migrations, workers, the API.
 * @param options.overrides settings that win over the environment
 * @throws {Error} with what to change: wrong settings, the data directory in use, the port taken
 */
export async function startAll(options: { env: Environment; overrides?: Environment }): Promise<Running> {
  const env = { ...options.env, ...options.overrides };
  const config = readConfig(env);
  const log = openLog(config);
  const opened: (() => Promise<void>)[] = [];
  const close = once(() => closeAll(opened.reverse()));
  const watchdog = startWatchdog(config.SHEAF_BLOCKED_SECONDS, log);
  opened.push(() => watchdog.stop());
  try {
    const own = await openOwnOperations(config, env);
    opened.push(() => own.close());
    const directory = await openDataDirectory(config.SHEAF_DATA_DIR);
    opened.push(() => directory.close());
    const embedded = await startEmbedded(config, directory, log, (pid) => watchdog.endToo(pid));
    opened.push(() => embedded.close());
    await migrate(embedded.locations);
    const services = await openServices(config, embedded.locations, log, own.operations);
    opened.push(() => services.close());
    const workers = await startWorkers(services, config, { env, locations: embedded.locations });
    opened.push(() => workers.stop());
    const key = await adminKey(config.SHEAF_ADMIN_KEY, directory);
    const health = async () => ({ ...(await services.health()), ...(await embedded.health()) });
    const api = await serveApi(
      { ...services, health },
      {
        adminKey: key.value,
        host: config.SHEAF_HOST,
        port: config.SHEAF_PORT,
        edge: edgeSettings(config),
        drainSeconds: config.SHEAF_DRAIN_SECONDS,
      },
    );
    opened.push(() => api.close());
    await writeServices(directory.path, describe(api.url, embedded.locations));
    opened.push(() => removeServices(directory.path));
    // Last of all: nothing that fails can come between a password that was made up and whoever is to see it.
    const adminPassword = await firstAdmin(embedded.locations.databaseUrl, config.SHEAF_ADMIN_PASSWORD);
    return {
      url: api.url,
      adminKey: key.value,
      adminKeyCreated: key.created,
      adminPassword,
      dataDirectory: directory.path,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function adminKey(given: string | undefined, directory: DataDirectory) {
  if (given !== undefined) return { value: given, created: false };
  return await directory.secret('admin-key', () => `sheaf_${randomBytes(24).toString('base64url')}`);
}

function describe(api: string, { databaseUrl, redisUrl, s3 }: Locations) {
  return {
    pid: process.pid,
    started_ts: Date.now() / 1000,
    api,
    database_url: databaseUrl,
    ...(redisUrl !== undefined && { redis_url: redisUrl }),
    ...(s3.endpoint !== undefined &&
      s3.credentials !== undefined && {
        s3: {
          endpoint: s3.endpoint,
          region: s3.region,
          bucket: s3.bucket,
          access_key_id: s3.credentials.accessKeyId,
          secret_access_key: s3.credentials.secretAccessKey,
        },
      }),
  };
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work();
    return running;
  };
}
