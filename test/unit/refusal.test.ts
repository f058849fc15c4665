import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { defineOperation } from '../../src/core/operation.ts';
import { type Refusal, refusalFailure } from '../../src/core/refusal.ts';
import { succeeded } from '../../src/core/result.ts';

const closed = { additionalProperties: false };
const operation = defineOperation({
  name: 'register',
  version: 1,
  title: 'Register',
  description: 'Registers',
  input: Type.Object({ email: Type.String(), givenName: Type.String(), course: Type.String() }, closed),
  output: Type.Object({}, closed),
  failures: { email_taken: 'Another one has this email' },
  constraints: { people_email: { code: 'email_taken', message: 'the email is taken', field: 'email' } },
  run: async (records) => records.map(() => succeeded({})),
});

const CASES: [Refusal, { code: string; message: string; field?: string }][] = [
  [
    { kind: 'exists', constraint: 'people_email', columns: ['account_id', 'email'] },
    { code: 'email_taken', message: 'the email is taken', field: 'email' },
  ],
  [
    { kind: 'exists', constraint: 'other', columns: ['account_id', 'email'] },
    { code: 'already_exists', message: 'email already exists', field: 'email' },
  ],
  [
    { kind: 'exists', columns: ['course', 'given_name'] },
    { code: 'already_exists', message: 'course and givenName together already exist' },
  ],
  [
    { kind: 'exists', constraint: 'toString' },
    { code: 'already_exists', message: 'what it would make already exists' },
  ],
  [
    { kind: 'missing', columns: ['course'] },
    { code: 'reference_missing', message: 'course names something that does not exist', field: 'course' },
  ],
  [{ kind: 'in_use' }, { code: 'still_in_use', message: 'what it would remove or change is still in use' }],
  [
    { kind: 'not_given', columns: ['email'] },
    { code: 'required', message: 'email must be given', field: 'email' },
  ],
  [{ kind: 'too_long' }, { code: 'too_long', message: 'a value is longer than can be stored' }],
  [{ kind: 'out_of_range' }, { code: 'out_of_range', message: 'a value is outside of what can be stored' }],
  [
    { kind: 'malformed' },
    { code: 'invalid_format', message: 'a value does not have the form in which it is stored' },
  ],
  [
    { kind: 'raised', message: 'only on Mondays' },
    { code: 'value_refused', message: 'only on Mondays' },
  ],
  [
    { kind: 'rule', columns: ['secret_column'] },
    { code: 'value_refused', message: 'a value breaks a rule of the database' },
  ],
];

describe('what is told of a record that the database refuses', () => {
  it.each(CASES)('%o', (refusal, failure) => {
    expect(refusalFailure(operation, refusal)).toEqual(failure);
  });
});
