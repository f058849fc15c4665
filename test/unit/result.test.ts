import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  failed,
  failedLine,
  shortened,
  succeeded,
  succeededLine,
  unprocessedLine,
} from '../../src/core/result.ts';

describe('what a handler answers', () => {
  test('succeeded', () => {
    expect(succeeded({ id: 7 })).toEqual({ status: 'succeeded', output: { id: 7 } });
  });

  test('failed, with a field only where there is one', () => {
    const about = { code: 'taken', message: 'is taken', field: 'email' };
    expect(failed('taken', 'is taken', 'email')).toEqual({ status: 'failed', error: about });
    expect(Object.keys((failed('taken', 'is taken') as { error: object }).error)).toEqual([
      'code',
      'message',
    ]);
  });
});

describe('failedLine', () => {
  const first = { code: 'required', message: 'must be given', field: 'a', column: 'A' };
  const second = { code: 'too_long', message: 'must have at most 2 characters', field: 'b', value: 'abc' };

  test('one broken rule', () => {
    expect(failedLine(3, [first], 2)).toEqual({ record: 3, status: 'failed', error: first, attempts: 2 });
  });

  test('several: the first is the error, all are in errors', () => {
    const line = failedLine(3, [first, second], 0);
    expect(line).toEqual({ record: 3, status: 'failed', error: first, errors: [first, second], attempts: 0 });
  });

  test('its keys stand in the order that the result files rely on', () => {
    expect(JSON.stringify(failedLine(12, [first, second], 1))).toMatch(
      /^\{"record":12,"status":"failed","error":/,
    );
    expect(Object.keys(failedLine(12, [first, second], 1))).toEqual([
      'record',
      'status',
      'error',
      'errors',
      'attempts',
    ]);
  });

  test('the custom id of a record stands right after its number, in every kind of line', () => {
    const lines = [
      failedLine(1, [first], 0, 'a"b'),
      succeededLine(2, { id: 7 }, 1, '007'),
      unprocessedLine(3, 'ü'),
    ];
    expect(lines.map((line) => JSON.stringify(line))).toEqual([
      '{"record":1,"custom_id":"a\\"b","status":"failed","error":{"code":"required","message":"must be given","field":"a","column":"A"},"attempts":0}',
      '{"record":2,"custom_id":"007","status":"succeeded","output":{"id":7},"attempts":1}',
      '{"record":3,"custom_id":"ü","status":"unprocessed"}',
    ]);
    expect(unprocessedLine(3)).toEqual({ record: 3, status: 'unprocessed' });
  });

  test('no reason is a mistake of ours', () => {
    expect(() => failedLine(3, [], 1)).toThrow('record 3 failed without a reason');
  });
});

describe('shortened', () => {
  test.each([
    ['', ''],
    ['x'.repeat(100), 'x'.repeat(100)],
    ['x'.repeat(101), `${'x'.repeat(100)}…`],
    ['x'.repeat(100_000), `${'x'.repeat(100)}…`],
    ['😀'.repeat(100), '😀'.repeat(100)],
    ['😀'.repeat(101), `${'😀'.repeat(100)}…`],
    [`x${'😀'.repeat(100)}`, `x${'😀'.repeat(99)}…`],
    [`${'x'.repeat(99)}😀`, `${'x'.repeat(99)}😀`],
    [`${'x'.repeat(99)}😀y`, `${'x'.repeat(99)}😀…`],
  ])('%j', (text, short) => {
    expect(shortened(text)).toBe(short);
  });

  test('what is no text is shown as JSON', () => {
    expect(shortened(1.5)).toBe('1.5');
    expect(shortened(false)).toBe('false');
    expect(shortened(null)).toBe('null');
    expect(shortened(undefined)).toBe('undefined');
    expect(shortened({ a: [1] })).toBe('{"a":[1]}');
    expect(shortened(['x'.repeat(200)])).toBe(`["${'x'.repeat(98)}…`);
  });

  test('never more than a hundred characters, whole ones, and from the start of the text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 });
    fc.assert(
      fc.property(text, (given) => {
        const short = shortened(given);
        const characters = Array.from(given);
        expect(short).not.toMatch(/\p{Surrogate}/u);
        expect(short).toBe(characters.length <= 100 ? given : `${characters.slice(0, 100).join('')}…`);
      }),
    );
  });
});
