import { Type } from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defineOperation, type TransactionDefinition } from '../../src/core/operation.ts';
import { succeeded } from '../../src/core/result.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { codeOf, openTraining, type Training } from '../support/training.ts';

/** Handlers that do in their transaction what they had better not. */

const closed = { additionalProperties: false };
const input = Type.Object({ name: Type.String() }, closed);
const output = Type.Object({}, closed);
type Handler = TransactionDefinition<typeof input, typeof output, ReturnType<typeof Type.Object>>['run'];

let sheaf: TestSheaf;
let training: Training;
beforeAll(async () => {
  sheaf = await openTestSheaf();
  training = openTraining(sheaf);
  await sheaf.sql.unsafe('create table things (name text primary key check (length(name) < 10))');
});
afterAll(async () => {
  await training.close();
  await sheaf.close();
});
beforeEach(async () => {
  await sheaf.sql`truncate things, events`;
});

async function apply(run: Handler, names: readonly string[]): Promise<string[]> {
  const words = { name: 'add_things', version: 1, title: 'Add', description: 'Adds', failures: {} };
  const operation = defineOperation({ ...words, input, output, run });
  const inputs = names.map((name) => ({ name }));
  return (await training.apply(operation, inputs)).map(codeOf);
}

const TOO_LONG = 'longer than ten';
const stored = async () =>
  (await sheaf.sql<{ name: string }[]>`select name from things order by name`).map(({ name }) => name);

describe('a statement that comes after its handler has answered', () => {
  it('is refused: nothing of a call that was undone is written by the next', async () => {
    const late: Promise<unknown>[] = [];
    const done = await apply(
      async (records, { sql }) => {
        let failed!: () => void;
        const afterwards = new Promise<void>((resolve) => {
          failed = resolve;
        });
        late.push(afterwards.then(() => sql`insert into things values ('late')`).then(String, String));
        try {
          for (const record of records) await sql`insert into things values (${record.input.name})`;
        } finally {
          setImmediate(failed);
        }
        return records.map(() => succeeded({}));
      },
      ['a', TOO_LONG, 'b'],
    );
    expect(done).toEqual(['ok', 'value_refused', 'ok']);
    expect(await stored()).toEqual(['a', 'b']);
    expect(new Set(await Promise.all(late))).toEqual(
      new Set(['Error: the handler has answered already: nothing is sent any more']),
    );
  });
});

describe('a statement that its handler does not wait for', () => {
  it('fails the record that it is about, and not the process', async () => {
    const done = await apply(
      async (records, { sql }) => {
        for (const record of records) void sql`insert into things values (${record.input.name})`;
        return records.map(() => succeeded({}));
      },
      ['a', TOO_LONG, 'b'],
    );
    expect(done).toEqual(['ok', 'value_refused', 'ok']);
    expect(await stored()).toEqual(['a', 'b']);
  });

  it('and that cannot be sent fails the call', async () => {
    const run: Handler = async (records, { sql }) => {
      void sql`insert into things values (${undefined as never})`;
      return records.map(() => succeeded({}));
    };
    await expect(apply(run, ['a'])).rejects.toThrow('UNDEFINED_VALUE');
    const asText: Handler = async (records, { sql }) => {
      await sql("insert into things values ('a')" as never);
      return records.map(() => succeeded({}));
    };
    await expect(apply(asText, ['a'])).rejects.toThrow('sql is the tag of a template');
  });
});

describe('an error of the database that a handler takes for none', () => {
  const ignores =
    (statement: (sql: Parameters<Handler>[1]['sql']) => Promise<unknown>): Handler =>
    async (records, { sql }) => {
      await statement(sql).catch(() => undefined);
      return records.map(() => succeeded({}));
    };

  it('fails the record all the same', async () => {
    const run = ignores((sql) => sql`insert into things values (${TOO_LONG})`);
    expect(await apply(run, ['a'])).toEqual(['value_refused']);
  });

  it('is told as what it was: contention is tried again', async () => {
    const run = ignores((sql) => sql`do $$ begin raise exception 'x' using errcode = '40P01'; end $$`);
    await expect(apply(run, ['a'])).rejects.toMatchObject({ code: '40P01' });
  });
});

describe('events', () => {
  it('are as many as a handler likes, and only those of calls that stay', async () => {
    const accountId = sheaf.caller.accountId;
    const done = await apply(
      async (records, { sql, emit }) => {
        const events = Array.from({ length: 20_000 }, (_, n) => ({
          type: 'thing.made',
          data: { n, 'ä"': [null] },
        }));
        await emit(events);
        for (const record of records) await sql`insert into things values (${record.input.name})`;
        return records.map(() => succeeded({}));
      },
      ['a', TOO_LONG],
    );
    expect(done).toEqual(['ok', 'value_refused']);
    const [told] = await sheaf.sql`
      select count(*)::int as events, count(distinct id)::int as ids, max((data->>'n')::int) as last,
        min(data->>'ä"') as other
      from events where account_id = ${accountId} and type = 'thing.made'`;
    expect(told).toEqual({ events: 20_000, ids: 20_000, last: 19_999, other: '[null]' });
  });

  it('with what no database holds are the record’s fault', async () => {
    const run: Handler = async (records, { emit }) => {
      await emit([{ type: 'thing.made', data: { text: 'a\u0000b' } }]);
      return records.map(() => succeeded({}));
    };
    expect(await apply(run, ['a'])).toEqual(['value_refused']);
  });
});
