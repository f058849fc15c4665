import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import { SheafClient } from '../../src/client/client.ts';
import { closeAll } from '../../src/close-all.ts';
import { type RunningServices, readServices } from '../../src/embedded/services-file.ts';
import { Crew } from '../../test/support/crew.ts';
import { type CutProxy, startCutProxy } from '../../test/support/cut-proxy.ts';
import { type Program, startProgram } from '../../test/support/program.ts';
import { emptyQueueTables } from '../../test/support/queue-tables.ts';
import { takeRedisDatabase } from '../../test/support/redis-database.ts';
import { operationYaml, Target } from './target.ts';

/** All that a soak runs on. */
export interface Ground {
  client: SheafClient;
  url: string;
  key: string;
  sql: postgres.Sql;
  /** Processes that nobody strikes, so that what they hold can be followed. */
  lasting: Record<'API' | 'S3 server' | 'worker', Program>;
  /** Workers that are killed and frozen. */
  struck: Crew<Program>;
  /** The ways of the API and the workers to what they stand on. */
  ways: Record<string, CutProxy>;
  target: Target;
  /** Where the object store and the temporary files are. */
  folders: { store: string; scratch: string };
  /** Throws all tickets away. */
  emptyQueue(): Promise<void>;
  close(): Promise<void>;
}

const API_KEY = 'the-key-of-the-soak';
/** The soak's own database sessions are called so. */
export const OBSERVER = 'soak';
const STRUCK_WORKERS = 2;
const WORKER_UP = /A worker of Sheaf is up/;

/** Short leases, sweeps and lives of uploads: much must happen in little time. */
const SETTINGS = {
  SHEAF_PORT: '0',
  SHEAF_ADMIN_KEY: API_KEY,
  SHEAF_LEASE_SECONDS: '4',
  SHEAF_SWEEP_SECONDS: '1',
  SHEAF_CHUNK_RECORDS: '1000',
  SHEAF_UPLOAD_SECONDS: '600',
  SHEAF_URL_SECONDS: '600',
  SHEAF_REQUESTS_PER_MINUTE: '1000000',
};

type Closers = (() => Promise<void>)[];

/** @param redisUrl where the queue is to be, if not on PostgreSQL */
export async function openGround(directory: string, redisUrl: string | undefined): Promise<Ground> {
  const closers: Closers = [];
  const close = () => closeAll([...closers].reverse());
  try {
    return { ...(await open(directory, redisUrl, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  directory: string,
  redisUrl: string | undefined,
  closers: Closers,
): Promise<Omit<Ground, 'close'>> {
  const start = async (script: string, settings: Record<string, string>, up: RegExp) => {
    const program = await startProgram(script, settings, up);
    closers.push(async () => void (await program.stop()));
    return program;
  };
  const scratch = join(directory, 'scratch');
  await mkdir(scratch, { recursive: true });
  const target = await Target.start();
  closers.push(() => target.close());
  const yaml = join(directory, 'send.yaml');
  await writeFile(yaml, operationYaml(target.origin));

  const data = join(directory, 'data');
  const plain = { ...SETTINGS, SHEAF_DATA_DIR: data };
  const embedded = await start('bench/large/services.ts', plain, /The services are up/);
  const running = (await readServices(data))!;
  const redis = redisUrl === undefined ? undefined : await takeRedisDatabase(redisUrl);
  if (redis !== undefined) closers.push(() => redis.release());
  const { ways, places } = await openWays(running, redis?.url, closers);
  const settings = { ...plain, ...places, TMPDIR: scratch, SHEAF_OPERATIONS: yaml };

  const api = await start('src/api/main.ts', settings, /is up at (\S+)/);
  const worker = await start('workers/main.ts', settings, WORKER_UP);
  const struck = await Crew.of(STRUCK_WORKERS, () => startProgram('workers/main.ts', settings, WORKER_UP));
  closers.push(async () => void (await struck.stop()));
  const connection = { application_name: OBSERVER };
  const sql = postgres(running.database_url!, { max: 2, onnotice: () => undefined, connection });
  closers.push(() => sql.end({ timeout: 5 }));
  return {
    client: new SheafClient({ baseUrl: api.said, apiKey: API_KEY }),
    ...{ url: api.said, key: API_KEY, sql, struck, ways, target },
    lasting: { API: api, 'S3 server': embedded, worker },
    folders: { store: join(data, 's3'), scratch },
    emptyQueue: () => (redis === undefined ? emptyQueueTables(sql) : redis.empty()),
  };
}

/** @returns the ways to what runs, and the settings with which they are gone */
async function openWays(running: RunningServices, redisUrl: string | undefined, closers: Closers) {
  const ways: Ground['ways'] = {};
  const through = async (name: string, url: string) => {
    const changed = new URL(url);
    const way = await startCutProxy({ host: changed.hostname, port: Number(changed.port) });
    closers.push(() => way.close());
    ways[name] = way;
    changed.port = String(way.port);
    return changed.href.replace(/\/$/, '');
  };
  const { endpoint, bucket, region, access_key_id, secret_access_key } = running.s3!;
  const places = {
    DATABASE_URL: await through('database', running.database_url!),
    REDIS_URL: redisUrl === undefined ? '' : await through('queue', redisUrl),
    S3_ENDPOINT: await through('store', endpoint),
    // Clients have a way of their own.
    S3_PUBLIC_ENDPOINT: endpoint,
    S3_BUCKET: bucket,
    S3_REGION: region,
    AWS_ACCESS_KEY_ID: access_key_id,
    AWS_SECRET_ACCESS_KEY: secret_access_key,
  };
  return { ways, places };
}
