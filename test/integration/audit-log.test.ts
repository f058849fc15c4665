import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { difference, writeAudit } from '../../src/adapters/postgres/audit.ts';
import { postgresAuditReader } from '../../src/adapters/postgres/audit-reader.ts';
import { connect, type Sql } from '../../src/adapters/postgres/connect.ts';
import { RequestError } from '../../src/core/errors.ts';
import type {
  AuditActor,
  AuditEntry,
  AuditFilters,
  AuditReader,
  AuditRow,
} from '../../src/engine/ports/audit-log.ts';
import { addAccount } from '../support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/sheaf.ts';

/** Who did what to what, when and from where; found again by all of it; and never changed. */

let database: TestDatabase;
let sql: Sql;
let reader: AuditReader;
let account: string;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url, { max: 5, name: 'test' });
  reader = postgresAuditReader(sql);
  account = await addAccount(sql as never);
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

const someone = (): AuditActor => ({
  accountId: account,
  ownAccountId: account,
  user: 'ada',
  principal: { kind: 'user', id: uuidv7() },
  ip: '203.0.113.7',
  requestId: uuidv7(),
});

async function note(entry: Partial<AuditEntry> = {}, actor: Partial<AuditActor> = {}): Promise<string> {
  const target = entry.target ?? { kind: 'batch', id: uuidv7() };
  await writeAudit(sql, { ...someone(), ...actor }, { action: 'update_batch', ...entry, target });
  return target.id;
}

const found = async (filters: AuditFilters) =>
  (await reader.list({ limit: 100, filters })).map(({ target }) => target.id);

async function exported(filters: AuditFilters): Promise<AuditRow[]> {
  const rows: AuditRow[] = [];
  for await (const some of reader.export(filters)) rows.push(...some);
  return rows;
}

describe('it only grows', () => {
  it.each([
    ['an update', 'update audit_log set actor_name = $$nobody$$'],
    ['an update of nothing', 'update audit_log set ip = null where false'],
    ['a delete', 'delete from audit_log'],
    ['a truncate', 'truncate audit_log'],
    ['a truncate of what it hangs on', 'truncate accounts cascade; truncate audit_log cascade'],
    ['an upsert', 'insert into audit_log select * from audit_log on conflict (id) do update set ip = null'],
    [
      'a merge',
      'merge into audit_log a using (select 1) b on true when matched then update set action = $$none$$',
    ],
    ['an insert with an id of its own', 'insert into audit_log select * from audit_log'],
  ])('%s is refused, to the owner too', async (_name, statement) => {
    await note();
    const before = await exported({});
    const [owner] = await sql`
      select pg_has_role(current_user, relowner, 'usage') as is from pg_class where relname = 'audit_log'`;
    expect(owner?.is).toBe(true);
    await expect(sql.unsafe(statement)).rejects.toThrow(/only grows|non-DEFAULT value/);
    expect(await exported({})).toEqual(before);
  });

  it('what is undone is not noted, and what is noted was done', async () => {
    const target = { kind: 'user', id: uuidv7() } as const;
    const undone = sql.begin(async (tx) => {
      await writeAudit(tx, someone(), { action: 'delete_user', target });
      throw new Error('the change failed');
    });
    await expect(undone).rejects.toThrow('the change failed');
    expect(await found({ target: target.id })).toEqual([]);
  });
});

describe('an entry', () => {
  it('says who did what to what, when, from where, and what was before and after', async () => {
    const actor = someone();
    const target = { kind: 'user', id: uuidv7() } as const;
    const changed = difference({ role: 'viewer', name: 'Ada' }, { role: 'admin', name: 'Ada' });
    const start = Date.now() / 1000 - 5;
    await writeAudit(sql, actor, { action: 'update_user', target, ...changed });
    const [row] = await reader.list({ limit: 1, filters: { target: target.id } });
    expect(row).toEqual({
      id: expect.stringMatching(/^\d+$/),
      at: expect.any(Number),
      account: { id: account, name: account },
      actor: { ...actor.principal, name: 'ada', accountId: account },
      action: 'update_user',
      target,
      ip: '203.0.113.7',
      requestId: actor.requestId,
      before: { role: 'viewer' },
      after: { role: 'admin' },
    });
    expect(row!.at).toBeGreaterThan(start);
    expect(row!.at).toBeLessThan(start + 60);
  });

  it('may be of nobody, in no account', async () => {
    const id = await note(
      { action: 'sign_in_failed', target: { kind: 'user', id: 'mallory' } },
      {
        accountId: null,
        ownAccountId: null,
        user: 'mallory',
        principal: { kind: 'nobody' },
        ip: null,
        requestId: null,
      },
    );
    const [row] = await reader.list({ limit: 1, filters: { target: id } });
    expect(row).toMatchObject({
      account: null,
      actor: { kind: 'nobody', id: null, name: 'mallory', accountId: null },
      ip: null,
      requestId: null,
      before: null,
      after: null,
    });
  });
});

