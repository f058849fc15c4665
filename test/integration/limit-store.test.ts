import { v4 as uuidv4 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, type Sql } from '../../src/adapters/postgres/connect.ts';
import { postgresLimitStore } from '../../src/adapters/postgres/limit-store.ts';
import type { Rate } from '../../src/core/limits.ts';
import { type LimitStore, leewaySeconds } from '../../src/engine/ports/limit-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/sheaf.ts';

/**
 * Limits in PostgreSQL, as two processes have them: two stores with connections of their own. Time is moved in the
 * rows, never waited for; where it passes by itself, nothing is said of how much may have come back.
 */

const LEASE_SECONDS = 30;

let database: TestDatabase;
let sql: Sql;
let other: Sql;
let store: LimitStore;
let elsewhere: LimitStore;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url, { max: 10, name: 'test' });
  other = connect(database.url, { max: 10, name: 'test' });
  store = postgresLimitStore({ sql, leaseSeconds: LEASE_SECONDS });
  elsewhere = postgresLimitStore({ sql: other, leaseSeconds: LEASE_SECONDS });
});
afterAll(async () => {
  await Promise.all([sql.end(), other.end()]);
  await database.drop();
});
beforeEach(() => sql`truncate limit_rates, limit_slots, limit_circuits`);

const stores = (n: number) => Array.from({ length: n }, (_, index) => (index % 2 === 0 ? store : elsewhere));
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

describe('a rate', () => {
  const rate: Rate = { records: 100, seconds: 3600, per: 'operation' };
  const one = { least: 1, most: 1 };

  /** Moves all that was taken into the past. */
  const age = (seconds: number) =>
    sql`update limit_rates set slice_at = slice_at - make_interval(secs => ${seconds})`;

  it('gives what there is, at once, and no more', async () => {
    expect(await store.take('a', rate, { least: 1, most: 60 })).toMatchObject({ records: 60, left: 40 });
    expect(await elsewhere.take('a', rate, { least: 1, most: 60 })).toMatchObject({ records: 40, left: 0 });
    const none = await store.take('a', rate, one);
    expect(none.records).toBe(0);
    expect(none.waitSeconds).toBeGreaterThan(3000);
    expect(await store.take('b', rate, one)).toMatchObject({ records: 1, left: 99, waitSeconds: 0 });
  });

  it('gives at least what is asked for, or nothing', async () => {
    await store.take('a', rate, { least: 1, most: 60 });
    expect(await store.take('a', rate, { least: 50, most: 60 })).toMatchObject({ records: 0, left: 40 });
    expect(await store.take('a', rate, { least: 40, most: 60 })).toMatchObject({ records: 40 });
  });

  it('is never taken beyond, by however many at once, who all begin without a row', async () => {
    const taken = await Promise.all(
      stores(200).map((each) => each.take('a', rate, { least: 1, most: 3 }).then(({ records }) => records)),
    );
    expect(sum(taken)).toBe(100);
  });

  it('comes back when its time is over for each record, and not before', async () => {
    await store.take('a', rate, { least: 1, most: 30 });
    await age(1800);
    await store.take('a', rate, { least: 1, most: 70 });
    // The first ones are not of the last hour any more once it is over for them; the others stay.
    await age(1790);
    expect(await store.take('a', rate, one)).toMatchObject({ records: 0 });
    await age(200);
    expect(await store.take('a', rate, { least: 1, most: 100 })).toMatchObject({ records: 30 });
    await age(1900);
    expect(await store.take('a', rate, { least: 1, most: 100 })).toMatchObject({ records: 70 });
  });

  it('says when there is more, which is true', async () => {
    await store.take('a', rate, { least: 1, most: 30 });
    await age(1800);
    await store.take('a', rate, { least: 1, most: 70 });
    const { waitSeconds, resetSeconds } = await store.take('a', rate, one);
    expect(waitSeconds).toBeLessThan(2000);
    expect(resetSeconds).toBeGreaterThan(3500);
    await age(waitSeconds);
    expect(await store.take('a', rate, { least: 31, most: 100 })).toMatchObject({ records: 0, left: 30 });
    await age(resetSeconds - waitSeconds);
    expect(await store.take('a', rate, { least: 1, most: 200 })).toMatchObject({ records: 100 });
  });

  it('of a second is never exceeded in any second, whoever takes, as long as they take', async () => {
    const quick: Rate = { records: 20, seconds: 1, per: 'operation' };
    const began = performance.now();
    const given: { from: number; to: number; records: number }[] = [];
    const takers = stores(6).map(async (each) => {
      while (performance.now() - began < 4000) {
        const from = performance.now();
        const { records } = await each.take('quick', quick, { least: 1, most: 4 });
        if (records > 0) given.push({ from, to: performance.now(), records });
      }
    });
    await Promise.all(takers);
    const ms = (quick.seconds + leewaySeconds(quick)) * 1000;
    for (const { from } of given) {
      const within = given.filter((other) => other.from >= from && other.to < from + ms);
      expect(sum(within.map(({ records }) => records))).toBeLessThanOrEqual(20);
    }
    const seconds = Math.ceil((performance.now() - began) / 1000) + 1;
    expect(sum(given.map(({ records }) => records))).toBeLessThanOrEqual(20 * seconds);
    expect(sum(given.map(({ records }) => records))).toBeGreaterThan(20);
  });

  it('goes on when it is changed, and when the clock is set back', async () => {
    await store.take('a', rate, { least: 1, most: 100 });
    const shorter: Rate = { records: 100, seconds: 1, per: 'operation' };
    await age(2);
    expect(await store.take('a', shorter, { least: 1, most: 100 })).toMatchObject({ records: 100 });
    await age(-86_400);
    await store.take('a', rate, one);
    await age(3700);
    expect(await store.take('a', rate, one)).toMatchObject({ records: 1 });
  });
});

