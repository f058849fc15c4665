import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { defineOperation } from '../../src/core/operation.ts';
import { failed, succeeded, tryAgain } from '../../src/core/result.ts';
import { checkAnswers } from '../../src/engine/run-in-transaction.ts';

const closed = { additionalProperties: false };
const greet = defineOperation({
  name: 'greet',
  version: 1,
  title: 'Greet',
  description: 'Greets',
  input: Type.Object({ who: Type.String() }, closed),
  output: Type.Object({ said: Type.String() }, closed),
  failures: { asleep: 'Nobody is awake' },
  run: async () => [],
});
const check = (results: unknown) => checkAnswers(greet, [{ number: 1, input: {} }], results as never);

describe('what a handler answers', () => {
  it.each([
    [succeeded({ said: 'hello' })],
    [failed('asleep', 'nobody is awake', 'who')],
    [failed('asleep', 'nobody is awake')],
    [tryAgain('asleep', 'later')],
  ])('%j is taken', (result) => {
    expect(() => check([result])).not.toThrow();
  });

  it.each([
    [undefined, 'was given 1 records and answered no results'],
    [[], 'was given 1 records and answered 0 results'],
    [[undefined], 'answered something that is no result'],
    [['ok'], 'answered something that is no result'],
    [[{ status: 'done' }], 'answered something that is no result'],
    [[succeeded({ said: 1 })], 'answered an output whose said'],
    [[failed('drunk', 'too much')], 'failed a record with the code drunk, which it does not declare'],
    [[{ status: 'failed' }], 'failed a record without saying why'],
    [[{ status: 'failed', code: 'asleep' }], 'failed a record without saying why'],
    [[{ status: 'failed', error: { code: 'asleep' } }], 'failed a record without saying why'],
    [[{ status: 'retry' }], 'failed a record without saying why'],
    [[failed('asleep', 'nobody', ['who'] as never)], 'failed a record with a field that is no name'],
  ])('%j is broken, and says so', (results, told) => {
    expect(() => check(results)).toThrow(expect.objectContaining({ code: 'handler_broken' }));
    expect(() => check(results)).toThrow(told);
  });
});
