import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Stage } from '../../src/core/batch.ts';
import { freePort } from '../../src/embedded/ports.ts';

/** A Redis server of a test's own, which keeps nothing: started again, it is empty. */
export interface TestRedis {
  port: number;
  /** How many tickets of a stage were ever written to it. */
  written(stage: Stage): Promise<number>;
  /** FLUSHALL. */
  flushAll(): Promise<void>;
  /** kill -9, and another on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startTestRedis(): Promise<TestRedis> {
  const port = await freePort();
  const options = `--port ${port} --bind 127.0.0.1 --save --appendonly no --maxmemory-policy noeviction`;
  let child: ChildProcess;
  const start = async () => {
    child = spawn('redis-server', options.split(' ').concat(['--loglevel', 'warning']), { stdio: 'ignore' });
    const failed = once(child, 'error').then(([error]) => Promise.reject(error));
    await Promise.race([answers(port), failed]);
  };
  const kill = async () => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  await start();
  return {
    port,
    async written(stage) {
      const redis = new Redis(port, '127.0.0.1');
      // What BullMQ numbers its jobs with.
      const last = await redis.get(`bull:sheaf-${stage}:id`);
      redis.disconnect();
      return Number(last ?? 0);
    },
    async flushAll() {
      const redis = new Redis(port, '127.0.0.1');
      await redis.flushall();
      redis.disconnect();
    },
    async restart() {
      await kill();
      await start();
    },
    close: kill,
  };
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const redis = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      await redis.ping();
      return;
    } catch {
      await sleep(50);
    } finally {
      redis.disconnect();
    }
  }
}