describe('single calls', () => {
  const rate: Rate = { records: 3, seconds: 60, per: 'account', lockSeconds: 300 };
  const minutes = (n: number) =>
    sql`update limit_rates set slice_at = slice_at - make_interval(mins => ${n}),
      locked_until = locked_until - make_interval(mins => ${n})`;

  it('count against what batches take, and are locked once nothing is left for one', async () => {
    expect(await store.takeSingle('a', rate)).toMatchObject({ records: 1, left: 2 });
    await elsewhere.take('a', rate, { least: 1, most: 1 });
    expect(await elsewhere.takeSingle('a', rate)).toMatchObject({ records: 1, left: 0 });
    const refused = await store.takeSingle('a', rate);
    expect(refused).toMatchObject({ records: 0, left: 0 });
    expect(refused.waitSeconds).toBeGreaterThan(299);
    expect(refused.waitSeconds).toBeLessThanOrEqual(300);
  });

  it('stay locked when the rate is there again, while batches go on', async () => {
    await Promise.all(stores(4).map((each) => each.takeSingle('a', rate)));
    await minutes(2);
    const refused = await elsewhere.takeSingle('a', rate);
    expect(refused).toMatchObject({ records: 0, left: 0 });
    // No attempt makes it last longer.
    expect(refused.waitSeconds).toBeLessThanOrEqual(180);
    expect(await store.take('a', rate, { least: 1, most: 1 })).toMatchObject({ records: 1 });
    await minutes(4);
    expect(await store.takeSingle('a', rate)).toMatchObject({ records: 1 });
  });

  it('of many at once let through as many as there are', async () => {
    const taken = await Promise.all(stores(40).map((each) => each.takeSingle('a', rate)));
    expect(sum(taken.map(({ records }) => records))).toBe(3);
  });

  it('without a lock are refused for as long as nothing is left', async () => {
    const { lockSeconds: _, ...open } = rate;
    await store.take('a', open, { least: 3, most: 3 });
    const refused = await store.takeSingle('a', open);
    expect(refused.records).toBe(0);
    expect(refused.waitSeconds).toBeLessThan(62);
    await minutes(2);
    expect(await store.takeSingle('a', open)).toMatchObject({ records: 1, left: 2 });
  });
});

