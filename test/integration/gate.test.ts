import { setTimeout as sleep } from 'node:timers/promises';
import Type from 'typebox';
import { v4 as uuidv4 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, type Sql } from '../../src/adapters/postgres/connect.ts';
import { postgresLimitStore } from '../../src/adapters/postgres/limit-store.ts';
import type { AccountLimitSettings } from '../../src/core/account-limits.ts';
import type { OperationLimits } from '../../src/core/limits.ts';
import { defineOperation } from '../../src/core/operation.ts';
import { Gate, type Pass } from '../../src/engine/gate.ts';
import { AccountRates } from '../../src/engine/limits/account-rates.ts';
import type { LimitStore } from '../../src/engine/ports/limit-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/sheaf.ts';
import { silentLog } from '../support/silent-log.ts';

/** Gates on one database, each with connections of its own, as processes have them. */

const ACCOUNT = uuidv4();
const LEASE_SECONDS = 30;
const running = new AbortController().signal;

/** What an admin has set for accounts. */
const settings = new Map<string, AccountLimitSettings>();
const accounts = { limitSettings: async (id: string) => settings.get(id) ?? {} };

let database: TestDatabase;
let sql: Sql;
const opened: { gate: Gate; sql: Sql }[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url, { max: 4, name: 'test' });
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});
beforeEach(() => sql`truncate limit_rates, limit_slots, limit_circuits`);
afterEach(async () => {
  for (const { gate, sql } of opened.splice(0)) {
    await gate.close();
    await sql.end();
  }
});

function openGate(
  options: { leaseSeconds?: number; through?: (store: LimitStore) => LimitStore } = {},
): Gate {
  const { leaseSeconds = LEASE_SECONDS, through = (store) => store } = options;
  const connection = connect(database.url, { max: 4, name: 'test' });
  const limits = through(postgresLimitStore({ sql: connection, leaseSeconds }));
  const gate = new Gate({ limits, leaseSeconds, log: silentLog, accounts });
  opened.push({ gate, sql: connection });
  return gate;
}

const described = {
  version: 1,
  title: 'Send',
  description: 'Sends something.',
  input: Type.Object({ value: Type.String() }, { additionalProperties: false }),
  output: Type.Object({}),
  failures: {},
  run: async () => [],
};

const outside = (limits: OperationLimits, name = 'send_outside') =>
  defineOperation({ ...described, name, target: 'elsewhere', effects: 'outside', limits });
const inside = (limits: OperationLimits) => defineOperation({ ...described, name: 'write_inside', limits });

async function entered(gate: Gate, operation: Parameters<Gate['enter']>[0]): Promise<Pass> {
  for (;;) {
    const pass = await gate.enter(operation, ACCOUNT, running);
    if (!('waitSeconds' in pass)) return pass;
  }
}

/** Makes calls as a chunk does, as many at once as it may, until told to stop. */
function keepCalling(pass: Pass, make: () => Promise<void>) {
  let stopped = false;
  let made = 0;
  const one = async () => {
    if ((await pass.call(1, running)) !== null) return;
    await make();
    made += 1;
    pass.told({ down: false });
  };
  const all = (async () => {
    const out = new Set<Promise<void>>();
    while (!stopped) {
      while (out.size < pass.calls) {
        const call: Promise<void> = one().finally(() => out.delete(call));
        out.add(call);
      }
      await Promise.race(out);
    }
    await Promise.all(out);
    await pass.release();
  })();
  return {
    get made() {
      return made;
    },
    stop: async () => {
      stopped = true;
      await all;
    },
  };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20);
}

const heldSlots = async () =>
  (await sql`select from limit_slots where holder is not null and expires_at > clock_timestamp()`).length;

