import { type Static, Type } from 'typebox';
import { RESULTS_FORMATS } from '../../core/batch.ts';
import { component, seconds, sha256 } from './component.ts';

const ResultFileSchema = Type.Object({
  kind: Type.Enum(['all', 'succeeded', 'failed', 'unprocessed', 'errors', 'manifest'], {
    description:
      '`all`: one line per record, in the order of the file. `succeeded`, `failed`: the lines of those. `errors`: what is wrong with each failed record. `unprocessed`: the records that were not processed, so that they can be submitted again. `manifest`: SHA-256 and counts of the other files.',
  }),
  format: Type.Enum([...RESULTS_FORMATS, 'json'], {
    description:
      'Each of `results_format`; of `unprocessed` also that of the input (`ndjson` of a JSON array), of the manifest `json`.',
  }),
  url: Type.String({ description: 'Presigned GET: needs no other credentials.' }),
  bytes: Type.Integer({ minimum: 0 }),
  sha256: sha256('Of the file, in lower-case hexadecimal.'),
  records: Type.Integer({ minimum: 0, description: 'Records that the file tells of.' }),
  expires_ts: seconds('When the URL stops being valid'),
});

export const ResultFilesSchema = component(
  'ResultFiles',
  Type.Object(
    { files: Type.Array(ResultFileSchema) },
    {
      description: 'The result files of a batch.',
      examples: [
        {
          files: [
            {
              kind: 'all',
              format: 'ndjson',
              url: 'http://127.0.0.1:9000/sheaf/batches/…/all.ndjson?X-Amz-Signature=…',
              bytes: 8_912_345,
              sha256: '60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752',
              records: 100_000,
              expires_ts: 1_795_303_700.5,
            },
          ],
        },
      ],
    },
  ),
);

export type ResultFiles = Static<typeof ResultFilesSchema>;

export const ResultsQuery = Type.Object(
  {
    format: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 32,
        description:
          'Only the files in this format, and the manifest; where there is no `unprocessed` file in it, those in other formats as well. It chooses among the formats that were written (`results_format`); it converts nothing.',
      }),
    ),
  },
  { additionalProperties: false },
);
