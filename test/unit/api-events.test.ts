import { type AddressInfo, connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiServices } from '../../src/api/app.ts';
import { BatchFeed } from '../../src/api/batch-feed.ts';
import type { BatchStatus } from '../../src/core/batch.ts';
import { RetryableFault } from '../../src/core/errors.ts';
import type { Actor } from '../../src/engine/ports/actor.ts';
import type { BatchRow, BatchStore } from '../../src/engine/ports/request-stores.ts';
import { BatchWatches } from '../../src/engine/watch-batch.ts';
import { type EventReader, named, readEvents, statusesIn } from '../support/event-stream.ts';
import { type Gate, gate } from '../support/gate.ts';
import { apiInMemory, callerWith, someBatch, type World } from './api-memory.ts';
import { batchesInMemory } from './api-memory-batches.ts';

/** The events of a batch on a real connection; the batch is changed by hand, as workers would. */

interface Served {
  world: World;
  port: number;
  /** How often a batch was looked for, by requests and by streams. */
  finds: number;
  /** What each of these waits for. */
  hold: Gate | null;
  url(batch: string): string;
  events(batch: string, headers?: Record<string, string>): Promise<EventReader>;
}

const running: Served[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ world }) => world.app.close()));
});

async function serve(feeds: ApiServices['feeds'] = {}): Promise<Served> {
  const batchesOf = (actor: Actor): BatchStore => {
    const store = batchesInMemory(
      world,
      actor,
      () => null,
      () => {
        if (world.trouble !== null) throw world.trouble;
      },
    );
    const counted: BatchStore['look'] = async (...of) => {
      served.finds += 1;
      await served.hold?.wait();
      return await store.look(...of);
    };
    return { ...store, find: counted, look: counted };
  };
  const world = await apiInMemory({ feeds: { lookMs: 5, ...feeds } }, (actor) => ({
    batches: batchesOf(actor),
  }));
  await world.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = world.app.server.address() as AddressInfo;
  const url = (batch: string) => `http://127.0.0.1:${port}/batches/${batch}/events`;
  const served: Served = {
    world,
    port,
    finds: 0,
    hold: null,
    url,
    events: (batch, headers = {}) => readEvents(url(batch), { authorization: 'Bearer all', ...headers }),
  };
  running.push(served);
  return served;
}

function enter(row: BatchRow, ...statuses: BatchStatus[]): void {
  for (const status of statuses) {
    row.status = status;
    row.statuses.push({ status, ts: 1_795_300_000 + row.statuses.length });
  }
}

const rowOf = (served: Served, batch: string) => served.world.batches.get(batch)!;

/** A batch that has been through everything; its result files are there. */
async function endedBatch({ world }: Served): Promise<string> {
  const batch = await someBatch(world, { resultsReady: true });
  enter(world.batches.get(batch)!, 'copying', 'copied', 'validating', 'validation_failed');
  world.batches.get(batch)!.statusReason = { code: 'records_invalid', message: '2 records are invalid' };
  return batch;
}

const ENDED = ['new', 'copying', 'copied', 'validating', 'validation_failed'];

/** Resolves when it is true; a test that waits in vain fails by its own time. */
async function until(fits: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await fits())) await pause(5);
}

const connections = ({ world }: Served) =>
  new Promise<number>((resolve) => world.app.server.getConnections((_error, count) => resolve(count)));

