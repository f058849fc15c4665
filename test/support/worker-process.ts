import { randomBytes } from 'node:crypto';
import type { Locations } from '../../src/services.ts';
import { type Program, startProgram } from './program.ts';
import type { TestSheaf } from './sheaf.ts';

/** `npm run worker` as a child process. Its database sessions are told from all others by its role. */
export interface WorkerProcess extends Program {
  role: string;
}

const PASSWORD = 'test';

/** Short leases and sweeps, chunks of which a small file has many. */
const QUICK = {
  SHEAF_LEASE_SECONDS: '3',
  SHEAF_SWEEP_SECONDS: '1',
  SHEAF_CHUNK_RECORDS: '500',
};

/**
 * Starts a worker on the services of a test; who starts it also ends it. The role goes with the whole server.
 * @param root of which checkout
 */
export async function startWorkerProcess(
  { sql, locations }: TestSheaf,
  settings: Record<string, string> = {},
  root?: string,
): Promise<WorkerProcess> {
  const role = `worker_${randomBytes(6).toString('hex')}`;
  await sql.unsafe(`create role ${role} superuser login password '${PASSWORD}'`);
  const url = new URL(locations.databaseUrl);
  url.username = role;
  url.password = PASSWORD;
  const places = { ...settingsOf(locations), DATABASE_URL: url.href };
  const up = /A worker of Sheaf is up/;
  const program = await startProgram('workers/main.ts', { ...places, ...QUICK, ...settings }, up, root);
  return { ...program, role };
}

/** Where the services of a test are, as a process of its own is told. */
export function settingsOf({ databaseUrl, redisUrl = '', s3 }: Locations): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    S3_ENDPOINT: s3.endpoint ?? '',
    S3_BUCKET: s3.bucket,
    S3_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.credentials?.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: s3.credentials?.secretAccessKey ?? '',
  };
}
