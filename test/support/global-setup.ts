import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { migrateDatabase } from '../../src/adapters/postgres/migrate.ts';
import { migrateQueue } from '../../src/adapters/queue/postgres-backend.ts';
import { startEmbeddedPostgres } from '../../src/embedded/postgres/launch.ts';
import { startS3Server } from '../../src/embedded/s3/server.ts';
import { compile } from './compiled.ts';
import { leftOut, type S3Access } from './requirements.ts';

/**
 * One PostgreSQL and one S3 server for the whole run. Every test file takes a database of its own, copied from a
 * template that is migrated once, and a bucket of its own; so files cannot see each other.
 */

export const TEMPLATE = 'sheaf_template';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    s3: S3Access;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  for (const line of leftOut()) process.stdout.write(`${line}\n`);
  await compile();
  const directory = await mkdtemp(join(tmpdir(), 'sheaf-test-'));
  const server = await startEmbeddedPostgres({
    directory: join(directory, 'postgres'),
    port: 0,
    password: 'test',
    settings: { max_connections: '300' },
  });
  const admin = postgres(server.url, { max: 1, onnotice: () => undefined });
  await admin`create database ${admin(TEMPLATE)}`;
  const template = withDatabase(server.url, TEMPLATE);
  await migrateDatabase(template);
  await migrateQueue(template);
  await admin.end();

  const credentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' };
  const s3 = await startS3Server({
    directory: join(directory, 's3'),
    port: 0,
    region: 'us-east-1',
    credentials,
  });
  project.provide('postgresUrl', server.url);
  project.provide('s3', { endpoint: s3.endpoint, ...credentials });
  return async () => {
    await s3.close();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  };
}

export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
