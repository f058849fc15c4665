import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OperationContext } from '../../src/core/operation.ts';
import type { RecordResult } from '../../src/core/result.ts';
import type { TransactionSql } from '../../src/core/sql.ts';
import { createLearner } from '../../src/operations/training/create-learner.ts';
import type { LearnerInput } from '../../src/operations/training/learner-input.ts';
import { gate } from '../support/gate.ts';
import { processed } from '../support/outcomes.ts';
import { addAccount, addBatch, clearBatches } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/** `create_learner` in the transaction that a chunk gives it, on a real database. */

type Mode = 'fail' | 'update';

let sheaf: TestSheaf;

beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_LEASE_SECONDS: '60' });
});
afterAll(() => sheaf.close());
beforeEach(() => clearBatches(sheaf.sql));

interface ChunkOptions {
  accountId?: string;
  /** Runs in the chunk's transaction: `run` is the operation. */
  around?: (sql: TransactionSql, run: (sql?: TransactionSql) => Promise<void>) => Promise<void>;
}

/** Processes one chunk of these learners, as the engine does: claim, transaction, settle. Answers the results. */
async function chunk(
  mode: Mode,
  inputs: readonly LearnerInput[],
  { accountId = sheaf.caller.accountId, around = (_sql, run) => run() }: ChunkOptions = {},
): Promise<RecordResult<unknown>[]> {
  const batchId = await addBatch(sheaf, { status: 'processing', chunks: 1, accountId });
  const session = await sheaf.services.work.openSession();
  const claim = await session.claim('process', { names: ['create_learner'], versions: [1] }, batchId);
  const records = inputs.map((input, index) => ({ number: index + 1, input }));
  let results: readonly RecordResult<unknown>[] = [];
  await session.settleProcessing(claim!, async (tx) => {
    await around(tx.sql, async (sql = tx.sql) => {
      results = await createLearner.run(records, { ...context(mode, accountId), ...tx, sql });
    });
    return processed({ succeeded: 0 });
  });
  session.release();
  return [...results];
}

function context(mode: Mode, accountId: string): OperationContext<unknown> {
  return {
    accountId,
    user: 'admin',
    batchId: 'unused',
    settings: { on_duplicate: mode },
    idempotencyKey: String,
    signal: new AbortController().signal,
    log: sheaf.services.log,
  };
}

/** A result in one word. */
function said(result: RecordResult<unknown>): string {
  return result.status === 'succeeded' ? (result.output as { action: string }).action : result.error.code;
}
const run = async (mode: Mode, inputs: readonly LearnerInput[], options?: ChunkOptions) =>
  (await chunk(mode, inputs, options)).map(said);

const id = (learner_id: string, email?: string): LearnerInput =>
  email === undefined ? { learner_id } : { learner_id, email };

async function emails(accountId = sheaf.caller.accountId): Promise<Record<string, string | null>> {
  const rows = await sheaf.sql`select learner_id, email from learners where account_id = ${accountId}`;
  return Object.fromEntries(rows.map((row) => [row.learner_id, row.email]));
}

