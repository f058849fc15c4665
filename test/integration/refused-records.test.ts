import { Type } from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defineOperation } from '../../src/core/operation.ts';
import { succeeded, tryAgain } from '../../src/core/result.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

const closed = { additionalProperties: false };

/** How often each record was given to a handler, in the order of the calls. */
let calls: number[][];
/** The numbers of records that ask to be tried again, and how often. */
let again: Map<number, number>;

/** Writes all records in one statement, as somebody does who leaves it to the database to refuse what is bad. */
const addPeople = defineOperation({
  name: 'add_people',
  version: 1,
  title: 'Add people',
  description: 'Adds people',
  input: Type.Object(
    {
      email: Type.String(),
      age: Type.Optional(Type.Integer()),
      team: Type.Optional(Type.String()),
      /** A team to be given up. */
      leaves: Type.Optional(Type.String()),
      boss: Type.Optional(Type.String()),
    },
    closed,
  ),
  output: Type.Object({ email: Type.String() }, closed),
  failures: { too_old: 'Nobody is that old', busy: 'Somebody else is at it' },
  constraints: { people_age: { code: 'too_old', message: 'nobody is older than 150', field: 'age' } },
  limits: { attempts: 3 },
  async run(records, { sql }) {
    calls.push(records.map((record) => record.number));
    const waiting = new Set(
      records.flatMap(({ number }) => {
        const left = again.get(number) ?? 0;
        again.set(number, left - 1);
        return left > 0 ? [number] : [];
      }),
    );
    const now = records.filter(({ number }) => !waiting.has(number)).map(({ input }) => input);
    await sql`
      insert into people (email, age, team, boss)
      select * from unnest(${now.map((one) => one.email)}::text[], ${now.map((one) => one.age ?? null)}::int[],
        ${now.map((one) => one.team ?? null)}::text[], ${now.map((one) => one.boss ?? null)}::text[])`;
    await sql`delete from teams where name = any (${now.flatMap((one) => one.leaves ?? [])}::text[])`;
    return records.map(({ number, input }) =>
      waiting.has(number)
        ? tryAgain('busy', 'somebody else is at it', { afterSeconds: 0 })
        : succeeded({ email: input.email }),
    );
  },
});

/** Waits in the database for longer than it may, and does not listen. */
const slow = defineOperation({
  name: 'sleep',
  version: 1,
  title: 'Sleep',
  description: 'Sleeps',
  input: Type.Object({ email: Type.String() }, closed),
  output: Type.Object({}, closed),
  failures: {},
  limits: { timeoutSeconds: 0.2 },
  async run(records, { sql }) {
    await sql`insert into people (email) values (${'sleeper@x'})`;
    await sql`select pg_sleep(600)`;
    return records.map(() => succeeded({}));
  },
});

let sheaf: TestSheaf;
beforeAll(async () => {
  sheaf = await openTestSheaf({ SHEAF_MAX_ATTEMPTS: '2' }, { operations: [addPeople, slow] });
  await sheaf.sql.unsafe(`
    create table teams (name text primary key);
    create table people (
      email text not null unique, age int constraint people_age check (age <= 150),
      team text references teams (name),
      boss text references people (email) deferrable initially deferred);
    insert into teams values ('red')`);
  await sheaf.startWorkers();
});
afterAll(() => sheaf.close());
beforeEach(async () => {
  calls = [];
  again = new Map();
  await sheaf.sql`truncate people`;
});

const stored = async () =>
  (await sheaf.sql<{ email: string }[]>`select email from people order by email`).map(({ email }) => email);

/** Runs the rows (email, age, team, boss) and answers what each came to: `ok`, or code, message and column. */
async function run(rows: readonly string[]): Promise<string[]> {
  const batch = await sheaf.run(
    `email,age,team,boss,leaves\n${rows.map((row) => (row.split(',').length === 5 ? row : `${row},`)).join('\n')}\n`,
    { operation: 'add_people' },
  );
  expect(batch.status).toBe('completed');
  return (await sheaf.lines(batch)).map((line) => {
    if (line.status === 'succeeded') return 'ok';
    if (line.status !== 'failed') return line.status;
    const { code, message, column } = line.error;
    return `${code}: ${message}${column === undefined ? '' : ` (${column})`}`;
  });
}

