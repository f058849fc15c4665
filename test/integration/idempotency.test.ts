import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, type Sql } from '../../src/adapters/postgres/connect.ts';
import { postgresIdempotencyStore, underKey } from '../../src/adapters/postgres/idempotency-store.ts';
import { transaction } from '../../src/adapters/postgres/transaction.ts';
import { type KeptAnswer, KeyTaken, type RequestKey } from '../../src/engine/ports/request-stores.ts';
import { actorFor } from '../support/actor.ts';
import { openTestApi, type TestApi } from '../support/api.ts';
import { gate } from '../support/gate.ts';
import { addAccount, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

let sheaf: TestSheaf;
let api: TestApi;
/** Connections of another process. */
let sql: Sql;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  api = await openTestApi(sheaf);
  sql = connect(sheaf.locations.databaseUrl, { max: 4, name: 'elsewhere' });
});
afterAll(async () => {
  await sql.end();
  await api.close();
  await sheaf.close();
});
beforeEach(() => clearBatches(sheaf.sql));

const csv = 'learner_id\nada\ngrace\n';

function post(url: string, key: string, payload: object, account?: string) {
  return api.request({
    method: 'POST',
    url,
    payload,
    headers: { 'idempotency-key': key },
    ...(account !== undefined && { account }),
  });
}

const submit = (key: string, handler: string, body: object = {}) =>
  post('/batches', key, { handler, operation: 'create_learner', ...body });

async function countOf(table: 'batches' | 'uploads' | 'idempotency_keys'): Promise<number> {
  const [row] = await sheaf.sql<{ count: number }[]>`select count(*) from ${sheaf.sql(table)}`;
  return row!.count;
}

describe('a hundred requests at once with the same key', () => {
  it('make one batch, and are answered the same to the byte', async () => {
    const handler = await sheaf.upload(csv);
    const body = { metadata: { b: 1, a: [null, 'x'] }, results_format: ['csv'] };
    const answers = await Promise.all(Array.from({ length: 100 }, () => submit('race', handler, body)));
    expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([201]));
    expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
    expect(new Set(answers.map((answer) => answer.headers.location)).size).toBe(1);
    const first = answers.filter((answer) => answer.headers['idempotent-replayed'] === undefined);
    expect(first).toHaveLength(1);
    expect([await countOf('batches'), await countOf('idempotency_keys')]).toEqual([1, 1]);
    const shown = await api.request({ method: 'GET', url: String(answers[0]?.headers.location) });
    expect(shown.json().metadata).toEqual(body.metadata);
  });

  it('and with workers that use the upload up meanwhile: still one, and the same answer after its end', async () => {
    const workers = await sheaf.startWorkers();
    const handler = await sheaf.upload(csv);
    const answers = await Promise.all(Array.from({ length: 100 }, () => submit('race', handler)));
    expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
    const { batch } = answers[0]!.json();
    expect(await sheaf.ended(batch)).toMatchObject({ status: 'completed', counts: { succeeded: 2 } });
    const late = await submit('race', handler);
    expect([late.statusCode, late.body]).toEqual([201, answers[0]?.body]);
    expect((await submit('another key', handler)).json().code).toBe('upload_used');
    expect(await countOf('batches')).toBe(1);
    await workers.stop();
  });

  it('but different bodies: one takes effect, and the others are refused', async () => {
    const handler = await sheaf.upload(csv);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => submit('race', handler, { priority: n })),
    );
    const codes = answers.map((answer) => (answer.statusCode === 201 ? 'made' : answer.json().code));
    expect(codes.filter((code) => code === 'made')).toHaveLength(1);
    expect(codes.filter((code) => code === 'idempotency_key_reused')).toHaveLength(99);
    expect(await countOf('batches')).toBe(1);
  });

  it('make one upload', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => post('/uploads', 'race', { filename: 'a.csv', size: csv.length })),
    );
    expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
    expect(await countOf('uploads')).toBe(1);
    const { url, headers } = answers[99]!.json();
    expect((await fetch(url, { method: 'PUT', headers, body: csv })).ok).toBe(true);
  });

  it('of an upload in parts are given the parts of one', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post('/uploads', 'race', { parts: 2 })),
    );
    expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([201]));
    expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
  });
});

it('an error leaves the key free', async () => {
  const handler = await sheaf.upload(csv);
  expect((await submit('first', handler)).statusCode).toBe(201);
  expect((await submit('second', handler)).json().code).toBe('upload_in_use');
  expect(await countOf('idempotency_keys')).toBe(1);
  const other = await sheaf.upload(csv);
  expect((await submit('second', other)).statusCode).toBe(201);
});