/** Waits until some session waits for a lock. */
async function somebodyWaits(): Promise<void> {
  const waiting = async () =>
    (
      await sheaf.sql`
        select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    ).length;
  await expect.poll(waiting, { timeout: 60_000, interval: 10 }).toBeGreaterThan(0);
}

describe('on_duplicate: fail', () => {
  it('creates each learner and answers it in the records’ order', async () => {
    const full: LearnerInput = {
      learner_id: '007',
      email: 'Ada@Example.org',
      given_name: 'Ada',
      family_name: 'King',
      birth_date: '1815-12-10',
      phone: '+44 0',
      country: 'GB',
      score: 99.5,
      joined_at: '2026-01-31T08:00:00+01:00',
    };
    const results = await chunk('fail', [id('b'), full, id('a')]);
    expect(results).toEqual(
      ['b', '007', 'a'].map((learner_id) => ({
        status: 'succeeded',
        output: { learner_id, action: 'created' },
      })),
    );
    const [row] = await sheaf.sql`
      select learner_id, email, given_name, family_name, birth_date::text, phone, country, score::text,
        joined_at = '2026-01-31T07:00:00Z' as joined
      from learners where learner_id = '007'`;
    const { joined_at: _, ...kept } = full;
    expect(row).toEqual({ ...kept, score: '99.50', joined: true });
  });

  it('fails what is stored already, and leaves it as it is', async () => {
    await run('fail', [{ ...id('a', 'a@x.org'), given_name: 'first' }]);
    const [result] = await chunk('fail', [{ ...id('a', 'other@x.org'), given_name: 'second' }]);
    expect(result).toEqual({
      status: 'failed',
      error: {
        code: 'duplicate_learner_id',
        message: 'a learner with the id "a" exists already',
        field: 'learner_id',
      },
    });
    expect(await run('fail', [id('b', 'A@X.org')])).toEqual(['email_taken']);
    expect(await sheaf.sql`select email, given_name from learners`).toEqual([
      { email: 'a@x.org', given_name: 'first' },
    ]);
  });
});

describe('on_duplicate: update', () => {
  it('writes over what is given, keeps what is blank, and creates what is missing', async () => {
    await run('fail', [{ ...id('a', 'a@x.org'), given_name: 'Ana', score: 1, birth_date: '2000-01-01' }]);
    await sheaf.sql`update learners set modified_at = now() - interval '1 day'`;
    const results = await chunk('update', [{ learner_id: 'a', given_name: 'Eva', score: 0 }, id('new')]);
    expect(results.map(said)).toEqual(['updated', 'created']);
    const [row] = await sheaf.sql`
      select email, given_name, score::text, birth_date::text, modified_at > now() - interval '1 hour' as touched
      from learners where learner_id = 'a'`;
    const kept = { email: 'a@x.org', birth_date: '2000-01-01' };
    expect(row).toEqual({ ...kept, given_name: 'Eva', score: '0.00', touched: true });
  });

  it('lets a learner keep its own email, in another case too, and take no other’s', async () => {
    await run('fail', [id('a', 'a@x.org'), id('b', 'b@x.org')]);
    expect(await run('update', [id('a', 'A@X.org'), id('b', 'a@x.org')])).toEqual(['updated', 'email_taken']);
    expect(await emails()).toEqual({ a: 'A@X.org', b: 'b@x.org' });
  });

  it('gives an email on that an earlier record of the chunk gave up', async () => {
    await run('fail', [id('a', 'a@x.org'), id('b', 'b@x.org')]);
    const results = await run('update', [id('a', 'free@x.org'), id('new', 'a@x.org'), id('b', 'A@x.org')]);
    expect(results).toEqual(['updated', 'created', 'email_taken']);
    expect(await emails()).toEqual({ a: 'free@x.org', b: 'b@x.org', new: 'a@x.org' });
  });

  it('lets two learners change their emails over', async () => {
    await run('fail', [id('a', 'a@x.org'), id('b', 'b@x.org')]);
    const swap = [id('a', 'c@x.org'), id('b', 'a@x.org'), id('a', 'b@x.org')];
    expect(await run('update', swap)).toEqual(['updated', 'updated', 'updated']);
    expect(await emails()).toEqual({ a: 'b@x.org', b: 'a@x.org' });
  });
});

describe('records of one chunk that share a key', () => {
  it('by id: the first creates, the others fail or update it one after the other', async () => {
    const three = ['x', 'y', 'z'].map((given_name) => ({ learner_id: 'a', given_name }));
    expect(await run('fail', three)).toEqual(['created', 'duplicate_learner_id', 'duplicate_learner_id']);
    expect(await sheaf.sql`select given_name from learners`).toEqual([{ given_name: 'x' }]);
    await clearBatches(sheaf.sql);
    const [first, ...others] = three;
    expect(await run('update', [{ ...first!, phone: '1' }, ...others])).toEqual([
      'created',
      'updated',
      'updated',
    ]);
    expect(await sheaf.sql`select given_name, phone from learners`).toEqual([
      { given_name: 'z', phone: '1' },
    ]);
  });

  it.each<Mode>(['fail', 'update'])(
    'by email in another case, in %s mode: the first has it',
    async (mode) => {
      const results = await run(mode, [id('a', 'One@x.org'), id('b', 'one@X.ORG'), id('c', 'two@x.org')]);
      expect(results).toEqual(['created', 'email_taken', 'created']);
      expect(await emails()).toEqual({ a: 'One@x.org', c: 'two@x.org' });
    },
  );

  it('in a chain: each is judged by what those before it came to', async () => {
    const chain = [id('a', '1@x.org'), id('a', '3@x.org'), id('c', '3@x.org'), id('d', '1@x.org')];
    expect(await run('fail', chain)).toEqual(['created', 'duplicate_learner_id', 'created', 'email_taken']);
    expect(await emails()).toEqual({ a: '1@x.org', c: '3@x.org' });
    await clearBatches(sheaf.sql);
    // Here the second succeeds: it takes the third’s email, and frees the fourth’s.
    expect(await run('update', chain)).toEqual(['created', 'updated', 'email_taken', 'created']);
    expect(await emails()).toEqual({ a: '3@x.org', d: '1@x.org' });
  });

  it('and an earlier one that failed itself takes no key', async () => {
    await run('fail', [id('stored', 'taken@x.org')]);
    const inputs = [id('a', 'taken@x.org'), id('a', 'free@x.org'), id('b', 'TAKEN@x.org'), id('b')];
    expect(await run('fail', inputs)).toEqual(['email_taken', 'created', 'email_taken', 'created']);
    expect(await emails()).toEqual({ stored: 'taken@x.org', a: 'free@x.org', b: null });
  });

  it.each<[Mode, LearnerInput[]]>([
    ['fail', Array.from({ length: 5000 }, () => id('same', 'same@x.org'))],
    ['update', Array.from({ length: 5000 }, (_, n) => ({ ...id('same', 'same@x.org'), phone: String(n) }))],
    ['fail', Array.from({ length: 5000 }, (_, n) => id(`id ${n}`, 'same@x.org'))],
    ['update', Array.from({ length: 5000 }, (_, n) => id(`id ${n}`, 'same@x.org'))],
    ['update', Array.from({ length: 5000 }, (_, n) => id('same', `${n}@x.org`))],
  ])('are 5,000 and take a handful of statements (%s)', async (mode, inputs) => {
    let statements = 0;
    const results = await run(mode, inputs, {
      around: (sql, go) =>
        go((strings, ...values) => {
          statements += 1;
          return sql(strings, ...values);
        }),
    });
    expect(results[0]).toBe('created');
    expect(new Set(results.slice(1)).size).toBe(1);
    expect(await sheaf.sql`select from learners`).toHaveLength(1);
    expect(statements).toBeLessThanOrEqual(10);
  });
});

describe('accounts', () => {
  it('have learners of their own: neither ids nor emails meet', async () => {
    const other = await addAccount(sheaf.sql);
    await run('fail', [{ ...id('a', 'a@x.org'), given_name: 'mine' }]);
    const theirs = [{ ...id('a', 'a@x.org'), given_name: 'theirs' }, id('b', 'b@x.org')];
    expect(await run('fail', theirs, { accountId: other })).toEqual(['created', 'created']);
    const changed = [{ learner_id: 'a', given_name: 'changed' }];
    expect(await run('update', changed, { accountId: other })).toEqual(['updated']);
    const names = await sheaf.sql`
      select given_name, account_id = ${other} as theirs from learners where learner_id = 'a' order by 2`;
    expect(names).toEqual([
      { given_name: 'mine', theirs: false },
      { given_name: 'changed', theirs: true },
    ]);
  });
});

describe('two transactions at once', () => {
  /** Runs `first`, holds its commit back until `second` waits for it, and answers what both came to. */
  async function overlapping(mode: Mode, first: LearnerInput[], second: LearnerInput[]) {
    const heldBack = gate();
    const one = run(mode, first, {
      around: async (_sql, go) => {
        await go();
        await heldBack.wait();
      },
    });
    await heldBack.arrived;
    const two = run(mode, second);
    await somebodyWaits();
    heldBack.open();
    return await Promise.all([one, two]);
  }

  it('in fail mode: the second sees the first’s rows, and nothing is doubled', async () => {
    const [one, two] = await overlapping(
      'fail',
      [id('a', 'a@x.org'), id('b', 'b@x.org')],
      [id('c', 'A@x.org'), id('b', 'other@x.org'), id('d', 'd@x.org')],
    );
    expect(one).toEqual(['created', 'created']);
    expect(two).toEqual(['email_taken', 'duplicate_learner_id', 'created']);
    expect(await emails()).toEqual({ a: 'a@x.org', b: 'b@x.org', d: 'd@x.org' });
  });

  it('in update mode: the second updates what the first created', async () => {
    const [one, two] = await overlapping(
      'update',
      [{ ...id('a', 'a@x.org'), phone: '1' }],
      [{ learner_id: 'a', given_name: 'Ana' }, id('b', 'a@x.org')],
    );
    expect(one).toEqual(['created']);
    expect(two).toEqual(['updated', 'email_taken']);
    expect(await sheaf.sql`select learner_id, phone, given_name from learners`).toEqual([
      { learner_id: 'a', phone: '1', given_name: 'Ana' },
    ]);
  });

  it('in update mode on a stored learner: both updates take effect', async () => {
    await run('fail', [id('a')]);
    const [one, two] = await overlapping(
      'update',
      [{ learner_id: 'a', phone: '1' }],
      [{ learner_id: 'a', given_name: 'Ana' }],
    );
    expect([one, two]).toEqual([['updated'], ['updated']]);
    expect(await sheaf.sql`select phone, given_name from learners`).toEqual([
      { phone: '1', given_name: 'Ana' },
    ]);
  });

  it('of which the first is rolled back: the second has the keys', async () => {
    const heldBack = gate();
    const one = chunk('fail', [id('a', 'a@x.org')], {
      around: async (_sql, go) => {
        await go();
        await heldBack.wait();
        throw new Error('rolled back');
      },
    });
    const ended = expect(one).rejects.toThrow('rolled back');
    await heldBack.arrived;
    const two = run('fail', [id('b', 'a@x.org'), id('a')]);
    await somebodyWaits();
    heldBack.open();
    await ended;
    expect(await two).toEqual(['created', 'created']);
  });

  it.each<Mode>(['fail', 'update'])(
    'in %s mode: what was in the way and is gone when it is looked at is no longer in the way',
    async (mode) => {
      await run('fail', [id('a', 'a@x.org'), id('b')]);
      // Between the statement that finds the key taken and the one that looks whose it is, the key is freed.
      const results = await run(mode, [id('new', 'a@x.org')], {
        around: (sql, go) =>
          go(async (strings, ...values) => {
            const rows = await sql(strings, ...values);
            await sheaf.sql`delete from learners where learner_id = 'a'`;
            return rows as never;
          }),
      });
      expect(results).toEqual(['created']);
      expect(await emails()).toEqual({ b: null, new: 'a@x.org' });
    },
  );
});

describe('a deadlock', () => {
  it('is tried again and costs no attempt', async () => {
    const held = gate();
    let runs = 0;
    const operation = {
      ...createLearner,
      name: 'create_learner_slowly',
      run: async (records, given) => {
        runs += 1;
        if (runs === 1) {
          await given.sql`select from learners where learner_id = ${'a'} for update`;
          await held.wait();
        }
        return await createLearner.run(records, given);
      },
    } satisfies typeof createLearner;
    const own = await openTestSheaf({ SHEAF_LEASE_SECONDS: '60' }, { operations: [operation] });
    try {
      await own.sql`
        insert into learners (account_id, learner_id)
        select ${own.caller.accountId}, * from unnest(${['a', 'b']}::text[])`;
      await own.startWorkers();
      const handler = await own.upload('learner_id,given_name\na,new\nb,new\n');
      const settings = { on_duplicate: 'update' };
      const batch = await own.submit(handler, { operation: operation.name, settings });
      await held.arrived;
      await own.sql.begin(async (tx) => {
        // This side never looks for deadlocks: so it is the chunk that is ended.
        await tx`set local deadlock_timeout = '1h'`;
        await tx`update learners set phone = 'other' where learner_id = 'b'`;
        const waiting = tx`update learners set phone = 'other' where learner_id = 'a'`.execute();
        const blocked = async () =>
          (await own.sql`select from pg_stat_activity where wait_event_type = 'Lock'`).length;
        await expect.poll(blocked, { timeout: 60_000, interval: 10 }).toBe(1);
        held.open();
        await waiting;
      });
      const ended = await own.ended(batch);
      expect(ended.status).toBe('completed');
      expect(runs).toBe(2);
      expect((await own.lines(ended)).map((line) => 'attempts' in line && line.attempts)).toEqual([1, 1]);
      const rows = await own.sql`select learner_id, given_name, phone from learners order by 1`;
      expect(rows).toEqual([
        { learner_id: 'a', given_name: 'new', phone: 'other' },
        { learner_id: 'b', given_name: 'new', phone: 'other' },
      ]);
    } finally {
      held.open();
      await own.close();
    }
  });
});

/** What the operation promises, one record after the other, without a database. */
function model(mode: Mode, table: Map<string, LearnerInput>, inputs: readonly LearnerInput[]): string[] {
  const ownerOf = (email: string) =>
    [...table.values()].find((learner) => learner.email?.toLowerCase() === email.toLowerCase())?.learner_id;
  return inputs.map((input) => {
    const stored = table.get(input.learner_id);
    if (mode === 'fail' && stored !== undefined) return 'duplicate_learner_id';
    const owner = input.email === undefined ? undefined : ownerOf(input.email);
    if (owner !== undefined && owner !== input.learner_id) return 'email_taken';
    table.set(input.learner_id, { ...stored, ...input });
    return stored === undefined ? 'created' : 'updated';
  });
}

describe('any tables', () => {
  const learner = fc.record(
    {
      learner_id: fc.constantFrom('a', 'b', 'c', 'd'),
      email: fc.constantFrom('1@x.org', '2@x.org', '3@x.org', '1@X.org', '2@X.org'),
      given_name: fc.constantFrom('Ana', 'Eva'),
      score: fc.constantFrom(0, 1.5),
    },
    { requiredKeys: ['learner_id'] },
  );

  it.each<Mode>(['fail', 'update'])(
    'in %s mode come to what the model says, record by record and in the end',
    async (mode) => {
      const chunks = fc.array(fc.array(learner, { minLength: 1, maxLength: 8 }), {
        minLength: 1,
        maxLength: 3,
      });
      await fc.assert(
        fc.asyncProperty(chunks, async (given) => {
          await clearBatches(sheaf.sql);
          const table = new Map<string, LearnerInput>();
          for (const inputs of given) expect(await run(mode, inputs)).toEqual(model(mode, table, inputs));
          const rows = await sheaf.sql`
            select learner_id, email, given_name, score::float8 as score from learners order by learner_id`;
          const expected = [...table.values()]
            .sort((a, b) => (a.learner_id < b.learner_id ? -1 : 1))
            .map((it) => ({ email: null, given_name: null, score: null, ...it }));
          expect([...rows]).toEqual(expected);
        }),
        { numRuns: 150 },
      );
    },
  );
});