describe('a record that the database refuses', () => {
  it.each([
    ['a@x,,,', 'already_exists: email already exists (email)'],
    ['b@x,,blue,', 'reference_missing: team names something that does not exist (team)'],
    ['b@x,151,,', 'too_old: nobody is older than 150 (age)'],
    // Checked by the database only when the transaction ends.
    ['b@x,,,,red', 'still_in_use: what it would remove or change is still in use'],
    ['b@x,,,nobody@x', 'reference_missing: boss names something that does not exist (boss)'],
  ])('%s fails alone, in plain words', async (bad, told) => {
    expect(await run(['a@x,,,', 'c@x,1,red,a@x', bad, 'd@x,,,'])).toEqual(['ok', 'ok', told, 'ok']);
    expect(await stored()).toEqual(['a@x', 'c@x', 'd@x']);
  });

  it('is found among thousands in a few calls, and the others are written once', async () => {
    const rows = Array.from({ length: 5000 }, (_, n) => `p${n}@x,${n === 3210 ? 151 : 1},red,`);
    const results = await run(rows);
    expect(results.filter((result) => result !== 'ok')).toEqual(['too_old: nobody is older than 150 (age)']);
    expect(results[3210]).toMatch(/^too_old/);
    expect(await stored()).toHaveLength(4999);
    expect(calls.length).toBeLessThanOrEqual(40);
  });

  it('may be every one: that costs hardly more than a call a record', async () => {
    const results = await run(Array.from({ length: 1000 }, (_, n) => `p${n}@x,151,,`));
    expect(new Set(results)).toEqual(new Set(['too_old: nobody is older than 150 (age)']));
    expect(await stored()).toEqual([]);
    expect(calls.length).toBeLessThanOrEqual(1000 + 20);
  });

  it('of two with the same key is the later one', async () => {
    const twice = 'already_exists: email already exists (email)';
    expect(await run(['a@x,1,,', 'b@x,,,', 'a@x,2,,', 'a@x,3,,'])).toEqual(['ok', 'ok', twice, twice]);
    expect(await sheaf.sql`select age from people where email = 'a@x'`).toMatchObject([{ age: 1 }]);
  });
});

describe('a record that asks to be tried again', () => {
  it('waits alone: the others are written once, and keep their results', async () => {
    again.set(2, 2);
    expect(await run(['a@x,,,', 'b@x,,,', 'c@x,,,'])).toEqual(['ok', 'ok', 'ok']);
    expect(await stored()).toEqual(['a@x', 'b@x', 'c@x']);
    expect(calls).toEqual([[1, 2, 3], [2], [2]]);
    expect(await sheaf.sql`select from record_journal`).toHaveLength(0);
  });

  it('fails as it said, when it was tried as often as the operation allows', async () => {
    again.set(1, 99);
    expect(await run(['a@x,,,', 'b@x,,,'])).toEqual(['busy: somebody else is at it', 'ok']);
    expect(calls.filter((numbers) => numbers.includes(1))).toHaveLength(3);
    expect(await stored()).toEqual(['b@x']);
  });

  it('has its result and the others theirs, with the number of tries', async () => {
    again.set(2, 1);
    const batch = await sheaf.run('email\na@x\nb@x\n', { operation: 'add_people' });
    expect((await sheaf.lines(batch)).map((line) => 'attempts' in line && line.attempts)).toEqual([1, 2]);
  });
});

describe('a handler that takes longer than its operation allows', () => {
  it('is given up with what it wrote, and holds nothing up', async () => {
    const batch = await sheaf.run('email\na@x\n', { operation: 'sleep' });
    expect(batch).toMatchObject({ status: 'failed', statusReason: { code: 'retries_exhausted' } });
    expect(batch.statusReason?.message).toMatch(
      /failed 2 times: (sleep took longer than 0.2 s|the database answered 57014)/,
    );
    expect(await stored()).toEqual([]);
    const [busy] = await sheaf.sql`select count(*)::int as n from pg_stat_activity
      where datname = current_database() and query like '%pg_sleep(600)%' and state = 'active' and pid <> pg_backend_pid()`;
    expect(busy?.n).toBe(0);
  });
});
