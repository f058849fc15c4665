import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../config.ts';
import { type Running, startAll } from '../start.ts';

/** What must be undone, last thing first. */
export type Cleanup = (() => Promise<void>)[];

/** Settings that would take the demo off this machine, or give it a key that is in use elsewhere. */
const NOT_FOR_THE_DEMO = [
  'DATABASE_URL',
  'REDIS_URL',
  'S3_ENDPOINT',
  'S3_PUBLIC_ENDPOINT',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'SHEAF_ADMIN_KEY',
  'SHEAF_ADMIN_PASSWORD',
];

/** Starts everything on a new temporary directory and a free port: no run of the demo meets another. */
export async function startDemoServices(
  env: Environment,
  options: { keep: boolean; cleanup: Cleanup },
): Promise<Running> {
  const directory = await mkdtemp(join(tmpdir(), 'sheaf-demo-'));
  options.cleanup.push(async () => {
    if (options.keep) process.stdout.write(`\n  stopped; the data is kept in ${directory}\n`);
    else await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  });
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !NOT_FOR_THE_DEMO.includes(name)));
  const running = await startAll({
    env: own,
    overrides: {
      SHEAF_DATA_DIR: directory,
      SHEAF_HOST: '127.0.0.1',
      SHEAF_PORT: '0',
      // Warnings are for who runs a server; here they would stand between the stages.
      SHEAF_LOG_LEVEL: env.SHEAF_LOG_LEVEL || 'error',
    },
  });
  options.cleanup.push(() => running.close());
  return running;
}