describe('an operation without limits', () => {
  it('in transactions costs no statement', async () => {
    const nowhere = connect('postgres://nobody@127.0.0.1:1/nothing', { max: 1, name: 'test' });
    const limits = postgresLimitStore({ sql: nowhere, leaseSeconds: LEASE_SECONDS });
    const gate = new Gate({ limits, leaseSeconds: LEASE_SECONDS, log: silentLog, accounts });
    const pass = await entered(gate, inside({}));
    expect(await pass.take(5000)).toEqual({ records: 5000, waitSeconds: 0 });
    expect(await pass.call(1, running)).toBeNull();
    pass.told({ down: true, waitSeconds: 60 });
    await pass.release();
    await gate.close();
    await nowhere.end();
  });

  it('with effects outside makes several calls at once, and still waits when its target asks for it', async () => {
    const [gate, other] = [openGate(), openGate()];
    const pass = await entered(gate, outside({}));
    expect(pass.calls).toBe(16);
    for (let n = 0; n < 16; n += 1) expect(await pass.call(1, running)).toBeNull();
    pass.told({ down: true });
    pass.told({ waitSeconds: 600 });
    expect(await pass.call(1, running)).toBeGreaterThan(500);
    await pass.release();
    const later = await other.enter(outside({}), ACCOUNT, running);
    expect(later).toEqual({ waitSeconds: expect.any(Number) });
    expect((later as { waitSeconds: number }).waitSeconds).toBeGreaterThan(500);
  });
});

describe('calls at once', () => {
  it('are never more than the limit, over several gates and chunks, and all are made', async () => {
    const operation = outside({ concurrency: 5 });
    let now = 0;
    let most = 0;
    const make = async () => {
      now += 1;
      most = Math.max(most, now);
      await sleep(15);
      now -= 1;
    };
    const gates = [openGate(), openGate()];
    const chunks = await Promise.all(
      Array.from({ length: 5 }, async (_, n) => keepCalling(await entered(gates[n % 2]!, operation), make)),
    );
    await until(() => chunks.every(({ made }) => made >= 20));
    await Promise.all(chunks.map(({ stop }) => stop()));
    expect(most).toBeLessThanOrEqual(5);
    expect(most).toBeGreaterThan(1);
    expect(await heldSlots()).toBe(0);
  });

  it('are shared with a chunk that comes while another has them all', async () => {
    const operation = outside({ concurrency: 10 });
    const first = await entered(openGate(), operation);
    const greedy = keepCalling(first, () => sleep(10));
    await until(() => first.calls === 10);
    const second = await entered(openGate(), operation);
    const modest = keepCalling(second, () => sleep(10));
    await until(() => first.calls === 5 && second.calls === 5);
    await greedy.stop();
    await until(() => second.calls === 10);
    await modest.stop();
  });

  it('are taken in turns where there are more chunks than slots', async () => {
    const operation = outside({ concurrency: 1 });
    const gates = [openGate(), openGate()];
    let now = 0;
    let most = 0;
    const make = async () => {
      now += 1;
      most = Math.max(most, now);
      await sleep(10);
      now -= 1;
    };
    const chunks: ReturnType<typeof keepCalling>[] = [];
    // Each begins while all before it go on.
    for (const n of [0, 1, 2]) chunks.push(keepCalling(await entered(gates[n % 2]!, operation), make));
    const before = chunks.map(({ made }) => made);
    await until(() => chunks.every(({ made }, n) => made > before[n]!));
    await Promise.all(chunks.map(({ stop }) => stop()));
    expect(most).toBe(1);
  });

  it('in transactions are as many chunks as may run at once', async () => {
    const operation = inside({ concurrency: 2 });
    const [gate, other] = [openGate(), openGate()];
    const first = await entered(gate, operation);
    await entered(other, operation);
    const refused = await other.enter(operation, ACCOUNT, running);
    expect(refused).toEqual({ waitSeconds: expect.any(Number) });
    // It waits for a while before it says so: somebody may leave.
    const waiting = other.enter(operation, ACCOUNT, running);
    await first.release();
    expect(
      'waitSeconds' in (await waiting) ? await other.enter(operation, ACCOUNT, running) : {},
    ).not.toHaveProperty('waitSeconds');
  });

  it('are not waited for any longer by who is told to stop', async () => {
    const operation = outside({ concurrency: 1 });
    await entered(openGate(), operation);
    const gate = openGate();
    const stopping = new AbortController();
    const waiting = gate.enter(operation, ACCOUNT, stopping.signal);
    stopping.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
    expect(await heldSlots()).toBe(1);
  });
});

