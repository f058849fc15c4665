import { describe, expect, test } from 'vitest';
import { passwordProblem } from '../../src/core/password-rules.ts';

describe('passwordProblem', () => {
  test.each([
    '12 character',
    'x'.repeat(256),
    '😀'.repeat(12),
    '😀'.repeat(256),
    '            ',
    'пароль из двенадцати',
    'ada@example.org ',
  ])('%j may be one', (password) => {
    expect(passwordProblem(password, 'ada@example.org')).toBeNull();
  });

  test.each([
    ['', 'too_short'],
    ['11character', 'too_short'],
    ['😀'.repeat(11), 'too_short'],
    ['x'.repeat(257), 'too_long'],
    ['a NUL\0 in the middle', 'nul_character'],
    ['half of a pair: \ud83d', 'not_text'],
    ['half of a pair: \ude00, in the middle', 'not_text'],
    ['ada@example.org', 'not_allowed'],
    ['ADA@Example.org', 'not_allowed'],
  ])('%j may be none: %s', (password, code) => {
    const problem = passwordProblem(password, 'ada@example.org');
    expect(problem?.code).toBe(code);
    if (password !== '') expect(problem?.message).not.toContain(password);
  });
});
