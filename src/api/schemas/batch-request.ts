import { type Static, Type } from 'typebox';
import { component, dictionary, sha256, uuid } from './component.ts';

export const BatchRequestSchema = component(
  'BatchRequest',
  Type.Object(
    {
      handler: uuid('The upload, as `POST /uploads` named it. The file must have been put.'),
      operation: Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'What to do with every record; `GET /operations` lists what there is.',
      }),
      hash: Type.Optional(
        sha256(
          'SHA-256 of the file in lower-case hexadecimal. Should it differ, the batch ends in `hash_mismatch`.',
        ),
      ),
      metadata: Type.Optional(
        dictionary({
          maxProperties: 64,
          propertyNames: { pattern: '^[a-z_][0-9a-z_]{0,63}$' },
          description:
            'Kept with the batch and shown with it: at most 64 keys and 16 KiB. Values are any JSON.',
        }),
      ),
      mapping: Type.Optional(
        dictionary<string>(
          {
            description:
              'Which field of the operation a column of the file fills: column → field. A column that is not named here fills the field of its own name.',
          },
          Type.String({ minLength: 1, maxLength: 1000 }),
        ),
      ),
      on_invalid: Type.Optional(
        Type.Enum(['reject', 'skip'], {
          description:
            '`reject` (the default): one bad record and none is processed. `skip`: the good ones are processed.',
        }),
      ),
      settings: Type.Optional(
        dictionary({
          description: 'Settings of the operation; `GET /operations/{name}` has their schema and defaults.',
        }),
      ),
    },
    {
      additionalProperties: false,
      examples: [
        {
          handler: '0199f3a0-7c1e-7b4e-9a51-3d2c6f0b8e11',
          operation: 'create_learner',
          hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
          metadata: { source: 'crm' },
          mapping: { 'E-Mail': 'email' },
          on_invalid: 'skip',
        },
      ],
    },
  ),
);

export type BatchRequest = Static<typeof BatchRequestSchema>;
