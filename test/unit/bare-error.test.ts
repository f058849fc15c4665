import { expect, test } from 'vitest';
import { bareError } from '../../src/adapters/queue/bare-error.ts';

test('what is logged of an error of pg is what went wrong, and nothing of the connection', () => {
  const client = { secretKey: 42, password: 'secret' };
  const error = Object.assign(new TypeError('it ended'), { code: '57P01', client });
  const bare = bareError(new Error('as a whole', { cause: error })).cause as Error;
  expect(bare).toMatchObject({ name: 'TypeError', message: 'it ended', stack: error.stack, code: '57P01' });
  expect(Object.keys(bare)).not.toContain('client');
});
