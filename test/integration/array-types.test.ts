import postgres from 'postgres';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { connect, type Sql } from '../../src/adapters/postgres/connect.ts';
import { serverThatLeaves } from '../support/server-that-leaves.ts';

const opened: Sql[] = [];
const open = (url = inject('postgresUrl')) => {
  const sql = connect(url, { max: 1, name: 'test' });
  opened.push(sql);
  return sql;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sql) => sql.end({ timeout: 1 })));
});

describe('arrays that are bound and read', () => {
  const AWKWARD = ['', 'NULL', 'null', '{}', 'a,b', '"', '\\', '\\"', ' x ', 'ü\n€', null];

  it.each([
    ['text[]', AWKWARD],
    ['text[]', []],
    [
      'text[]',
      [
        ['a', null],
        ['}', ','],
      ],
    ],
    ['uuid[]', ['0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11']],
    ['int[]', [1, -2, null, 2147483647]],
    ['bigint[]', [1, -(2 ** 53) + 1]],
    ['float8[]', [0.1, 1e300, Number.POSITIVE_INFINITY]],
    ['numeric[]', ['0.10', '12345678901234567890.5']],
    ['jsonb[]', [{ a: '"\\' }, null]],
  ])('%s %j', async (type, value) => {
    const sql = open();
    const [row] = await sql`select ${value as never}::${sql.unsafe(type)} as back`;
    expect(row?.back).toEqual(value);
    // As the driver does it by itself.
    const plain = postgres(inject('postgresUrl'), { max: 1 });
    const [other] = await plain`select ${value as never}::${plain.unsafe(type)}::text as told`;
    const [ours] = await sql`select ${value as never}::${sql.unsafe(type)}::text as told`;
    await plain.end();
    expect(ours?.told).toBe(other?.told);
  });

  it.each([
    ['boolean[]', '{t,f,NULL}', [true, false, null]],
    ['timestamptz[]', '{"2026-01-02 03:04:05.678+00"}', [new Date('2026-01-02T03:04:05.678Z')]],
    ['bytea[]', '{"\\\\x005cff"}', [Buffer.from([0, 92, 255])]],
  ])('%s %s', async (type, literal, value) => {
    const sql = open();
    const [row] = await sql`select ${literal}::${sql.unsafe(type)} as back`;
    expect(row?.back).toEqual(value);
  });

  it('arrays whose bounds begin elsewhere', async () => {
    const [row] = await open()`select '[3:5]={1,2,3}'::int[] as back`;
    expect(row?.back).toEqual([1, 2, 3]);
  });
});

describe('a server that goes away as soon as it has taken a connection', () => {
  it('ends no process', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    // It is ready: the connection is made.
    const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
    const url = await serverThatLeaves(inject('postgresUrl'), ready);
    try {
      await expect(open(url)`select 1`).rejects.toThrow();
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});