it('keys of other accounts and of other routes are others', async () => {
  const first = await post('/uploads', 'same', {});
  const account = await addAccount(sheaf.sql);
  const theirs = await post('/uploads', 'same', {}, account);
  expect(theirs.statusCode).toBe(201);
  expect(theirs.json().handler).not.toBe(first.json().handler);
  const handler = await sheaf.upload(csv);
  expect((await submit('same', handler)).statusCode).toBe(201);
});

describe('after 24 hours', () => {
  const age = (interval: string) =>
    sheaf.sql`update idempotency_keys set created_at = now() - ${interval}::interval`;

  it('a key is new, for the same body and for another', async () => {
    const first = await post('/uploads', 'old', { filename: 'a' });
    await age('23 hours 59 minutes');
    expect((await post('/uploads', 'old', { filename: 'a' })).body).toBe(first.body);
    await age('24 hours 1 minute');
    const second = await post('/uploads', 'old', { filename: 'b' });
    expect(second.statusCode).toBe(201);
    expect(second.headers).not.toHaveProperty('idempotent-replayed');
    expect((await post('/uploads', 'old', { filename: 'b' })).body).toBe(second.body);
  });

  it('a hundred at once take it over once', async () => {
    await post('/uploads', 'old', { filename: 'a' });
    await age('25 hours');
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => post('/uploads', 'old', { filename: 'b' })),
    );
    expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
    expect(await countOf('uploads')).toBe(2);
  });

  it('it is forgotten, no more at a time than are asked for', async () => {
    for (let n = 0; n < 5; n += 1) await post('/uploads', `old ${n}`, {});
    await age('25 hours');
    await post('/uploads', 'young', {});
    const { idempotency } = sheaf.services;
    expect(await idempotency.forgetOld(3)).toBe(3);
    expect(await Promise.all([idempotency.forgetOld(10), idempotency.forgetOld(10)])).toContain(2);
    expect(await idempotency.forgetOld(10)).toBe(0);
    expect(await countOf('idempotency_keys')).toBe(1);
    expect((await post('/uploads', 'young', {})).headers['idempotent-replayed']).toBe('true');
  });
});

describe('the transaction of a key', () => {
  const request = (): RequestKey => ({
    route: 'POST /x',
    key: 'k',
    fingerprint: 'f'.repeat(64),
  });
  const answer = (made: string): KeptAnswer => ({
    status: 201,
    headers: { location: made },
    body: { '\0': made, b: '\\u0000', a: 'é"' },
  });
  const run = (work: () => Promise<string>) =>
    transaction(sql, (tx) => underKey(tx, sheaf.caller, { request: request(), answer }, work));

  it('keeps an answer to the byte, whatever is in it', async () => {
    await run(async () => '/made');
    const kept = await postgresIdempotencyStore(sql, actorFor(sheaf.caller)).find(request());
    expect(kept?.fingerprint).toBe('f'.repeat(64));
    expect(JSON.stringify(kept?.answer)).toBe(JSON.stringify(answer('/made')));
  });

  it('holds back whoever comes later until it has ended, and lets them go on when it came to nothing', async () => {
    const inside = gate();
    const failing = run(async () => {
      await inside.wait();
      throw new Error('nothing came of it');
    });
    failing.catch(() => undefined);
    await inside.arrived;
    let secondRuns = false;
    const second = run(async () => {
      secondRuns = true;
      return '/second';
    });
    await waitingForALock();
    expect(secondRuns).toBe(false);
    inside.open();
    await expect(failing).rejects.toThrow('nothing came of it');
    expect(await second).toBe('/second');
  });

  it('takes no effect twice: who waited for one that was committed is told that the key is taken', async () => {
    const inside = gate();
    const first = run(async () => {
      await inside.wait();
      return '/first';
    });
    await inside.arrived;
    const second = run(() => Promise.reject(new Error('worked twice')));
    second.catch(() => undefined);
    await waitingForALock();
    inside.open();
    expect(await first).toBe('/first');
    await expect(second).rejects.toBeInstanceOf(KeyTaken);
    const kept = await postgresIdempotencyStore(sql, actorFor(sheaf.caller)).find(request());
    expect(kept?.answer.headers.location).toBe('/first');
  });

  /** Until a session of ours waits for the other's row. */
  async function waitingForALock(): Promise<void> {
    for (;;) {
      const waiting = await sheaf.sql`
        select from pg_stat_activity
        where datname = current_database() and application_name = 'sheaf elsewhere' and wait_event_type = 'Lock'`;
      if (waiting.length > 0) return;
    }
  }
});
