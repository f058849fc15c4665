import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/postgres/launch.ts';
import type { CutProxy } from '../support/cut-proxy.ts';
import {
  type Clients,
  COMMON_REQUESTS,
  expectToldWell,
  OUTAGE_SETTINGS,
  openSheafBehindProxy,
  type SheafBehindProxy,
  startClients,
  startOutage,
} from '../support/outage.ts';
import type { TestSheaf } from '../support/sheaf.ts';

/**
 * PostgreSQL, with the queue on it, that goes away while batches are under way: nothing is started again, nobody helps,
 * and each record is done once. Two workers, each with connections of its own.
 */

const PATIENT = { timeout: 300_000 };

/** Connections that are reset each time. */
const BREAKS = 3;

let directory: string;
let server: EmbeddedPostgres;
let behind: SheafBehindProxy;
let proxy: CutProxy;
let sheaf: TestSheaf;

const startServer = async () =>
  await startEmbeddedPostgres({ directory, port: server?.port ?? 0, password: 'test' });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sheaf-away-'));
  server = await startServer();
  behind = await openSheafBehindProxy(
    server.port,
    (locations, port) => {
      const url = new URL(locations.databaseUrl);
      url.port = String(port);
      return { ...locations, databaseUrl: url.href };
    },
    { postgresUrl: server.url },
  );
  ({ sheaf, proxy } = behind);
});
afterAll(async () => {
  await behind?.close();
  await server?.close();
  await rm(directory, { recursive: true, force: true });
});

const clients = (): Promise<Clients> => startClients(sheaf, COMMON_REQUESTS);

describe('PostgreSQL', PATIENT, () => {
  it('that resets connections in the middle of what it says, and of what it is told', async () => {
    const asking = await clients();
    const batch = await startOutage(sheaf, 'a');
    let broken = 0;
    for (const [phase, chunks] of [
      ['validate', 10],
      ['process', 15],
    ] as const) {
      await batch.settled(phase, chunks);
      for (const way of ['answers', 'requests'] as const) {
        const count = proxy.breakAfter(500, way, BREAKS);
        while (count() < BREAKS) await sleep(5);
        broken += count();
      }
    }
    await batch.endedOnce();
    expect(broken).toBe(2 * 2 * BREAKS);
    expectToldWell(await asking.stop(), { withinSeconds: 15 });
  });

  it('that is away for longer than the leases', async () => {
    const asking = await clients();
    const batch = await startOutage(sheaf, 'b');
    await batch.settled('process', 5);
    await proxy.cut();
    await sleep(Number(OUTAGE_SETTINGS.SHEAF_LEASE_SECONDS) * 1000 + 1000);
    await proxy.mend();
    await batch.endedOnce();
    const told = await asking.stop();
    expect(told).toContainEqual(expect.objectContaining({ what: 'list', status: 503 }));
    expectToldWell(told, { withinSeconds: 15 });
  });

  it('that is gone without a word: no connection that was is heard of again', async () => {
    const asking = await clients();
    const batch = await startOutage(sheaf, 'c');
    await batch.settled('process', 5);
    proxy.strand();
    // Nothing is mended.
    await batch.endedOnce();
    const told = await asking.stop();
    expectToldWell(told, { withinSeconds: 40 });
  });

  it('that is slow', async () => {
    const batch = await startOutage(sheaf, 'd');
    await batch.settled('validate', 1);
    proxy.slow({ delayMs: 20 });
    await batch.settled('validate', 10);
    proxy.slow({ bytesPerSecond: 200_000 });
    await batch.endedOnce();
    await proxy.mend();
  });

  it('that is stopped at once (pg_ctl restart -m immediate) and recovers', async () => {
    const asking = await clients();
    const batch = await startOutage(sheaf, 'e');
    await batch.settled('process', 5);
    process.kill(server.pid, 'SIGQUIT');
    await server.exited;
    await server.close();
    server = await startServer();
    proxy.leadTo(server.port);
    await batch.endedOnce();
    expectToldWell(await asking.stop(), { withinSeconds: 15 });
  });
});