describe('the list', () => {
  it('is newest first, in pages that leave nothing out while entries come in', async () => {
    const ids: string[] = [];
    const action = `page_${uuidv7()}`;
    for (let n = 0; n < 7; n += 1) ids.unshift(await note({ action }));
    const seen: AuditRow[] = [];
    for (let before: string | undefined; ; before = seen.at(-1)!.id) {
      const page = await reader.list({
        limit: 3,
        filters: { action },
        ...(before !== undefined && { before }),
      });
      seen.push(...page);
      if (page.length < 3) break;
      await note({ action });
    }
    expect(seen.map(({ target }) => target.id)).toEqual(ids);
  });

  it('is filtered by each thing that it tells, and by several at once', async () => {
    const other = await addAccount(sql as never);
    const requestId = uuidv7();
    const mine = await note({ action: 'delete_batch' }, { user: 'grace', ip: '2001:db8::1', requestId });
    const theirs = await note({ action: 'delete_role', target: { kind: 'role', id: `r-${other}` } }, {
      accountId: other,
      user: 'grace',
    } as Partial<AuditActor>);
    expect(await found({ account: other })).toEqual([theirs]);
    expect(await found({ actor: 'grace' })).toEqual([theirs, mine]);
    expect(await found({ actor: 'grace', action: 'delete_batch' })).toEqual([mine]);
    expect(await found({ actor: 'grace', targetKind: 'role' })).toEqual([theirs]);
    expect(await found({ target: theirs })).toEqual([theirs]);
    expect(await found({ requestId })).toEqual([mine]);
    expect(await found({ ip: '2001:db8::1' })).toEqual([mine]);
    expect(await found({ actor: 'grace', account })).toEqual([mine]);
    expect(await found({ actor: 'Grace' })).toEqual([]);
  });

  it('the moment that an entry is shown with is one that it is found from, and not before', async () => {
    const target = await note();
    const [row] = await reader.list({ limit: 1, filters: { target } });
    const at = row!.at;
    const next = Math.round(at * 1000 + 1) / 1000;
    expect(await found({ target, from: at })).toEqual([target]);
    expect(await found({ target, before: at })).toEqual([]);
    expect(await found({ target, from: next })).toEqual([]);
    expect(await found({ target, before: next })).toEqual([target]);
    expect(await found({ target, from: 0, before: 253_402_300_799 })).toEqual([target]);
    for (const filters of [
      { target, from: at, before: next },
      { target, from: 0, before: 253_402_300_799 },
    ]) {
      expect((await exported(filters)).map((entry) => entry.target.id)).toEqual([target]);
    }
    expect(await exported({ target, from: next })).toEqual([]);
    expect(await exported({ target, before: at })).toEqual([]);
  });
});

