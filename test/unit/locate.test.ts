import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { writeServices } from '../../src/embedded/services-file.ts';
import { locateDatabase, locateServices } from '../../src/locate.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-locate-'));
});
afterEach(() => rm(directory, { recursive: true }));

const locate = (settings: Record<string, string> = {}) =>
  locateServices(readConfig({ SHEAF_DATA_DIR: directory, ...settings }));

const DATABASE = 'postgres://sheaf:secret@127.0.0.1:5555/sheaf';
const REAL = {
  DATABASE_URL: 'postgres://db/sheaf',
  REDIS_URL: 'redis://redis:6379',
  S3_ENDPOINT: 'https://s3.example.org',
  S3_PUBLIC_ENDPOINT: 'https://files.example.org',
  S3_BUCKET: 'imports',
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'secret',
};

function running() {
  return writeServices(directory, {
    pid: process.pid,
    started_ts: 1,
    database_url: DATABASE,
    redis_url: 'redis://127.0.0.1:6380',
    s3: {
      endpoint: 'http://127.0.0.1:9999',
      region: 'us-east-1',
      bucket: 'sheaf',
      access_key_id: 'sheaf',
      secret_access_key: 'hidden',
    },
  });
}

describe('a process that starts no services of its own', () => {
  it('goes by the settings when they name everything', async () => {
    expect(await locate(REAL)).toEqual({
      databaseUrl: 'postgres://db/sheaf',
      redisUrl: 'redis://redis:6379',
      s3: {
        endpoint: 'https://s3.example.org',
        publicEndpoint: 'https://files.example.org',
        region: 'us-east-1',
        bucket: 'imports',
        credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
      },
    });
  });

  it('finds what npm start runs, the queue too', async () => {
    await running();
    expect(await locate()).toEqual({
      databaseUrl: DATABASE,
      redisUrl: 'redis://127.0.0.1:6380',
      s3: {
        endpoint: 'http://127.0.0.1:9999',
        region: 'us-east-1',
        bucket: 'sheaf',
        credentials: { accessKeyId: 'sheaf', secretAccessKey: 'hidden' },
      },
    });
  });

  it('takes from the settings what they name, and the rest from what runs', async () => {
    await running();
    const { DATABASE_URL, S3_PUBLIC_ENDPOINT } = REAL;
    expect(await locate({ DATABASE_URL, S3_PUBLIC_ENDPOINT })).toMatchObject({
      databaseUrl: DATABASE_URL,
      s3: { endpoint: 'http://127.0.0.1:9999', publicEndpoint: S3_PUBLIC_ENDPOINT },
    });
  });

  it('says what to set when neither names it', async () => {
    await expect(locate()).rejects.toThrow(`DATABASE_URL is not set, and nothing runs on ${directory}`);
    await expect(locate({ DATABASE_URL: REAL.DATABASE_URL })).rejects.toThrow('S3_ENDPOINT is not set');
  });
});

describe('a command that needs the database alone', () => {
  const database = (settings: Record<string, string> = {}) =>
    locateDatabase(readConfig({ SHEAF_DATA_DIR: directory, ...settings }));

  it('goes by the setting, without those of the object store', async () => {
    expect(await database({ DATABASE_URL: 'postgres://db/sheaf' })).toBe('postgres://db/sheaf');
  });

  it('finds that of the npm start that runs', async () => {
    await running();
    expect(await database()).toBe(DATABASE);
  });

  it('says what to set where nothing runs', async () => {
    await expect(database()).rejects.toThrow(/^DATABASE_URL is not set, and nothing runs on .*npm start$/);
  });
});
