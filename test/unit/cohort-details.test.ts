import { describe, expect, test } from 'vitest';
import { orderFailure, readDetails, secondsOf } from '../../src/operations/training/cohort-details.ts';

const read = (lists: { days?: string; group_types?: string }) => {
  const result = readDetails({ course: 'c', name: 'n', ...lists });
  return 'failure' in result ? result.failure : [result.details.days, result.details.group_types];
};

describe('lists in cells', () => {
  test.each([
    ['mon;wed', ['mon', 'wed']],
    ['SUN, Monday ,tue', ['mon', 'tue', 'sun']],
    [' wed;wed ,WEDNESDAY', ['wed']],
    [';', []],
    [' ', []],
  ])('days: %j', (days, expected) => {
    expect(read({ days })).toEqual([expected, undefined]);
  });

  test.each(['mond', 'mon/tue', 'mon;;xyz', '1'])('no weekday: %j', (days) => {
    expect(read({ days })).toMatchObject({ error: { code: 'day_unknown', field: 'days' } });
  });

  test('what is unknown is shown, shortened', () => {
    const long = 'x'.repeat(150);
    expect(read({ days: `mon;${long}` })).toMatchObject({
      error: { message: expect.stringMatching(/^"x{100}…" is no weekday; they are mon, tue, /) },
    });
  });

  test('group types keep their order, each once', () => {
    expect(read({ group_types: ' b ;a, b;;c d,' })).toEqual([undefined, ['b', 'a', 'c d']]);
  });
});

describe('times', () => {
  test.each([
    ['1970-01-01T00:00:01Z', 1],
    ['1970-01-01T01:00:00.25+01:00', 0.25],
    ['2027-02-01T08:00:00.123456Z', 1801468800.123456],
    ['2027-02-01T08:00:00.1234564Z', 1801468800.123456],
    ['2027-02-01T08:00:00.9999999Z', 1801468801],
    ['0001-01-01T00:00:00Z', -62135596800],
    ['9999-12-31T23:59:59Z', 253402300799],
  ])('%s', (time, seconds) => {
    expect(secondsOf(time)).toBe(seconds);
  });

  test('the end may be the start, and either may be missing', () => {
    expect(orderFailure(1, 1, {})).toBeUndefined();
    expect(orderFailure(2, null, {})).toBeUndefined();
    expect(orderFailure(null, 1, {})).toBeUndefined();
    expect(orderFailure(2, 1, {})).toMatchObject({ error: { field: 'starts_at' } });
    expect(orderFailure(2, 1, { ends_at: 'x' })).toMatchObject({ error: { field: 'ends_at' } });
  });
});