describe('slots', () => {
  const [first, second, third] = [uuidv4(), uuidv4(), uuidv4()];
  const held = async () =>
    (await sql`select holder from limit_slots where holder is not null and expires_at > clock_timestamp()`)
      .length;

  it('are taken by one holder at a time, however many want them', async () => {
    const holders = stores(40).map((each) => ({ each, holder: uuidv4() }));
    const taken = await Promise.all(
      holders.map(({ each, holder }) => each.takeSlots('t', holder, { of: 5, most: 2 })),
    );
    expect(sum(taken)).toBe(await held());
    expect(sum(taken)).toBeLessThanOrEqual(5);
    expect(sum(taken)).toBeGreaterThan(0);
    expect(await sql`select from limit_slots where target = 't'`).toHaveLength(5);
  });

  it('are all for the one who is alone, and shared with those who come', async () => {
    expect(await store.takeSlots('t', first, { of: 10, most: 256 })).toBe(10);
    expect(await elsewhere.takeSlots('t', second, { of: 10, most: 256 })).toBe(0);
    await store.giveSlots(first, 8);
    // Half of them is fair, whatever is free.
    expect(await elsewhere.takeSlots('t', second, { of: 10, most: 256 })).toBe(5);
    expect(await store.takeSlots('t', third, { of: 10, most: 256 })).toBe(3);
    expect(await store.takeSlots('t', second, { of: 10, most: 256 })).toBe(0);
  });

  it('of a dead holder are for others once its lease is over, and not its own any more', async () => {
    await store.takeSlots('t', first, { of: 2, most: 2 });
    expect(await store.keepSlots(first)).toBe(2);
    expect(await elsewhere.takeSlots('t', second, { of: 2, most: 2 })).toBe(0);
    await sql`update limit_slots set expires_at = clock_timestamp()`;
    expect(await elsewhere.takeSlots('t', second, { of: 2, most: 1 })).toBe(1);
    expect(await store.keepSlots(first)).toBe(1);
    await store.giveSlots(first);
    expect(await elsewhere.keepSlots(second)).toBe(1);
    expect(await held()).toBe(1);
  });

  it('follow the limit when it is changed', async () => {
    expect(await store.takeSlots('t', first, { of: 2, most: 10 })).toBe(2);
    expect(await store.takeSlots('t', first, { of: 4, most: 10 })).toBe(2);
    await store.giveSlots(first);
    expect(await store.takeSlots('t', second, { of: 3, most: 10 })).toBe(3);
    expect(await store.takeSlots('t', third, { of: 3, most: 10 })).toBe(0);
  });

  it('tell who holds some that somebody waits', async () => {
    await store.takeSlots('t', first, { of: 2, most: 1 });
    await store.takeSlots('t', second, { of: 2, most: 1 });
    const before = await store.look(['t', 'u']);
    expect(before.get('t')).toMatchObject({ wanted: false, holders: 2 });
    expect(before.get('u')).toMatchObject({ wanted: false, holders: 0, failures: 0 });
    await sql`insert into limit_circuits (target, wanted_until) values ('t', now() - interval '1 hour')`;
    expect((await store.look(['t'])).get('t')).toMatchObject({ wanted: false });
    await sql.begin(async (tx) => {
      // Held up, so that the time for which it is remembered cannot be over.
      await postgresLimitStore({ sql: tx as never, leaseSeconds: LEASE_SECONDS }).wantSlots('t');
      await tx`update limit_circuits set wanted_until = wanted_until + interval '1 hour'`;
    });
    expect((await elsewhere.look(['t'])).get('t')).toMatchObject({ wanted: true });
  });

  it('are given back as many as are said, also where nobody held any when the table was last looked at', async () => {
    const holder = uuidv4();
    await store.takeSlots('t', holder, { of: 20, most: 20 });
    await store.giveSlots(holder);
    await sql`analyze limit_slots`;
    await store.takeSlots('t', holder, { of: 20, most: 20 });
    await store.giveSlots(holder, 3);
    expect(await store.keepSlots(holder)).toBe(17);
  });
});

