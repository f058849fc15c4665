import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defineOperation } from '../../src/core/operation.ts';
import { failed, succeeded, tryAgain } from '../../src/core/result.ts';
import { openTestApi, type TestApi } from '../support/api.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** POST /operations/{name} on a real database: what is kept, what is undone, what many at once come to. */

const closed = { additionalProperties: false };
const shared = {
  version: 1,
  title: 'Take seats',
  description: 'Takes seats, of which there are so many.',
  input: Type.Object({ id: Type.String({ maxLength: 60 }), seats: Type.Integer() }, closed),
  output: Type.Object({ left: Type.Integer() }, closed),
};

const takeSeats = defineOperation({
  ...shared,
  name: 'take_seats',
  failures: {
    sold_out: 'There are not so many seats left',
    busy: 'The hall is being cleaned',
    no_seats: 'x',
  },
  constraints: { seats_taken_by: { code: 'no_seats', message: 'has its seats already', field: 'id' } },
  limits: { attempts: 3 },
  async run(records, { sql }) {
    const [record] = records;
    const { id, seats } = record!.input;
    await sql`insert into calls (id) values (${id})`;
    if (id === 'later') return [tryAgain('busy', 'the hall is being cleaned', { afterSeconds: 0.05 })];
    if (id === 'slow') await sql`select pg_sleep(20)`;
    const [hall] = await sql<{ left: number }>`
      update hall set seats = seats - ${seats} where seats >= ${seats} returning seats as left`;
    if (hall === undefined) return [failed('sold_out', `there are not ${seats} seats left`, 'seats')];
    await sql`insert into taken (id) values (${id})`;
    return [succeeded({ left: hall.left })];
  },
});

/** Two of these, called at once in both directions, deadlock. */
const crossing = defineOperation({
  ...shared,
  name: 'crossing',
  failures: {},
  async run(records, { sql }) {
    const [first, second] = records[0]!.input.id === 'up' ? [1, 2] : [2, 1];
    await sql`update locks set times = times + 1 where id = ${first}`;
    await sql`select pg_sleep(0.2)`;
    await sql`update locks set times = times + 1 where id = ${second}`;
    return [succeeded({ left: 0 })];
  },
});

let sheaf: TestSheaf;
let api: TestApi;
beforeAll(async () => {
  sheaf = await openTestSheaf({}, { operations: [takeSeats, crossing] });
  api = await openTestApi(sheaf);
  await sheaf.sql`create table hall (seats int not null)`;
  await sheaf.sql`insert into hall values (10)`;
  await sheaf.sql`create table taken (id text not null, constraint seats_taken_by unique (id))`;
  await sheaf.sql`create table calls (id text not null)`;
  await sheaf.sql`create table locks (id int primary key, times int not null)`;
  await sheaf.sql`insert into locks values (1, 0), (2, 0)`;
});
afterAll(async () => {
  await api.close();
  await sheaf.close();
});

async function call(payload: object, key?: string, name = 'take_seats') {
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  const response = await api.request({ method: 'POST', url: `/operations/${name}`, payload, headers });
  return { status: response.statusCode, headers: response.headers, body: response.json() };
}

const left = async () => (await sheaf.sql<{ seats: number }[]>`select seats from hall`)[0]!.seats;
const callsOf = async (id: string) =>
  (await sheaf.sql<{ n: number }[]>`select count(*) as n from calls where id = ${id}`)[0]!.n;
const seats = (count: number) => sheaf.sql`update hall set seats = ${count}`;

test('what a record does is committed, what one that fails did is undone', async () => {
  expect(await call({ id: 'ada', seats: 3 })).toMatchObject({
    status: 200,
    body: { status: 'succeeded', output: { left: 7 } },
  });
  expect(await call({ id: 'bob', seats: 8 })).toMatchObject({ status: 422, body: { code: 'sold_out' } });
  expect([await left(), await callsOf('ada'), await callsOf('bob')]).toEqual([7, 1, 0]);
});

test('what the database refuses is told in the words of the operation, and undone', async () => {
  const { status, body } = await call({ id: 'ada', seats: 1 });
  expect([status, body.code, body.errors]).toEqual([
    422,
    'no_seats',
    [{ pointer: '/id', code: 'no_seats', message: 'has its seats already' }],
  ]);
  expect(await left()).toBe(7);
});

