import { type Static, Type } from 'typebox';
import { component, dictionary, nullable, reference } from './component.ts';

const jsonSchema = (description: string) =>
  dictionary({ description: `${description} (JSON Schema 2020-12)` });

export const OperationViewSchema = component(
  'Operation',
  Type.Object(
    {
      name: Type.String({ description: 'Also the permission that is needed to run it.' }),
      version: Type.Integer({ minimum: 1 }),
      title: Type.String(),
      description: Type.String(),
      input: jsonSchema('What a record may hold: columns of a file are named after its fields, dots nest'),
      output: jsonSchema('What a record that succeeded answers'),
      settings: jsonSchema('What a batch may set for the operation'),
      failures: dictionary<string>(
        { description: 'Codes with which the operation fails records, and what they mean.' },
        Type.String(),
      ),
      limits: Type.Object({
        file_bytes: Type.Integer({ description: 'Largest file.' }),
        record_bytes: Type.Integer({ description: 'Largest record.' }),
        cell_bytes: Type.Integer({ description: 'Largest cell.' }),
        chunk_records: Type.Integer({ description: 'Most records that are processed in one transaction.' }),
      }),
    },
    {
      description: 'What can be done with the records of a file.',
      examples: [
        {
          name: 'create_learner',
          version: 1,
          title: 'Create a learner',
          description: 'Adds a learner to the account.',
          input: {
            type: 'object',
            properties: {
              email: { type: 'string', format: 'email' },
              name: { type: 'string', maxLength: 200 },
            },
            required: ['email', 'name'],
            additionalProperties: false,
          },
          output: { type: 'object', properties: { learner: { type: 'string' } }, required: ['learner'] },
          settings: { type: 'object', properties: {}, additionalProperties: false },
          failures: { email_taken: 'Another learner has this address already' },
          limits: {
            file_bytes: 50_000_000_000,
            record_bytes: 8_388_608,
            cell_bytes: 1_048_576,
            chunk_records: 5000,
          },
        },
      ],
    },
  ),
);

export type OperationView = Static<typeof OperationViewSchema>;

export const OperationPageSchema = component(
  'OperationPage',
  Type.Object(
    {
      items: Type.Array(reference(OperationViewSchema)),
      next_cursor: nullable(Type.String({ description: 'Always null: all operations fit on one page.' })),
    },
    { description: 'The operations of this server, by name.' },
  ),
);

export type OperationPage = Static<typeof OperationPageSchema>;

export const OperationParams = Type.Object({
  name: Type.String({ description: 'Name of the operation.', examples: ['create_learner'] }),
});