/** A client that sends its request, and reads nothing by itself. */
function rawClient(served: Served, batch: string): Socket {
  const socket = connect(served.port, '127.0.0.1').pause();
  socket.on('error', () => undefined);
  const head = [
    `GET /batches/${batch}/events HTTP/1.1`,
    'Host: a',
    'Authorization: Bearer all',
    'Connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  return socket;
}

describe('a batch that has ended', () => {
  test('is told of at once, and the stream is closed', async () => {
    const served = await serve();
    const batch = await endedBatch(served);
    const reader = await served.events(batch);
    expect(reader.status).toBe(200);
    expect(reader.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
      connection: 'close',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    const events = await reader.rest();
    expect(reader.retry).toBe('2000');
    expect(statusesIn(events)).toEqual(ENDED);
    expect(events.map(({ event, id }) => [event, id])).toEqual([
      ...ENDED.map((_, index) => ['status', String(index + 1)]),
      ['progress', undefined],
      ['end', '5.end'],
    ]);
    const reason = { code: 'records_invalid', message: '2 records are invalid' };
    expect(events[3]?.data).toEqual({ status: 'validating', ts: 1_795_300_003, status_reason: null });
    expect(events[4]?.data).toEqual({
      status: 'validation_failed',
      ts: 1_795_300_004,
      status_reason: reason,
    });
    const { counts } = rowOf(served, batch);
    expect(events[5]?.data).toEqual({ counts, progress: null });
    expect(events[6]?.data).toEqual((await served.world.get(`/batches/${batch}`)).json());
    await until(async () => (await connections(served)) === 0);
  });

  test.each([
    ['3', ENDED.slice(3)],
    ['5', []],
    ['0', ENDED],
    ['6', ENDED],
    ['6.end', ENDED],
    ['-1', ENDED],
    ['3.5', ENDED],
    ['4, 5', ENDED],
    ['0199f3a1', ENDED],
    ['99999999999999999999', ENDED],
    ['', ENDED],
  ])('after Last-Event-ID %j', async (id, statuses) => {
    const served = await serve();
    const reader = await served.events(await endedBatch(served), { 'last-event-id': id });
    const events = await reader.rest();
    expect(statusesIn(events)).toEqual(statuses);
    expect(events.map(({ event }) => event).slice(-2)).toEqual(['progress', 'end']);
  });

  test('is told of no more to who knows of its end, until it goes on', async () => {
    const served = await serve();
    const batch = await endedBatch(served);
    const again = await served.events(batch, { 'last-event-id': '5.end' });
    expect([again.status, await again.body()]).toEqual([204, '']);
    enter(rowOf(served, batch), 'deleting');
    const reader = await served.events(batch, { 'last-event-id': '5.end' });
    expect(statusesIn([(await reader.next())!])).toEqual(['deleting']);
    reader.leave();
  });

  test('whose result files are not there yet is waited for', async () => {
    const served = await serve();
    const batch = await endedBatch(served);
    rowOf(served, batch).resultsReady = false;
    const reader = await served.events(batch);
    await reader.until(named('progress'));
    const finds = served.finds;
    await until(() => served.finds > finds + 2);
    rowOf(served, batch).resultsReady = true;
    expect((await reader.rest()).at(-1)).toMatchObject({ event: 'end', data: { results_ready: true } });
  });

  test('whose result files have expired is over', async () => {
    const served = await serve();
    const batch = await endedBatch(served);
    Object.assign(rowOf(served, batch), { resultsReady: false, expired: true });
    expect((await (await served.events(batch)).rest()).at(-1)?.event).toBe('end');
  });
});

describe('a batch that runs', () => {
  test('every status is told, however fast they follow, and progress when it has changed', async () => {
    const served = await serve();
    const batch = await someBatch(served.world);
    const row = rowOf(served, batch);
    const reader = await served.events(batch);
    const first = await reader.until(named('progress'));
    expect(first.map(({ event }) => event)).toEqual(['status', 'progress']);
    expect(first[1]?.data.progress).toMatchObject({ stage: 'new', unit: 'bytes', done: 0, of: 100 });
    const finds = served.finds;
    await until(() => served.finds > finds + 3);

    enter(row, 'copying', 'copied', 'validating', 'processing');
    row.counts = { total: 9, succeeded: 4, failed: 1, skipped: 0, unprocessed: 4 };
    row.phase = { settled: 5, recent: 5, since: null };
    // Nothing had come of the looks in between: nothing had changed.
    expect(statusesIn(await reader.until(named('progress')))).toEqual([
      'copying',
      'copied',
      'validating',
      'processing',
    ]);
    row.counts = { ...row.counts, succeeded: 8, unprocessed: 0 };
    expect(await reader.next()).toMatchObject({ event: 'progress', data: { counts: { succeeded: 8 } } });

    enter(row, 'processed', 'writing_results', 'completed');
    row.resultsReady = true;
    const rest = await reader.rest();
    expect(rest.map(({ event, id }) => [event, id])).toEqual([
      ['status', '6'],
      ['status', '7'],
      ['status', '8'],
      ['progress', undefined],
      ['end', '8.end'],
    ]);
  });

  test('whoever comes back goes on where he was', async () => {
    const served = await serve();
    const batch = await someBatch(served.world);
    enter(rowOf(served, batch), 'copying', 'copied');
    const reader = await served.events(batch);
    const seen = await reader.until(({ id }) => id === '2');
    reader.leave();
    enter(rowOf(served, batch), 'validating');
    const again = await served.events(batch, { 'last-event-id': seen.at(-1)!.id! });
    const events = await again.until(named('progress'));
    expect(statusesIn(events)).toEqual(['copied', 'validating']);
    again.leave();
  });

  test('its deletion ends the stream', async () => {
    const served = await serve();
    const batch = await endedBatch(served);
    rowOf(served, batch).deleting = true;
    const reader = await served.events(batch);
    await reader.until(named('progress'));
    enter(rowOf(served, batch), 'deleting');
    expect(statusesIn(await reader.until(named('status')))).toEqual(['deleting']);
    served.world.batches.delete(batch);
    expect(await reader.rest()).toEqual([{ event: 'gone', data: { batch } }]);
    expect((await served.events(batch)).status).toBe(404);
  });

  test('a comment keeps the connection alive', async () => {
    const served = await serve({ keepAliveMs: 5 });
    const batch = await someBatch(served.world);
    const reader = await served.events(batch);
    await reader.until(named('progress'));
    const next = reader.next();
    await until(() => reader.comments.length > 2);
    expect(new Set(reader.comments)).toEqual(new Set(['keep-alive']));
    reader.leave();
    await expect(next).rejects.toThrow();
  });
});

describe('looking at the batch', () => {
  test('is done once for all that follow it, and never twice at the same time', async () => {
    const served = await serve();
    const batch = await someBatch(served.world);
    const one = await served.events(batch);
    const other = await served.events(batch);
    await Promise.all([one, other].map((reader) => reader.until(named('progress'))));
    served.hold = gate();
    await served.hold.arrived;
    const finds = served.finds;
    await pause(100);
    expect(served.finds).toBe(finds);
    enter(rowOf(served, batch), 'copying');
    served.hold.open();
    for (const reader of [one, other]) expect(statusesIn([(await reader.next())!])).toEqual(['copying']);

    one.leave();
    await until(async () => (await connections(served)) === 1);
    enter(rowOf(served, batch), 'copied');
    await other.until(({ data }) => data.status === 'copied');
    other.leave();
  });

  test('stops with the last that follows it, and when it is over', async () => {
    const served = await serve();
    const batch = await someBatch(served.world);
    const readers = [await served.events(batch), await served.events(batch)];
    for (const reader of readers) reader.leave();
    const stopped = async () => {
      const finds = served.finds;
      await pause(100);
      return finds === served.finds;
    };
    await until(stopped);

    const last = await served.events(batch);
    enter(rowOf(served, batch), 'copying', 'failed');
    rowOf(served, batch).resultsReady = true;
    expect((await last.rest()).at(-1)?.event).toBe('end');
    expect(await stopped()).toBe(true);
  });

  test('does not begin for a client that has gone meanwhile', async () => {
    const served = await serve({ keepAliveMs: 5 });
    const batch = await someBatch(served.world);
    served.hold = gate();
    const client = rawClient(served, batch);
    await served.hold.arrived;
    client.destroy();
    await until(async () => (await connections(served)) === 0);
    served.hold.open();
    served.hold = null;
    await pause(100);
    expect(served.finds).toBe(1);
  });

  test('goes on when the database is back, which is logged once', async () => {
    const served = await serve();
    const batches = [await someBatch(served.world), await someBatch(served.world)];
    const readers = await Promise.all(batches.map((batch) => served.events(batch)));
    await Promise.all(readers.map((reader) => reader.until(named('progress'))));
    served.world.trouble = new RetryableFault('the database could not be reached');
    const finds = served.finds;
    await until(() => served.finds > finds + 10);
    const refused = await served.events(batches[0]!);
    expect([refused.status, JSON.parse(await refused.body())]).toMatchObject([503, { code: 'unavailable' }]);
    for (const batch of batches) enter(rowOf(served, batch), 'copying');
    served.world.trouble = null;
    for (const reader of readers) expect(statusesIn([(await reader.next())!])).toEqual(['copying']);
    const logged = served.world.logged.filter((line) => line.includes('batches that are followed'));
    expect(logged).toHaveLength(2);
    for (const reader of readers) reader.leave();
  });

  test('ends with a batch that is over, also while somebody is still being told so', async () => {
    const served = await serve();
    const row = rowOf(served, await endedBatch(served));
    let looks = 0;
    const look = async () => {
      looks += 1;
      return row;
    };
    const watches = new BatchWatches({ log: pino({ level: 'silent' }) }, 1);
    const seen: (BatchRow | null)[] = [];
    watches.watch({ look }, row, (found) => seen.push(found));
    await until(() => seen.length > 0);
    await pause(50);
    expect([looks, seen]).toEqual([1, [row]]);
  });

  test('is out of date when it shows less than one who came later has seen', async () => {
    const served = await serve();
    const batch = await someBatch(served.world);
    const row = rowOf(served, batch);
    enter(row, 'failed');
    const before = structuredClone({ ...row, resultsReady: true });
    const looks: ((row: BatchRow) => void)[] = [];
    const look = () => new Promise<BatchRow>((resolve) => looks.push(resolve));
    const watches = new BatchWatches({ log: pino({ level: 'silent' }) }, 1);
    const seen: (BatchRow | null)[] = [];
    const leave = [watches.watch({ look }, before, (found) => seen.push(found))];
    await until(() => looks.length === 1);
    // It was resumed while a look was on its way.
    enter(row, 'processing');
    leave.push(watches.watch({ look }, row, (found) => seen.push(found)));
    looks[0]!(before);
    await until(() => looks.length === 2);
    expect(seen).toEqual([]);
    looks[1]!(row);
    await until(() => seen.length === 2);
    expect(seen).toEqual([row, row]);
    for (const stop of leave) stop();
  });
});

describe('a reader that is slow', () => {
  test('misses progress, but no status, and keeps nothing waiting in memory', async () => {
    const served = await serve();
    const batch = await someBatch(served.world);
    const row = rowOf(served, batch);
    const taken: string[] = [];
    let take: () => void = () => undefined;
    const out = new Writable({
      highWaterMark: 1000,
      write(chunk, _encoding, done) {
        take = () => {
          taken.push(String(chunk));
          done();
        };
      },
    });
    const feed = new BatchFeed(out, row, 0);
    for (let look = 1; look <= 1000; look += 1) {
      row.counts = { total: 1000, succeeded: look, failed: 0, skipped: 0, unprocessed: 1000 - look };
      if (look % 250 === 0) enter(row, 'copying');
      feed.see(row);
      feed.keepAlive();
    }
    expect(out.writableLength).toBeLessThan(2000);
    enter(row, 'deleting');
    feed.see(null);
    expect(out.writableLength).toBeLessThan(2000);
    while (!out.writableFinished) {
      take();
      await pause(0);
    }
    const told = taken.join('');
    expect(told.match(/^id: \d+$/gm)).toEqual([1, 2, 3, 4, 5, 6].map((id) => `id: ${id}`));
    expect(told.match(/^event: progress$/gm)!.length).toBeLessThan(20);
    expect(told.endsWith(`event: gone\ndata: {"batch":"${batch}"}\n\n`)).toBe(true);
  });

  test('does not keep the server from stopping', async () => {
    const served = await serve({ graceMs: 50 });
    const batch = await someBatch(served.world, {
      statusReason: { code: 'stalled', message: 'x'.repeat(30_000_000) },
    });
    const client = rawClient(served, batch);
    await until(() => served.finds > 2);
    await served.world.app.close();
    client.destroy();
  });

  test('is cut off when its time is up', async () => {
    const served = await serve({ graceMs: 20, longestMs: 20 });
    const batch = await someBatch(served.world, {
      statusReason: { code: 'stalled', message: 'x'.repeat(30_000_000) },
    });
    const client = rawClient(served, batch);
    await until(() => served.finds > 0);
    await until(async () => (await connections(served)) === 0);
    client.destroy();
  });
});

describe('limits', () => {
  test('a stream is closed once whoever follows may not see the batch any more', async () => {
    const served = await serve({ rightsMs: 5 });
    const batch = await someBatch(served.world);
    const all = served.world.callers.get('all')!;
    const withdrawn: [string, () => void][] = [
      ['the key', () => served.world.callers.delete('all')],
      ['the right', () => served.world.callers.set('all', { ...all, statements: [] })],
    ];
    for (const [, withdraw] of withdrawn) {
      served.world.callers.set('all', all);
      const reader = await served.events(batch);
      await reader.until(named('progress'));
      withdraw();
      expect(await reader.rest()).toEqual([]);
    }
  });

  test('but not because the database is away', async () => {
    const asked = { times: 0 };
    const served = await serve({ rightsMs: 5 });
    const batch = await someBatch(served.world);
    const reader = await served.events(batch);
    await reader.until(named('progress'));
    served.world.callers.get = () => {
      asked.times += 1;
      throw new RetryableFault('the database could not be reached');
    };
    await until(() => asked.times > 5);
    served.world.batches.delete(batch);
    expect(await reader.rest()).toEqual([{ event: 'gone', data: { batch } }]);
  });

  test('a stream is closed after its time, and can be opened again', async () => {
    const served = await serve({ longestMs: 50, most: 1 });
    const batch = await someBatch(served.world);
    for (let round = 0; round < 3; round += 1) {
      const reader = await served.events(batch);
      expect(reader.status).toBe(200);
      const events = await reader.rest();
      expect(events.map(({ event }) => event)).toEqual(['status', 'progress']);
      await until(async () => (await connections(served)) === 0);
    }
  });

  test('there are only so many; one that is closed makes room', async () => {
    const served = await serve({ most: 2 });
    const batch = await someBatch(served.world);
    const readers = [await served.events(batch), await served.events(batch)];
    const refused = await served.events(batch);
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('5');
    expect(refused.headers['content-type']).toContain('application/problem+json');
    expect(JSON.parse(await refused.body())).toMatchObject({
      code: 'unavailable',
      detail:
        '2 event streams are open here, which is as many as may be; look at the batch itself, or try again',
    });
    readers[0]!.leave();
    await until(async () => {
      const reader = await served.events(batch);
      if (reader.status === 200) reader.leave();
      else await reader.body();
      return reader.status === 200;
    });
    readers[1]!.leave();
  });

  test('one account has only so many of them, and leaves room for others', async () => {
    const served = await serve({ most: 10, mostOfAccount: 2 });
    const batch = await someBatch(served.world);
    served.world.callers.set('other', callerWith([{ effect: 'allow', actions: ['*'] }], 'account-2'));
    const others = await someBatch(served.world, {}, 'other');
    const readers = [await served.events(batch), await served.events(batch)];
    const refused = await served.events(batch);
    expect(refused.status).toBe(503);
    expect(JSON.parse(await refused.body()).detail).toContain('2 event streams of the account are open');
    readers.push(await served.events(others, { authorization: 'Bearer other' }));
    expect(readers.map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const reader of readers) reader.leave();
  });
});

describe('a server that stops', () => {
  test('ends all streams, and opens none any more', async () => {
    const served = await serve();
    const batch = await someBatch(served.world);
    const readers = await Promise.all([1, 2, 3].map(() => served.events(batch)));
    await Promise.all(readers.map((reader) => reader.until(named('progress'))));
    served.hold = gate();
    await served.hold.arrived;
    const finds = served.finds;
    const client = rawClient(served, batch);
    await until(() => served.finds > finds);
    const closing = served.world.app.close();
    for (const reader of readers) expect(await reader.rest()).toEqual([]);
    served.hold.open();
    const answer = await text(client);
    await closing;
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toContain('this server is stopping');
  });
});

describe('who may follow it, and how', () => {
  test('errors come as problems, before any stream', async () => {
    const served = await serve();
    const { world } = served;
    world.callers.set('stranger', callerWith([{ effect: 'allow', actions: ['*'] }], 'account-2'));
    world.callers.set('reader', callerWith([{ effect: 'allow', actions: ['get_batches'] }]));
    const batch = await someBatch(world);
    const ask = async (url: string, key: string | null = 'all') => {
      const { statusCode, headers, ...response } = await world.request({ method: 'GET', url, key });
      expect(headers['content-type']).toContain('application/problem+json');
      return [statusCode, response.json().code];
    };
    const url = `/batches/${batch}/events`;
    expect(await ask(url, null)).toEqual([401, 'unauthenticated']);
    expect(await ask(url, 'reader')).toEqual([403, 'forbidden']);
    expect(await ask(url, 'stranger')).toEqual([404, 'batch_not_found']);
    expect(await ask('/batches/nonsense/events')).toEqual([404, 'batch_not_found']);
    expect(await ask(`${url}?since=3`)).toEqual([422, 'invalid_request']);
    expect(served.finds).toBe(1);
  });

  test('HEAD opens no stream', async () => {
    const served = await serve();
    const batch = await someBatch(served.world);
    const response = await fetch(served.url(batch), {
      method: 'HEAD',
      headers: { authorization: 'Bearer all' },
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    await until(async () => (await connections(served)) === 0);
    expect(served.finds).toBe(1);
  });

  test('an id is read in capitals too', async () => {
    const served = await serve();
    const batch = await endedBatch(served);
    expect((await (await served.events(batch.toUpperCase())).rest()).at(-1)?.data.batch).toBe(batch);
  });
});

test('/openapi.json tells of the events', async () => {
  const { world } = await serve();
  const { paths } = (await world.get('/openapi.json')).json();
  const { get } = paths['/batches/{batch}/events'];
  expect(Object.keys(get.responses)).toEqual(['200', '204', '401', '403', '404', '422', '429', '500', '503']);
  expect(Object.keys(get.responses['200'].content)).toEqual(['text/event-stream']);
  expect(get.parameters).toContainEqual(
    expect.objectContaining({ in: 'header', name: 'Last-Event-ID', required: false }),
  );
});
