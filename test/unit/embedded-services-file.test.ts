import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type RunningServices,
  readServices,
  removeServices,
  servicesPath,
  writeServices,
} from '../../src/embedded/services-file.ts';

const services: RunningServices = {
  pid: 42,
  started_ts: 1795300000.123,
  api: 'http://127.0.0.1:3000',
  database_url: 'postgres://sheaf:secret-a@127.0.0.1:5555/sheaf',
  redis_url: 'redis://127.0.0.1:6380',
  s3: {
    endpoint: 'http://127.0.0.1:9000',
    region: 'us-east-1',
    bucket: 'sheaf',
    access_key_id: 'AK',
    secret_access_key: 'secret-b',
  },
};

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-services-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('what is written is read, by its owner alone, until it is removed', async () => {
  expect(await readServices(directory)).toBeUndefined();
  await writeServices(directory, { pid: 1, started_ts: 1 });
  expect(await readServices(directory)).toEqual({ pid: 1, started_ts: 1 });
  await writeServices(directory, services);
  expect(await readServices(directory)).toEqual(services);
  expect((await stat(servicesPath(directory))).mode & 0o777).toBe(0o600);
  expect(await readdir(directory)).toEqual(['services.json']);
  await removeServices(directory);
  await removeServices(directory);
  expect(await readServices(directory)).toBeUndefined();
});

test.each([
  ['it must be an object', []],
  ['it must be an object', null],
  ['pid must be a process id', { ...services, pid: '42' }],
  ['pid must be a process id', { ...services, pid: 0 }],
  ['started_ts must be a time', { ...services, started_ts: '2026-01-01' }],
  ['api must be a URL', { ...services, api: 3000 }],
  ['database_url must be a URL', { ...services, database_url: 'secret-a' }],
  ['redis_url must be a URL', { ...services, redis_url: 'secret-a' }],
  ['s3 must be an object', { ...services, s3: 'secret-b' }],
  ['s3.bucket must be a string', { ...services, s3: { ...services.s3, bucket: undefined } }],
  ['s3.endpoint must be a URL', { ...services, s3: { ...services.s3, endpoint: 'localhost' } }],
])('%s, else the error names file and field, and no secret', async (message, value) => {
  const path = servicesPath(directory);
  await writeFile(path, JSON.stringify(value));
  const error = await readServices(directory).catch((thrown: Error) => thrown);
  expect(error).toBeInstanceOf(Error);
  expect((error as Error).message).toContain(`${path} is not a services file: ${message}`);
  expect((error as Error).message).not.toContain('secret-');
  await expect(writeServices(directory, value as RunningServices)).rejects.toThrow(message);
});

test('a file that is not JSON is told without its text', async () => {
  await writeFile(servicesPath(directory), '{"database_url": secret-a');
  const error = await readServices(directory).catch((thrown: Error) => thrown);
  expect((error as Error).message).toContain('is not JSON');
  expect(String((error as Error).cause ?? '')).toBe('');
  expect((error as Error).message).not.toContain('secret-a');
});