describe('a circuit', () => {
  const breaker = { failures: 3, seconds: 600 };
  const look = async () => (await elsewhere.look(['t'])).get('t')!;
  const pass = (seconds: number) =>
    sql`update limit_circuits set open_until = open_until - make_interval(secs => ${seconds}),
      probing_until = probing_until - make_interval(secs => ${seconds}),
      blocked_until = blocked_until - make_interval(secs => ${seconds})`;

  it('opens after so many failures in a row, whoever has them', async () => {
    await store.foundDown('t', breaker);
    await elsewhere.foundDown('t', breaker);
    expect(await look()).toMatchObject({ failures: 2, openSeconds: 0 });
    await store.answered('t');
    await store.foundDown('t', breaker);
    await store.foundDown('t', breaker);
    expect(await look()).toMatchObject({ failures: 2, openSeconds: 0 });
    await store.foundDown('t', breaker);
    expect((await look()).openSeconds).toBeGreaterThan(500);
    expect((await store.look(['u'])).get('u')).toMatchObject({ failures: 0, openSeconds: 0 });
  });

  it('is not kept open for longer by calls that were under way when it opened', async () => {
    await Promise.all(stores(3).map((each) => each.foundDown('t', breaker)));
    await pass(300);
    await store.foundDown('t', breaker);
    expect((await look()).openSeconds).toBeLessThanOrEqual(300);
  });

  it('lets one find out when its time is over, and nobody before', async () => {
    await Promise.all(stores(3).map((each) => each.foundDown('t', breaker)));
    expect(await store.probe('t', 60)).toBe(false);
    await pass(601);
    expect(await look()).toMatchObject({ failures: 3, openSeconds: 0 });
    const probing = await Promise.all(stores(20).map((each) => each.probe('t', 60)));
    expect(probing.filter((won) => won)).toHaveLength(1);
    expect((await look()).probingSeconds).toBeGreaterThan(50);
  });

  it('opens again when that one finds it down, and closes when it is answered', async () => {
    await Promise.all(stores(3).map((each) => each.foundDown('t', breaker)));
    await pass(601);
    await store.probe('t', 60);
    await store.foundDown('t', breaker);
    expect((await look()).openSeconds).toBeGreaterThan(500);
    expect(await elsewhere.probe('t', 60)).toBe(false);
    await pass(601);
    expect(await elsewhere.probe('t', 60)).toBe(true);
    await elsewhere.answered('t');
    expect(await look()).toMatchObject({ failures: 0, openSeconds: 0, probingSeconds: 0 });
  });

  it('lets another one find out when the first has died over it', async () => {
    await Promise.all(stores(3).map((each) => each.foundDown('t', breaker)));
    await pass(601);
    expect(await store.probe('t', 60)).toBe(true);
    await pass(61);
    expect(await elsewhere.probe('t', 60)).toBe(true);
  });

  it('keeps the longest wait that was asked for', async () => {
    await store.block('t', 600);
    await elsewhere.block('t', 60);
    expect((await look()).blockedSeconds).toBeGreaterThan(500);
    await store.answered('t');
    expect((await look()).blockedSeconds).toBeGreaterThan(500);
  });
});

describe('what says nothing any more', () => {
  it('is removed, a few rows at a time, and nothing else', async () => {
    const rate: Rate = { records: 1, seconds: 60, per: 'operation' };
    const [holder, gone] = [uuidv4(), uuidv4()];
    for (const key of ['a', 'b', 'c']) await store.take(key, rate, { least: 1, most: 1 });
    await store.takeSlots('old', gone, { of: 2, most: 2 });
    await store.takeSlots('new', holder, { of: 2, most: 2 });
    await store.block('old', 10);
    await store.block('new', 10);
    expect(await store.forgetUnused(100)).toBe(0);
    await sql`update limit_rates set forget_at = now() - interval '1 second' where key <> 'c'`;
    await sql`update limit_slots set expires_at = now() - interval '2 hours' where target = 'old'`;
    await sql`update limit_circuits set forget_at = now() - interval '1 second' where target = 'old'`;

    // As PostgreSQL goes about it when it takes a table for smaller than it is.
    const off = ['hashjoin', 'mergejoin', 'hashagg', 'sort', 'material', 'indexscan', 'bitmapscan'];
    const rowByRow = `${database.url}?${off.map((way) => `enable_${way}=off`).join('&')}`;
    const oneByOne = connect(rowByRow, { max: 1, name: 'test' });
    const few = postgresLimitStore({ sql: oneByOne, leaseSeconds: LEASE_SECONDS });
    expect(await few.forgetUnused(1).finally(() => oneByOne.end())).toBe(3);
    expect(await elsewhere.forgetUnused(100)).toBe(2);
    expect(await sql`select key from limit_rates`).toEqual([{ key: 'c' }]);
    expect(await sql`select distinct target from limit_slots`).toEqual([{ target: 'new' }]);
    expect(await sql`select target from limit_circuits`).toEqual([{ target: 'new' }]);
    expect(await store.takeSlots('old', gone, { of: 2, most: 2 })).toBe(2);
  });
});
