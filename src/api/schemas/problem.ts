import { type Static, Type } from 'typebox';
import { component } from './component.ts';

const FieldProblemSchema = Type.Object({
  pointer: Type.String({
    description:
      'Where: a JSON pointer into the body (RFC 6901; the empty one is the body as a whole), `?name` for a parameter of the query, `header:Name` for a header.',
  }),
  code: Type.String({ description: 'Stable name of the broken rule.' }),
  message: Type.String({ description: 'What to change.' }),
  value: Type.Optional(Type.String({ description: 'Of a record that failed: the value, shortened.' })),
});

/** Every error of the API has this shape. */
export const ProblemSchema = component(
  'Problem',
  Type.Object(
    {
      type: Type.String({ description: '`urn:sheaf:error:` and the code.' }),
      title: Type.String({ description: 'What the code means; the same text every time.' }),
      status: Type.Integer({ description: 'The HTTP status.' }),
      detail: Type.String({ description: 'What is wrong with this request, and what to do.' }),
      code: Type.String({ description: 'Stable: decide on this, never on the texts.' }),
      errors: Type.Optional(
        Type.Array(FieldProblemSchema, {
          description:
            'Of `invalid_request`, and of a record that failed: one entry a broken rule, at most 20.',
        }),
      ),
      request_id: Type.Optional(Type.String({ description: 'Names the request in the log of the server.' })),
    },
    { description: 'An error (RFC 9457).' },
  ),
);

export type Problem = Static<typeof ProblemSchema>;
