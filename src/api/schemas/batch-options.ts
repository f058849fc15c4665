import { Type } from 'typebox';
import { ON_DUPLICATE_FILE, RESULTS_FORMATS, type ResultsFormat } from '../../core/batch.ts';
import { LEAST_RECORDS_OF_A_SHARE, type StopAfter } from '../../core/stop-after.ts';
import type { StopAfterRequest } from '../../engine/stop-after.ts';
import { dictionary, nullable } from './component.ts';

/** What a client may ask of a batch, in a request and as it is answered. */

/** Seconds; what is longer than anybody has meant. */
export const TEN_YEARS = 10 * 365 * 86_400;

export const metadata = dictionary({
  maxProperties: 64,
  propertyNames: { pattern: '^[a-z_][0-9a-z_]{0,63}$' },
  description: 'Kept with the batch and shown with it: at most 64 keys and 16 KiB. Values are any JSON.',
});

/** One form or the other: which one is checked in the engine, as a schema would only say that neither fits. */
export const stopAfterRequest = (description: string) =>
  Type.Unsafe<StopAfterRequest | null>({
    type: ['object', 'null'],
    properties: {
      failures: Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'So many failed records end the batch.',
      }),
      share: Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        description: 'Or such a share of the records that are done.',
      }),
      min_records: Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: `How many must be done before the share counts; ${LEAST_RECORDS_OF_A_SHARE} when left out.`,
      }),
    },
    additionalProperties: false,
    description,
  });

/** Of the formats the type is given as well: without it the check for repeated ones takes the square of their number. */
export const batchOptions = {
  dry_run: Type.Boolean({
    description:
      'True: every record is checked and none is processed. The upload is not used up, and can make another batch.',
  }),
  on_duplicate_file: Type.Enum(ON_DUPLICATE_FILE, {
    description:
      'What to do when an earlier batch of the account and the operation was made of a file with the same SHA-256: `allow` (the default), `warn` (`warnings` of the batch names that one, once the file is read), or `refuse`: 409 `duplicate_file` where the hash is stated; otherwise the batch ends in `failed` with that code when the file is read, and nothing is processed. Dry runs, retries without a file of their own, deleted batches and those that never had their copy do not count.',
  }),
  execution: Type.Enum(['parallel', 'serial'], {
    description:
      '`parallel` (the default), or `serial`: in the order of the file, one chunk after the other.',
  }),
  custom_id: Type.String({
    minLength: 1,
    maxLength: 1000,
    description:
      'A column of the file (NDJSON and JSON: a key, that of a nested object after a dot): its value is repeated in the results. A record whose value is blank, or that an earlier record has, is invalid.',
  }),
  priority: Type.Integer({
    minimum: -100,
    maximum: 100,
    description: 'Among the batches of the account the higher ones come first; 0 when left out.',
  }),
  results_format: Type.Array(Type.Unsafe<ResultsFormat>({ type: 'string', enum: [...RESULTS_FORMATS] }), {
    minItems: 1,
    uniqueItems: true,
    description: 'In which formats the results are written; `["ndjson"]` when left out.',
  }),
  expires_after: Type.Integer({
    minimum: 60,
    maximum: TEN_YEARS,
    description:
      'Seconds from the end of the batch until its files are removed. When left out: `keep_seconds` of the account, which is also the most; where that is not set, 30 days, if the server is not set otherwise.',
  }),
};

/** As it is answered: complete. */
export const stopAfter = nullable(
  Type.Unsafe<StopAfter>(
    Type.Union([
      Type.Object({ failures: Type.Integer() }),
      Type.Object({ share: Type.Number(), min_records: Type.Integer() }),
    ]),
  ),
);