describe('search', () => {
  it.each([
    '%',
    '_',
    '\\',
    '%%',
    'a_c',
    "'",
    "' or true --",
    '"',
    '\\u0061',
    '\n',
    '🎉',
    'Ünïcode',
    'é\u0301',
  ])('takes %j for what it is, wherever it stands', async (text) => {
    const account = await addAccount(sql as never);
    const needle = `needle${text}end`;
    const ids = [
      await note({ after: { deep: [{ value: `x${needle}x` }] } }, { accountId: account }),
      await note({ before: { name: needle.toUpperCase() } }, { accountId: account }),
      await note({}, { accountId: account, user: needle }),
      await note({ target: { kind: 'role', id: needle } }, { accountId: account }),
    ];
    await note({ after: { name: 'needleXend', other: 'abc' } }, { accountId: account, user: 'needleend' });
    expect(await found({ account, search: needle })).toEqual(ids.reverse());
    expect((await exported({ account, search: needle })).map(({ target }) => target.id)).toEqual(ids);
  });

  it('no filter whatever makes an error of the database', async () => {
    await note({ before: { a: 'x' }, after: { a: [1, { b: 'y' }] } });
    const text = fc.string({ unit: 'binary', minLength: 1 }).filter((one) => !one.includes('\0'));
    const moment = fc.double({ min: 0, max: 253_402_300_799, noNaN: true });
    const filters = fc.record(
      {
        account: fc.uuid(),
        ...{ actor: text, action: text, targetKind: text, target: text, requestId: text, ip: text },
        ...{ from: moment, before: moment, search: text },
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(filters, async (given) => {
        const listed = await reader.list({ limit: 10_000, filters: given as AuditFilters });
        expect(await exported(given as AuditFilters)).toEqual(listed);
      }),
      { numRuns: 200 },
    );
  });

  it('that would look through too much is cut off with a word on what to narrow, and holds nothing after', async () => {
    const impatientSql = connect(database.url, { max: 1, name: 'test', statementMs: 40 });
    const impatient = postgresAuditReader(impatientSql);
    await sql`
      insert into audit_log (account_id, actor_kind, actor_name, action, target_kind, target_id, after)
      select ${account}, 'user', 'crowd', 'update_batch', 'batch', n::text, jsonb_build_object('v', repeat('x', 2000))
      from generate_series(1, 30000) n`;
    const broad = impatient.list({ limit: 20, filters: { search: 'found nowhere' } });
    const error = await broad.then(
      () => null,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(RequestError);
    expect(error.code).toBe('invalid_request');
    expect(error.errors).toMatchObject([{ pointer: '?from' }]);
    const id = await note({ action: 'narrow' });
    const narrow = { target: id, search: id.slice(0, 13).toUpperCase() };
    expect((await impatient.list({ limit: 20, filters: narrow })).length).toBe(1);
    const looking = () => sql`
      select from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and query ilike '%strpos%' and state <> 'idle'`;
    await expect.poll(async () => (await looking()).length, { timeout: 20_000 }).toBe(0);
    await impatientSql.end();
  });
});

describe('the export', () => {
  it('has every entry that fits once, newest first, however many and however few of how many', async () => {
    const account = await addAccount(sql as never);
    await sql`
      insert into audit_log (account_id, actor_kind, actor_name, action, target_kind, target_id)
      select case when n % 7 = 0 then ${account}::uuid end, 'user', 'many', 'a' || n % 3, 'batch', n::text
      from generate_series(1, 45000) n`;
    const all = await exported({ actor: 'many' });
    expect(all.map(({ target }) => target.id)).toEqual(
      Array.from({ length: 45_000 }, (_, n) => String(45_000 - n)),
    );
    const some = await exported({ account });
    expect(some.length).toBe(Math.floor(45_000 / 7));
    expect(new Set(some.map(({ id }) => id)).size).toBe(some.length);
    const few = await exported({ account, target: '7' });
    expect(few.map(({ target }) => target.id)).toEqual(['7']);
  });

  it('ends, though entries come in all the time', async () => {
    let going = true;
    const writing = (async () => {
      while (going) await note({ action: 'meanwhile' });
    })();
    const rows = await exported({});
    going = false;
    await writing;
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  });

  it('holds no connection between two pages', async () => {
    const lonely = connect(database.url, { max: 1, name: 'test' });
    const pages = postgresAuditReader(lonely).export({})[Symbol.asyncIterator]();
    expect((await pages.next()).done).toBe(false);
    const [free] = await lonely`select 1 as one`;
    expect(free?.one).toBe(1);
    const [open] = await sql`
      select count(*)::int as n from pg_stat_activity
      where datname = current_database() and state = 'idle in transaction'`;
    expect(open?.n).toBe(0);
    await pages.return?.(undefined);
    await lonely.end();
  });
});