describe('what a process holds', () => {
  it('is others’ once it has died and its lease is over', async () => {
    const operation = outside({ concurrency: 3 });
    await postgresLimitStore({ sql, leaseSeconds: LEASE_SECONDS }).takeSlots('target:elsewhere', uuidv4(), {
      of: 3,
      most: 3,
    });
    const gate = openGate();
    expect(await gate.enter(operation, ACCOUNT, running)).toHaveProperty('waitSeconds');
    await sql`update limit_slots set expires_at = clock_timestamp()`;
    expect(await gate.enter(operation, ACCOUNT, running)).not.toHaveProperty('waitSeconds');
  });

  it('is renewed while it lives', async () => {
    await entered(openGate({ leaseSeconds: 6 }), outside({ concurrency: 2 }));
    const expiries = () => sql<{ at: Date }[]>`select max(expires_at) as at from limit_slots`;
    const [before] = await expiries();
    await until(async () => (await expiries())[0]!.at > before!.at);
  });

  it('is not used any more when the lease is over without being renewed', async () => {
    const gate = openGate({ leaseSeconds: 2 });
    const pass = await entered(gate, outside({ concurrency: 2 }));
    expect(await pass.call(1, running)).toBeNull();
    pass.told({});
    await opened[0]!.sql.end();
    for (;;) {
      const wait = await pass.call(1, running);
      if (wait !== null) break;
      pass.told({});
      await sleep(50);
    }
    expect(pass.calls).toBe(1);
  });

  it('is given back when it closes, and by each pass', async () => {
    const gate = openGate();
    const pass = await entered(gate, outside({ concurrency: 4 }));
    await entered(gate, inside({ concurrency: 1 }));
    expect(await heldSlots()).toBeGreaterThan(1);
    await pass.release();
    await pass.release();
    expect(await heldSlots()).toBe(1);
    await gate.close();
    expect(await heldSlots()).toBe(0);
  });
});

