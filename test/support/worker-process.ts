import { randomBytes } from 'node:crypto';
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

/** Starts a worker on the services of a test; who starts it also ends it. The role goes with the whole server. */
export async function startWorkerProcess(
  { sql, locations }: TestSheaf,
  settings: Record<string, string> = {},
): Promise<WorkerProcess> {
  const role = `worker_${randomBytes(6).toString('hex')}`;
  await sql.unsafe(`create role ${role} superuser login password '${PASSWORD}'`);
  const url = new URL(locations.databaseUrl);
  url.username = role;
  url.password = PASSWORD;
  const { endpoint = '', bucket, region, credentials } = locations.s3;
  const program = await startProgram(
    'workers/main.ts',
    {
      DATABASE_URL: url.href,
      REDIS_URL: locations.redisUrl ?? '',
      S3_ENDPOINT: endpoint,
      S3_BUCKET: bucket,
      S3_REGION: region,
      AWS_ACCESS_KEY_ID: credentials?.accessKeyId ?? '',
      AWS_SECRET_ACCESS_KEY: credentials?.secretAccessKey ?? '',
      ...QUICK,
      ...settings,
    },
    /A worker of Sheaf is up/,
  );
  return { ...program, role };
}
