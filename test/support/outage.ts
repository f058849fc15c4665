import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Environment } from '../../src/config.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import type { Locations } from '../../src/services.ts';
import { type CutProxy, startCutProxy } from './cut-proxy.ts';
import { learnersCsv } from './learner-file.ts';
import { expectLearnersOnce } from './learners-once.ts';
import { ALL, type ListeningApi, listenTestApi } from './listening-api.ts';
import { openTestSheaf, type TestSheaf, type TestSheafOptions } from './sheaf.ts';

/** Small chunks and short leases, so that a small batch is long under way and nobody waits long for it. */
export const OUTAGE_SETTINGS = {
  SHEAF_CHUNK_RECORDS: '25',
  SHEAF_LEASE_SECONDS: '3',
  SHEAF_SWEEP_SECONDS: '1',
  SHEAF_WORKER_CONCURRENCY: '2',
};

export const OUTAGE_RECORDS = 1_000;

/** A Sheaf with two workers, of whose parts one is behind a proxy. */
export interface SheafBehindProxy {
  sheaf: TestSheaf;
  proxy: CutProxy;
  close(): Promise<void>;
}

/**
 * @param through how they come to what listens on `port` (loopback) when they go to the proxy's port instead
 */
export async function openSheafBehindProxy(
  port: number,
  through: (locations: Locations, proxyPort: number) => Locations,
  { settings = OUTAGE_SETTINGS, ...options }: { settings?: Environment } & TestSheafOptions = {},
): Promise<SheafBehindProxy> {
  const proxy = await startCutProxy({ host: '127.0.0.1', port });
  const sheaf = await openTestSheaf(settings, {
    ...options,
    through: async (locations) => through(locations, proxy.port),
  });
  await sheaf.startWorkersApart();
  await sheaf.startWorkersApart();
  return {
    sheaf,
    proxy,
    async close() {
      await proxy.mend();
      await sheaf.close();
      await proxy.close();
    },
  };
}

/** One batch that something befalls while it is under way. */
export interface Outage {
  id: string;
  /** Waits until so many chunks of a phase are done. */
  settled(phase: 'validate' | 'process', chunks: number): Promise<void>;
  /** Waits for the end: each record is there once, in the table and in the results. */
  endedOnce(): Promise<BatchRow>;
}

export async function startOutage(sheaf: TestSheaf, prefix: string): Promise<Outage> {
  const id = await sheaf.submit(await sheaf.upload(learnersCsv(prefix, OUTAGE_RECORDS)));
  return {
    id,
    async settled(phase, chunks) {
      for (;;) {
        const done = await sheaf.sql`
          select from chunks where batch_id = ${id}
            and ((phase = ${phase} and status = 'settled') or (phase = 'process' and ${phase} = 'validate'))`;
        if (done.length >= chunks) return;
        await sleep(5);
      }
    },
    async endedOnce() {
      for (;;) {
        const [row] = await sheaf.sql`select results is not null as ready from batches where id = ${id}`;
        if (row?.ready) break;
        await sleep(50);
      }
      const batch = await foundAtLast(sheaf, id);
      await expectLearnersOnce(sheaf, batch, { prefix, records: OUTAGE_RECORDS, isBad: () => false });
      return batch;
    },
  };
}

/** The test's own way to the batch goes where the trouble is, too. */
async function foundAtLast(sheaf: TestSheaf, id: string): Promise<BatchRow> {
  for (;;) {
    try {
      return await sheaf.batch(id);
    } catch (error) {
      if ((error as Error).name !== 'RetryableFault') throw error;
      await sleep(100);
    }
  }
}

/** What a client was told while something was away. */
export interface Told {
  what: string;
  status: number;
  code: string | undefined;
  seconds: number;
}

/** Clients that go on asking all the while. */
export interface Clients {
  /** Ends them; every question has been answered. */
  stop(): Promise<Told[]>;
}

const PAUSE_MS = 100;

/** Of the database, and of whether all is well. */
export const COMMON_REQUESTS = {
  list: { path: '/batches?limit=5' },
  upload: { path: '/uploads', body: {} },
  ready: { path: '/health/ready' },
};

export async function startClients(
  sheaf: TestSheaf,
  requests: Record<string, { path: string; body?: object }>,
): Promise<Clients> {
  const api = await listenTestApi(sheaf);
  const told: Told[] = [];
  let stopped = false;
  const asking = Object.entries(requests).map(async ([what, request]) => {
    while (!stopped) {
      told.push({ what, ...(await ask(api, request)) });
      await sleep(PAUSE_MS);
    }
  });
  return {
    async stop() {
      stopped = true;
      await Promise.all(asking);
      await api.close();
      return told;
    },
  };
}

async function ask(
  { url }: ListeningApi,
  { path, body }: { path: string; body?: object },
): Promise<Omit<Told, 'what'>> {
  const started = performance.now();
  const [, authorization = ''] = ALL.split(': ');
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { code?: string };
  return { status: response.status, code: answer.code, seconds: (performance.now() - started) / 1000 };
}

/** Answers only, or problems that say to come back (and `also`); none of which anybody waited too long for. */
export function expectToldWell(
  told: readonly Told[],
  { withinSeconds, also = 'unavailable' }: { withinSeconds: number; also?: string },
): void {
  const wrong = told.filter(
    ({ status, code, seconds }) =>
      seconds > withinSeconds ||
      !(status < 300 || code === also || (status === 503 && code === 'unavailable')),
  );
  expect(wrong.slice(0, 5)).toEqual([]);
}