describe('a rate', () => {
  it('is asked for in bulk', async () => {
    let asked = 0;
    const through = (store: LimitStore): LimitStore => ({
      ...store,
      take: (...given) => {
        asked += 1;
        return store.take(...given);
      },
    });
    const operation = outside({ rate: { records: 1_000_000, seconds: 1, per: 'operation' } });
    const pass = await entered(openGate({ through }), operation);
    for (let made = 0; made < 5000; made += 1) {
      expect(await pass.call(1, running)).toBeNull();
      pass.told({ down: false });
    }

    expect(asked).toBeLessThan(500);
  });

  it('is never exceeded over several gates', async () => {
    const operation = outside({ rate: { records: 20, seconds: 1, per: 'operation' } });
    const began = performance.now();
    const chunks = await Promise.all(
      [openGate(), openGate(), openGate()].map(async (gate) =>
        keepCalling(await entered(gate, operation), async () => undefined),
      ),
    );
    const made = () => chunks.reduce((sum, chunk) => sum + chunk.made, 0);
    await until(() => made() > 50);
    await Promise.all(chunks.map(({ stop }) => stop()));
    expect(made()).toBeLessThanOrEqual(20 * (Math.ceil((performance.now() - began) / 1000) + 1));
  });

  it('says when to come back, for each account on its own', async () => {
    const operation = outside({ rate: { records: 5, seconds: 3600, per: 'account' } });
    const gate = openGate();
    const pass = await entered(gate, operation);
    expect(await pass.call(5, running)).toBeNull();
    expect(await pass.call(1, running)).toBeGreaterThan(3000);
    const other = (await gate.enter(operation, uuidv4(), running)) as Pass;
    expect(await other.call(5, running)).toBeNull();
  });

  it('allows a chunk in a transaction as many records as there are', async () => {
    const operation = inside({ rate: { records: 30, seconds: 60, per: 'account' } });
    const [gate, other] = [openGate(), openGate()];
    const pass = await entered(gate, operation);
    expect(await pass.take(0)).toEqual({ records: 0, waitSeconds: 0 });
    expect(await pass.take(20)).toEqual({ records: 20, waitSeconds: 0 });
    const rest = await (await entered(other, operation)).take(20);
    expect(rest.records).toBe(10);
    expect(rest.waitSeconds).toBeGreaterThan(1);
    expect((await pass.take(1)).records).toBe(0);
    // Whoever comes now need not even begin.
    expect(await gate.enter(operation, ACCOUNT, running)).toHaveProperty('waitSeconds');
    expect(await gate.enter(operation, uuidv4(), running)).not.toHaveProperty('waitSeconds');
    // What was counted before is not counted again.
    const single = (await gate.enter(operation, ACCOUNT, running, { rateTaken: true })) as Pass;
    expect(await single.take(1)).toEqual({ records: 1, waitSeconds: 0 });
  });

  it('that is set for an account takes the place of the operation’s own, whatever it says', async () => {
    const [rich, poor] = [uuidv4(), uuidv4()];
    settings.set(rich, { requests: { write_inside: { perMinute: 40, lockSeconds: 0 } } });
    settings.set(poor, {
      requests: { write_inside: { perMinute: 5, lockSeconds: 300 }, other: { perMinute: 1, lockSeconds: 0 } },
    });
    const operation = inside({ rate: { records: 10, seconds: 3600, per: 'account' } });
    const gate = openGate();
    const taken = async (account: string) => {
      const pass = (await gate.enter(operation, account, running)) as Pass;
      return (await pass.take(100)).records;
    };
    expect(await taken(rich)).toBe(40);
    expect(await taken(poor)).toBe(5);
    expect(await taken(ACCOUNT)).toBe(10);
    expect(await gate.enter(operation, poor, running)).toHaveProperty('waitSeconds');
  });

  it('that is set for an account holds besides what all share', async () => {
    const account = uuidv4();
    settings.set(account, {
      requests: {
        write_inside: { perMinute: 30, lockSeconds: 0 },
        send_outside: { perMinute: 30, lockSeconds: 0 },
      },
    });
    const rate = { records: 50, seconds: 3600, per: 'operation' } as const;
    for (const [operation, left] of [
      [inside({ rate }), 20],
      [outside({ rate, callRecords: 30 }), 20],
    ] as const) {
      const gate = openGate();
      const mine = (await gate.enter(operation, account, running)) as Pass;
      const others = await entered(gate, operation);
      if (operation.effects === 'outside') {
        expect(await mine.call(30, running)).toBeNull();
        expect(await mine.call(1, running)).toBeGreaterThan(30);
        expect(await others.call(left, running)).toBeNull();
        expect(await others.call(1, running)).toBeGreaterThan(3000);
      } else {
        const { records, waitSeconds } = await mine.take(100);
        expect(records).toBe(30);
        expect(waitSeconds).toBeGreaterThanOrEqual(1);
        expect((await others.take(100)).records).toBe(left);
      }
    }
  });

  it('is not taken from in vain where another one that holds too is known to be used up', async () => {
    const account = uuidv4();
    settings.set(account, { requests: { send_outside: { perMinute: 30, lockSeconds: 0 } } });
    const operation = outside({ rate: { records: 5, seconds: 3600, per: 'operation' } });
    const gate = openGate();
    const mine = (await gate.enter(operation, account, running)) as Pass;
    expect(await mine.call(5, running)).toBeNull();
    const used = async () => {
      const [row] = await sql<{ used: number }[]>`
        select sum(n)::int as used from limit_rates, unnest(taken) as n where key like ${`%${account}`}`;
      return row!.used;
    };
    expect(await mine.call(1, running)).toBeGreaterThan(3000);
    const before = await used();
    await sql`update limit_rates set taken = '{}' where key like ${`%${account}`}`;
    for (let n = 0; n < 50; n += 1) expect(await mine.call(1, running)).toBeGreaterThan(3000);
    expect(before).toBeGreaterThanOrEqual(5);
    expect(await used()).toBeNull();
  });

  it('that is changed counts a few seconds later, and is looked up no more often', async () => {
    const account = uuidv4();
    let asked = 0;
    const rates = new AccountRates({
      limitSettings: async () => {
        asked += 1;
        return { requests: { write_inside: { perMinute: asked, lockSeconds: 0 } } };
      },
    });
    const operation = inside({ rate: { records: 10, seconds: 60, per: 'account' } });
    expect(await rates.of(inside({}), account)).toEqual([]);
    const found = await Promise.all(Array.from({ length: 20 }, () => rates.of(operation, account)));
    for (const [one] of found) expect(one!.rate.records).toBe(1);
    expect(asked).toBe(1);
    await until(async () => (await rates.of(operation, account))[0]!.rate.records === 2);
    expect(asked).toBe(2);
  });

  it('of a target is shared by its operations, each up to its own', async () => {
    const rate = { records: 10, seconds: 3600, per: 'operation' } as const;
    const gate = openGate();
    const all = await entered(gate, outside({ rate }));
    const few = await entered(openGate(), outside({ rate: { ...rate, records: 4 } }, 'send_few'));
    const daily = await entered(gate, outside({ rate: { ...rate, seconds: 86_400 } }, 'send_daily'));
    expect(await few.call(2, running)).toBeNull();
    expect(await all.call(2, running)).toBeNull();
    expect(await few.call(1, running)).toBeGreaterThan(3000);
    expect(await all.call(6, running)).toBeNull();
    expect(await all.call(1, running)).toBeGreaterThan(3000);
    expect(await daily.call(10, running)).toBeNull();
    expect(await daily.call(1, running)).toBeGreaterThan(80_000);
  });

  it('lets a call through that needs all of it', async () => {
    const operation = outside({ callRecords: 20, rate: { records: 20, seconds: 3600, per: 'operation' } });
    const pass = await entered(openGate(), operation);
    expect(await pass.call(20, running)).toBeNull();
    expect(await pass.call(1, running)).toBeGreaterThan(3000);
  });
});

