import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ADAPTER = join(import.meta.dirname, '../../src/adapters/postgres');

/** As in `id in (select … limit 100 for update)`. */
const LOCKS_SOME_ANEW = /\bin\s*\(\s*select[^`]*?\b(?:limit|offset)\b[^`]*?\bfor (?:no key )?update/;

/**
 * PostgreSQL may run such a subquery anew for each row that it is compared with, if its statistics make that look cheap;
 * rows that the statement itself has changed are passed over then, and it goes on to others: `limit` says nothing any
 * more. A `with … as materialized` is run once.
 */
it('no statement chooses some rows to lock in a subquery that may be run anew', () => {
  const files = readdirSync(ADAPTER).filter((name) => name.endsWith('.ts'));
  const wrong = files.filter((name) => LOCKS_SOME_ANEW.test(readFileSync(join(ADAPTER, name), 'utf8')));
  expect(files).not.toEqual([]);
  expect(wrong).toEqual([]);
});

it('such a subquery is known when it is seen', () => {
  expect('delete from t where id in (\n  select id from t limit 3 for update skip locked)').toMatch(
    LOCKS_SOME_ANEW,
  );
  expect('with t as materialized (select id from t limit 3 for update)').not.toMatch(LOCKS_SOME_ANEW);
});

it('every transaction is begun where it ends with its connection', () => {
  // transaction.ts says what becomes of others.
  const begins = readdirSync(ADAPTER).filter((name) =>
    /\.(?:begin|savepoint|reserve)(?:<[^>]*>)?\((?!\))/.test(readFileSync(join(ADAPTER, name), 'utf8')),
  );
  expect(begins).toEqual(['transaction.ts']);
});
