import { type Static, Type } from 'typebox';
import { batchOptions, metadata, stopAfterRequest } from './batch-options.ts';
import { component, dictionary, reference, sha256, uuid } from './component.ts';
import { FileFormatSchema } from './file-format.ts';

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
      metadata: Type.Optional(metadata),
      format: Type.Optional(reference(FileFormatSchema)),
      mapping: Type.Optional(
        dictionary<string>(
          {
            description:
              'Which field of the operation a column of the file fills: column → field. A column that is not named here fills the field of its own name. One that a CSV or XLSX file does not have ends the batch in `validation_failed` (`file_column_missing`). Of NDJSON and JSON the names are paths (keys, those of nested objects after a dot), and a path that a record does not have is simply not given there.',
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
      dry_run: Type.Optional(batchOptions.dry_run),
      stop_after: Type.Optional(
        stopAfterRequest(
          'The batch ends in `failed` (`failure_limit`) when so many records have failed, and can be resumed with a higher limit. It may overshoot by the chunks that run. Null, or left out: no number of failures ends it.',
        ),
      ),
      on_duplicate_file: Type.Optional(batchOptions.on_duplicate_file),
      execution: Type.Optional(batchOptions.execution),
      custom_id: Type.Optional(batchOptions.custom_id),
      priority: Type.Optional(batchOptions.priority),
      results_format: Type.Optional(batchOptions.results_format),
      expires_after: Type.Optional(batchOptions.expires_after),
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
          format: { delimiter: ';', decimal: ',', dates: ['DD.MM.YYYY'] },
          on_invalid: 'skip',
          stop_after: { failures: 1000 },
          custom_id: 'Personnel number',
          results_format: ['ndjson', 'xlsx'],
        },
      ],
    },
  ),
);

export type BatchRequest = Static<typeof BatchRequestSchema>;
