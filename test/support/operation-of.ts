import Type, { type TObject } from 'typebox';
import { defineOperation } from '../../src/core/operation.ts';
import { succeeded } from '../../src/core/result.ts';

export const closed = { additionalProperties: false };

/** An operation that takes such records, and does nothing with them. */
export function operationOf(input: TObject) {
  return defineOperation({
    name: 'register',
    version: 1,
    title: 'Register',
    description: 'Registers',
    input,
    output: Type.Object({}, closed),
    settings: Type.Object({}, closed),
    failures: {},
    run: async (records) => records.map(() => succeeded({})),
  });
}
