import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from './data-directory.ts';

/** What runs on a data directory, so that another process (a worker, the command line) finds it. */
export interface RunningServices {
  pid: number;
  /** Unix seconds with three decimals. */
  started_ts: number;
  api?: string;
  /** Holds the password, as `s3` holds its key: hence the file's mode 0600. */
  database_url?: string;
  /** Where the queue is, if it is not on PostgreSQL. */
  redis_url?: string;
  s3?: RunningS3;
}

export interface RunningS3 {
  endpoint: string;
  region: string;
  bucket: string;
  access_key_id: string;
  secret_access_key: string;
}

const S3_FIELDS = ['endpoint', 'region', 'bucket', 'access_key_id', 'secret_access_key'] as const;

export function servicesPath(directory: string): string {
  return join(directory, 'services.json');
}

/** Writes services.json as a whole (mode 0600). Throws on a shape that `readServices` would refuse. */
export async function writeServices(directory: string, services: RunningServices): Promise<void> {
  const path = servicesPath(directory);
  await replaceFile(path, `${JSON.stringify(checked(path, services), null, 2)}\n`);
}

/**
 * Reads services.json, or undefined when there is none: nothing runs, or nothing that was started here.
 * After a kill -9 the file stays, so whoever connects must be ready to find nobody there.
 *
 * @throws Error that names the file and the field when it is not what `writeServices` writes.
 */
export async function readServices(directory: string): Promise<RunningServices | undefined> {
  const path = servicesPath(directory);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'EACCES') throw new Error(`${path} is not readable for this user`, { cause: error });
    throw error;
  }
  try {
    return checked(path, JSON.parse(text));
  } catch (error) {
    // Without its message or cause: they quote the text, and with it secrets.
    if (error instanceof SyntaxError) throw new Error(`${path} is not a services file: it is not JSON`);
    throw error;
  }
}

/** Removes services.json on an orderly stop. It may be gone already. */
export async function removeServices(directory: string): Promise<void> {
  await rm(servicesPath(directory), { force: true });
}

function checked(path: string, value: unknown): RunningServices {
  const services = fieldsOf(path, 'it', value);
  const { pid, started_ts, api, database_url, redis_url, s3 } = services;
  if (!Number.isSafeInteger(pid) || (pid as number) <= 0) throw wrong(path, 'pid', 'a process id');
  if (!Number.isFinite(started_ts)) throw wrong(path, 'started_ts', 'a time in Unix seconds');
  return {
    pid: pid as number,
    started_ts: started_ts as number,
    ...(api === undefined ? {} : { api: url(path, 'api', api) }),
    ...(database_url === undefined ? {} : { database_url: url(path, 'database_url', database_url) }),
    ...(redis_url === undefined ? {} : { redis_url: url(path, 'redis_url', redis_url) }),
    ...(s3 === undefined ? {} : { s3: checkedS3(path, s3) }),
  };
}

function checkedS3(path: string, value: unknown): RunningS3 {
  const s3 = fieldsOf(path, 's3', value);
  for (const field of S3_FIELDS) {
    if (typeof s3[field] !== 'string' || s3[field] === '') throw wrong(path, `s3.${field}`, 'a string');
  }
  url(path, 's3.endpoint', s3.endpoint);
  return Object.fromEntries(S3_FIELDS.map((field) => [field, s3[field]])) as unknown as RunningS3;
}

function fieldsOf(path: string, name: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(path, name, 'an object');
  return value as Record<string, unknown>;
}

function url(path: string, field: string, value: unknown): string {
  if (typeof value !== 'string' || !URL.canParse(value)) throw wrong(path, field, 'a URL');
  return value;
}

// The value is not repeated: it may be a secret.
function wrong(path: string, field: string, expected: string): Error {
  return new Error(`${path} is not a services file: ${field} must be ${expected}`);
}