test('a record that asks to be tried again is, and leaves nothing when it fails in the end', async () => {
  expect(await call({ id: 'later', seats: 1 })).toMatchObject({ status: 422, body: { code: 'busy' } });
  expect(await callsOf('later')).toBe(0);
});

test('foreign characters come and go as they are', async () => {
  const id = 'Zoë 李小龍 🎟 عربي';
  await call({ id, seats: 1 });
  expect(await sheaf.sql`select id from taken where id = ${id}`).toHaveLength(1);
});

describe('with an Idempotency-Key', () => {
  test('the record takes effect once, and the same answer comes again; another record is refused', async () => {
    await seats(10);
    const first = await call({ id: 'eve', seats: 2 }, 'eve-1');
    const again = await call({ id: 'eve', seats: 2 }, 'eve-1');
    expect(again.body).toEqual(first.body);
    expect([first.status, again.status, again.headers['idempotent-replayed']]).toEqual([200, 200, 'true']);
    expect([await left(), await callsOf('eve')]).toEqual([8, 1]);
    const other = await call({ id: 'eve', seats: 3 }, 'eve-1');
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  });

  test('many at once take effect once', async () => {
    await seats(10);
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => call({ id: 'mallory', seats: 2 }, 'mallory-1')),
    );
    expect(new Set(answers.map(({ status, body }) => JSON.stringify([status, body])))).toEqual(
      new Set([JSON.stringify([200, { status: 'succeeded', output: { left: 8 } }])]),
    );
    expect([await left(), await callsOf('mallory')]).toEqual([8, 1]);
  });

  test('what failed is not kept, and succeeds when it can', async () => {
    await seats(0);
    expect((await call({ id: 'trent', seats: 1 }, 'trent-1')).status).toBe(422);
    await seats(1);
    expect((await call({ id: 'trent', seats: 1 }, 'trent-1')).status).toBe(200);
  });
});

test('1,000 at once for the last 10 seats: 10 succeed, and none is refused for the crowd', async () => {
  await seats(10);
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, index) => call({ id: `crowd-${index}`, seats: 1 })),
  );
  const codes = answers.map(({ body }) => body.code ?? body.status).sort();
  expect(codes).toEqual([...Array(990).fill('sold_out'), ...Array(10).fill('succeeded')]);
  expect(await left()).toBe(0);
});

test('those that deadlock are tried again', async () => {
  const [up, down] = await Promise.all([
    call({ id: 'up', seats: 0 }, undefined, 'crossing'),
    call({ id: 'down', seats: 0 }, undefined, 'crossing'),
  ]);
  expect([up.status, down.status]).toEqual([200, 200]);
  expect(await sheaf.sql`select times from locks order by id`).toEqual([{ times: 2 }, { times: 2 }]);
});

test('a session that is ended under a call: 503, and nothing is written', async () => {
  await seats(10);
  const calling = call({ id: 'slow', seats: 1 });
  let ended = 0;
  while (ended === 0) {
    const rows = await sheaf.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like '%pg_sleep(20)%' and pid <> pg_backend_pid()`;
    ended = rows.length;
  }
  expect(await calling).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect([await left(), await callsOf('slow')]).toEqual([10, 0]);
  expect((await call({ id: 'after', seats: 1 })).status).toBe(200);
});

test('a session that is ended while it commits: 504, and with its key the request can be sent again', async () => {
  await seats(10);
  await sheaf.sql`
    create function slow_commit() returns trigger language plpgsql as $$
    begin if new.key = 'doomed' then perform pg_sleep(20); end if; return null; end $$`;
  await sheaf.sql`
    create constraint trigger slow_commit after update on idempotency_keys
    deferrable initially deferred for each row execute function slow_commit()`;
  const calling = call({ id: 'victor', seats: 1 }, 'doomed');
  let ended = 0;
  while (ended === 0) {
    const rows = await sheaf.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and state = 'active' and query ilike 'commit%' and application_name = 'sheaf call'`;
    ended = rows.length;
  }
  expect(await calling).toMatchObject({ status: 504, body: { code: 'outcome_unknown' } });
  await sheaf.sql`drop trigger slow_commit on idempotency_keys`;
  expect((await call({ id: 'victor', seats: 1 }, 'doomed')).status).toBe(200);
  expect([await left(), await callsOf('victor')]).toEqual([9, 1]);
});