describe('a target', () => {
  const breaker = { failures: 3, seconds: 600 };
  /** What was told is noted a moment later. */
  const endOpen = () =>
    until(async () => {
      const ended = await sql`
        update limit_circuits set open_until = clock_timestamp() where open_until > clock_timestamp()`;
      return ended.count > 0;
    });

  it('that asks to be left alone is left alone by all, those under way too', async () => {
    const [gate, other] = [openGate(), openGate()];
    const [here, there] = [await entered(gate, outside({})), await entered(other, outside({}, 'send_too'))];
    expect(await here.call(1, running)).toBeNull();
    here.told({ waitSeconds: 600 });
    let wait: number | null = null;
    await until(async () => {
      wait = await there.call(1, running);
      if (wait === null) there.told({ down: false });
      return wait !== null;
    });
    expect(wait).toBeGreaterThan(500);
  });

  it('that is down is not called any more, until one call has found it up again', async () => {
    const operation = outside({ breaker });
    const [gate, other] = [openGate(), openGate()];
    const [here, there] = [await entered(gate, operation), await entered(other, operation)];
    for (const pass of [here, there, here]) {
      expect(await pass.call(1, running)).toBeNull();
      pass.told({ down: true });
      await sleep(0);
    }
    await until(async () => {
      const waits = await Promise.all([here, there].map((pass) => pass.call(1, running)));
      [here, there].forEach((pass, n) => {
        if (waits[n] === null) pass.told({});
      });
      return waits.every((wait) => wait !== null && wait > 500);
    });
    expect(await openGate().enter(operation, ACCOUNT, running)).toHaveProperty('waitSeconds');

    await endOpen();
    const found = async () => {
      const tried = await Promise.all([here, here, there, there].map((pass) => pass.call(1, running)));
      return tried.flatMap((wait, n) => (wait === null ? [n < 2 ? here : there] : []));
    };
    let probing: Pass[] = [];
    await until(async () => {
      probing = await found();
      return probing.length > 0;
    });
    expect(probing).toHaveLength(1);
    expect(await found()).toHaveLength(0);

    probing[0]!.told({ down: true });
    await until(async () => ((await here.call(1, running)) ?? 0) > 500);
    await endOpen();
    await until(async () => {
      probing = await found();
      return probing.length > 0;
    });
    expect(probing).toHaveLength(1);
    probing[0]!.told({ down: false });
    await until(async () => {
      const going = await found();
      for (const pass of going) pass.told({ down: false });
      return going.length === 4;
    });
  });

  it('that answers in between is not taken to be down', async () => {
    const pass = await entered(openGate(), outside({ breaker }));
    for (const down of [true, true, false, true, true]) {
      expect(await pass.call(1, running)).toBeNull();
      pass.told({ down });
    }
    expect(await pass.call(1, running)).toBeNull();
    await pass.release();
    expect(await sql`select failures, open_until as open from limit_circuits`).toEqual([
      { failures: 2, open: null },
    ]);
  });
});
