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
      effects: Type.Unsafe<'transaction' | 'outside'>({
        type: 'string',
        enum: ['transaction', 'outside'],
        description:
          '`transaction`: in the database, once for each record. `outside`: elsewhere, at least once, with a key for each record that makes it harmless.',
      }),
      failures: dictionary<string>(
        { description: 'Codes with which the operation fails records, and what they mean.' },
        Type.String(),
      ),
      limits: Type.Object({
        file_bytes: Type.Integer({ description: 'Largest file, for the account of whoever asks.' }),
        file_records: Type.Integer({ description: 'Most records of a file, likewise.' }),
        record_bytes: Type.Integer({ description: 'Largest record.' }),
        cell_bytes: Type.Integer({ description: 'Largest cell.' }),
        chunk_records: Type.Integer({ description: 'Most records that are processed in one transaction.' }),
        concurrency: Type.Optional(Type.Integer({ description: 'Most calls of its handler at once.' })),
        rate: Type.Optional(
          Type.Object(
            {
              records: Type.Integer(),
              seconds: Type.Number(),
              per: Type.Unsafe<'operation' | 'account'>({ type: 'string', enum: ['operation', 'account'] }),
              lock_seconds: Type.Optional(
                Type.Number({ description: 'For how long single calls are refused once it is used up.' }),
              ),
            },
            {
              description: 'So many records in so many seconds. A batch waits; a call is answered with 429.',
            },
          ),
        ),
        timeout_seconds: Type.Optional(Type.Number({ description: 'Longest call of its handler.' })),
        attempts: Type.Integer({ description: 'How often a record is tried that asks for it.' }),
      }),
      links: Type.Object({
        run: Type.String({ description: 'POST one record there.' }),
        template_csv: Type.String({ description: 'A file to fill in, as CSV.' }),
        template_xlsx: Type.String({ description: 'A file to fill in, as a workbook.' }),
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
          effects: 'transaction',
          failures: { email_taken: 'Another learner has this address already' },
          limits: {
            file_bytes: 50_000_000_000,
            file_records: 1_000_000_000,
            record_bytes: 8_388_608,
            cell_bytes: 1_048_576,
            chunk_records: 5000,
            attempts: 5,
          },
          links: {
            run: '/operations/create_learner',
            template_csv: '/operations/create_learner/template?format=csv',
            template_xlsx: '/operations/create_learner/template?format=xlsx',
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
