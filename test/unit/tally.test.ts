import { describe, expect, test } from 'vitest';
import { failedLine, type ResultLine, succeededLine, unprocessedLine } from '../../src/core/result.ts';
import { coercionCounts, MOST_FIRST_ERRORS, summarise } from '../../src/core/tally.ts';

const required = { code: 'required', message: 'must be given', field: 'id', column: 'Nr' };
const long = { code: 'too_long', message: 'must have at most 2 characters', field: 'a', value: 'abc' };

describe('summarise', () => {
  test('counts each code once for a record, whoever gave it, and shows the first broken rule', () => {
    const lines: ResultLine[] = [
      succeededLine(1, {}, 1),
      failedLine(2, [required, { ...required, field: 'b' }, long], 0, 'x'),
      failedLine(3, [{ code: 'email_taken', message: 'is taken', field: 'email' }], 2),
      unprocessedLine(4),
      failedLine(5, [long], 0),
    ];
    expect(summarise(lines)).toEqual({
      codes: { required: 1, too_long: 2, email_taken: 1 },
      first: [
        { record: 2, ...required },
        { record: 3, code: 'email_taken', message: 'is taken', field: 'email' },
        { record: 5, ...long },
      ],
    });
  });

  test('of nothing is nothing', () => {
    expect(summarise([succeededLine(1, {}, 1)])).toEqual({ codes: {}, first: [] });
  });

  test('shows a few of many', () => {
    const lines = Array.from({ length: 500 }, (_, index) => failedLine(index + 1, [required], 0));
    const { codes, first } = summarise(lines);
    expect(codes).toEqual({ required: 500 });
    expect(first.map(({ record }) => record)).toEqual(
      Array.from({ length: MOST_FIRST_ERRORS }, (_, index) => index + 1),
    );
  });

  test('shows nothing that a database cannot keep, and nothing at any length', () => {
    const value = 'a\0b\ud800c😀';
    const error = { code: 'broken', message: 'x'.repeat(100_000), value, field: undefined as never };
    const [shown] = summarise([failedLine(1, [error], 1)]).first;
    expect(shown).toEqual({
      record: 1,
      code: 'broken',
      message: `${'x'.repeat(500)}…`,
      value: 'a\uFFFDb\uFFFDc😀',
    });
    const half = summarise([failedLine(1, [{ ...required, message: `${'x'.repeat(499)}😀` }], 1)]).first;
    expect(half[0]?.message).toBe(`${'x'.repeat(499)}\uFFFD…`);
  });

  test('shows also what a handler of JavaScript answers as its message', () => {
    const error = { code: 'broken', message: { why: 7 } as unknown as string };
    expect(summarise([failedLine(1, [error], 1)]).first).toEqual([
      { record: 1, code: 'broken', message: '{"why":7}' },
    ]);
  });
});

test('coercionCounts leaves out what was not changed', () => {
  const none = { blank: 0, changed: 0 };
  const counts = coercionCounts([
    { column: 'a', rule: 'number', blank: 2, changed: 3 },
    { column: 'b', rule: 'date', ...none, changed: 1 },
    { column: 'c', rule: 'text', ...none },
    { column: '__proto__', rule: 'text', ...none, blank: 1 },
  ]);
  expect(JSON.stringify(counts)).toBe('{"a":{"blank":2,"number":3},"b":{"date":1},"__proto__":{"blank":1}}');
});
