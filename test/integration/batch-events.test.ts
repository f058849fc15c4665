import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { openTestApi, type TestApi } from '../support/api.ts';
import {
  type EventReader,
  named,
  readEvents,
  type StreamEvent,
  statusesIn,
} from '../support/event-stream.ts';
import { gate } from '../support/gate.ts';
import { heldCsv, heldIds, heldOperation } from '../support/held-operation.ts';
import { addAccount, addBatch } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

const held = heldOperation();
let sheaf: TestSheaf;
let api: TestApi;
let baseUrl: string;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_CHUNK_RECORDS: '2' }, { operations: [held.operation] });
  api = await openTestApi(sheaf);
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  baseUrl = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await api.close();
  await sheaf.close();
});
beforeEach(() => held.reset());

const csv = (prefix: string, count: number) => heldCsv(heldIds(prefix, count));

const events = (batch: string, { account = sheaf.caller.accountId, after = '' } = {}): Promise<EventReader> =>
  readEvents(`${baseUrl}/batches/${batch}/events`, {
    authorization: account,
    ...(after !== '' && { 'last-event-id': after }),
  });

const told = (seen: readonly StreamEvent[]) =>
  seen.filter(named('status')).map(({ data }) => ({ status: data.status, ts: data.ts }));

describe('a batch on real workers', () => {
  it('is followed from the first status to its result files', async () => {
    const middle = gate();
    held.before = async ({ records }) => {
      if (records.includes(5)) await middle.wait();
    };
    const handler = await sheaf.upload(`${csv('e', 9)}bad\n`);
    const id = await sheaf.submit(handler, { operation: 'hold', execution: 'serial' });
    const reader = await events(id);
    const seen = await reader.until(named('progress'));
    expect(statusesIn(seen)).toEqual(['new']);

    const workers = await sheaf.startWorkers();
    await middle.arrived;
    seen.push(...(await reader.until(({ data }) => data.counts?.succeeded === 4)));
    expect(seen.at(-1)?.data).toMatchObject({
      counts: { total: 10, succeeded: 4, failed: 0, skipped: 0, unprocessed: 6 },
      progress: { stage: 'processing', unit: 'records', done: 4, of: 10 },
    });
    middle.open();
    seen.push(...(await reader.rest()));

    const batch = await sheaf.ended(id);
    expect(told(seen)).toEqual(batch.statuses);
    expect(statusesIn(seen)).toEqual([
      ...['new', 'copying', 'copied', 'validating', 'processing', 'processed', 'writing_results'],
      'completed',
    ]);
    const end = seen.at(-1);
    expect([end?.event, end?.id]).toEqual(['end', '8.end']);
    expect(end?.data).toEqual((await api.request({ url: `/batches/${id}` })).json());
    expect(end?.data).toMatchObject({ results_ready: true, counts: { succeeded: 9, failed: 1 } });
    expect((await api.request({ url: `/batches/${id}/results` })).statusCode).toBe(200);

    // Who was cut off before the end: what is missing, and nothing twice.
    const rest = await (await events(id, { after: '6' })).rest();
    expect(told(rest)).toEqual(batch.statuses.slice(6));
    expect(rest.at(-1)).toEqual(end);
    expect((await events(id, { after: '8.end' })).status).toBe(204);
    await workers.stop();
  });

  it('every status is told to each of many who come and go', async () => {
    const handler = await sheaf.upload(csv('m', 40));
    const id = await sheaf.submit(handler, { operation: 'hold' });
    const seen = Array.from({ length: 5 }, (): StreamEvent[] => []);
    const followed = seen.map(async (list, number) => {
      // Each leaves after so many events, two at the least, and comes back.
      for (let after = ''; ; ) {
        const reader = await events(id, { after });
        for (let left = number + 2; ; left -= 1) {
          const event = left === 0 ? null : await reader.next();
          if (event === null) break;
          list.push(event);
          after = event.id ?? after;
          if (event.event === 'end') return;
        }
        reader.leave();
      }
    });
    const workers = await sheaf.startWorkers();
    await Promise.all(followed);
    const { statuses } = await sheaf.batch(id);
    for (const list of seen) expect(told(list)).toEqual(statuses);
    await workers.stop();
  });

  it('is followed through its deletion until it is gone', async () => {
    const running = gate();
    held.before = async ({ context }) => {
      await running.wait();
      context.signal.throwIfAborted();
    };
    const workers = await sheaf.startWorkers();
    const id = await sheaf.submit(await sheaf.upload(csv('d', 3)), { operation: 'hold' });
    const reader = await events(id);
    await running.arrived;
    await reader.until(({ data }) => data.status === 'processing');
    expect((await api.request({ method: 'DELETE', url: `/batches/${id}` })).statusCode).toBe(202);
    running.open();
    const rest = await reader.rest();
    expect(rest.at(-1)).toEqual({ event: 'gone', data: { batch: id } });
    expect(rest.some(named('end'))).toBe(false);
    const [tombstone] = await sheaf.sql`select statuses from batches where id = ${id}`;
    const all = tombstone?.statuses as { status: string }[];
    // As far as it was told, in order: what passes between the last look and its end cannot be known any more.
    const first = all.findIndex(({ status }) => status === 'processing') + 1;
    const statuses = statusesIn(rest);
    expect(all.slice(first, first + statuses.length).map(({ status }) => status)).toEqual(statuses);
    expect((await events(id)).status).toBe(404);
    await workers.stop();
  });
});

describe('without workers', () => {
  it('another account’s batch is not found', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 1 });
    const account = await addAccount(sheaf.sql);
    const reader = await events(id, { account });
    expect(reader.status).toBe(404);
    expect(reader.headers['content-type']).toContain('application/problem+json');
    expect(JSON.parse(await reader.body())).toMatchObject({ code: 'batch_not_found' });
  });

  it('the stream outlasts a database that is away', async () => {
    const id = await addBatch(sheaf, { status: 'processing', chunks: 3 });
    const reader = await events(id);
    await reader.until(named('progress'));
    const next = reader.next();
    const admin = postgres(inject('postgresUrl'), { max: 1, onnotice: () => undefined });
    const { locations } = sheaf;
    const database = new URL(locations.databaseUrl).pathname.slice(1);
    const { app } = api;
    await admin`alter database ${admin(database)} with allow_connections false`;
    await admin`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = ${database} and application_name = 'sheaf api'`;
    // By then the pool knows that its sessions are gone: what a request meets is the refusal of a new one.
    await pause(500);
    // It is refused to a request, so it is refused to the looks too.
    while ((await api.request({ url: `/batches/${id}` })).statusCode !== 503) await pause(50);
    await pause(2500);
    await admin`alter database ${admin(database)} with allow_connections true`;
    await admin.end();
    await sheaf.sql`
      update batches set metadata = '{"back": true}', statuses = statuses || '[{"status": "processing", "ts": 1}]'
      where id = ${id}`;
    expect(await next).toMatchObject({ event: 'status', id: '1', data: { status: 'processing', ts: 1 } });
    reader.leave();
    expect(app.server.listening).toBe(true);
  });
});
