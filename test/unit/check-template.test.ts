import Type from 'typebox';
import { expect, test } from 'vitest';
import { defineOperation, type OperationTemplate } from '../../src/core/operation.ts';
import { succeeded } from '../../src/core/result.ts';

const closed = { additionalProperties: false };

function withTemplate(template: object) {
  return defineOperation({
    name: 'register',
    version: 1,
    title: 'Register',
    description: 'Registers',
    input: Type.Object({ id: Type.String({ minLength: 2 }), size: Type.Optional(Type.Integer()) }, closed),
    output: Type.Object({}, closed),
    failures: {},
    template: template as OperationTemplate<{ id: string; size?: number }>,
    run: async (records) => records.map(() => succeeded({})),
  });
}

test.each([
  [{}, 'template.examples must be an array'],
  [{ examples: [], rows: [] }, 'its template has no rows; it may have examples, parameters, shown, fill'],
  [{ examples: [{ id: 'a' }] }, 'an example of its template is wrong: id must have at least 2 characters'],
  [{ examples: [{ id: 'ab', seize: 1 }] }, 'seize is not a known field'],
  [{ examples: [], fill: [] }, 'template.fill must be a function'],
  [
    { examples: [], parameters: Type.Object({}) },
    'template.parameters: the input schema needs additionalProperties',
  ],
  [{ examples: [], parameters: Type.Object({ format: Type.String() }, closed) }, 'choose another name'],
  [
    { examples: [], parameters: Type.Object({ ids: Type.Array(Type.String()) }, closed) },
    'template.parameters: ids has the type "array"',
  ],
  [{ examples: [], shown: {} }, 'template.shown must be an array'],
  [{ examples: [], shown: [{ name: ' a', description: '' }] }, 'needs a name and a description'],
  [{ examples: [], shown: [{ name: 'id', description: '' }] }, 'a column id is there already'],
  [{ examples: [], shown: [{ name: '_status', description: '' }] }, 'a column _status is there already'],
])('%o stops the start: %s', (template, message) => {
  expect(() => withTemplate(template)).toThrow(message);
});

test('a whole template is taken', () => {
  const template = {
    examples: [{ id: 'ab' }],
    parameters: Type.Object({ exam: Type.Optional(Type.String()) }, closed),
    shown: [{ name: 'name', description: 'Whose it is' }],
    fill: async () => null,
  };
  expect(withTemplate(template).template).toEqual(template);
});
