import Type from 'typebox';
import { expect, test } from 'vitest';
import { leafFields } from '../../src/core/field.ts';

test('a field has the format of its schema, and none where that has none', () => {
  const schema = Type.Object(
    {
      day: Type.String({ format: 'date' }),
      at: Type.Optional(
        Type.Object({ last: Type.String({ format: 'date-time' }) }, { additionalProperties: false }),
      ),
      name: Type.String(),
    },
    { additionalProperties: false },
  );
  expect(leafFields(schema)).toStrictEqual([
    { name: 'day', path: ['day'], type: 'string', required: true, format: 'date' },
    { name: 'at.last', path: ['at', 'last'], type: 'string', required: false, format: 'date-time' },
    { name: 'name', path: ['name'], type: 'string', required: true },
  ]);
});
