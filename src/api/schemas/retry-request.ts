import { type Static, Type } from 'typebox';
import { RETRY_RECORDS } from '../../core/lineage.ts';
import { BatchRequestSchema } from './batch-request.ts';
import { component, uuid } from './component.ts';

const { properties } = BatchRequestSchema;

export const RetryRequestSchema = component(
  'RetryRequest',
  Type.Object(
    {
      records: Type.Optional(
        Type.Enum(RETRY_RECORDS, {
          description:
            'Which records are taken: those that `failed` (the default), those that were left `unprocessed`, or `both`.',
        }),
      ),
      handler: Type.Optional(
        uuid(
          'The upload of a corrected file, in place of `records`: a result file of ours that was mended, or any file whose column `_record` (NDJSON: that key) has the numbers of the records that it corrects. Rows whose record has succeeded are skipped; rows without a number are records of their own.',
        ),
      ),
      hash: properties.hash,
      format: properties.format,
      metadata: properties.metadata,
      mapping: properties.mapping,
      on_invalid: properties.on_invalid,
      settings: properties.settings,
      dry_run: properties.dry_run,
      stop_after: properties.stop_after,
      execution: properties.execution,
      custom_id: properties.custom_id,
      priority: properties.priority,
      results_format: properties.results_format,
      expires_after: properties.expires_after,
    },
    {
      additionalProperties: false,
      description:
        'What is left out is as it was in the batch that is retried; only `dry_run` is false then.',
      examples: [{ records: 'both', on_invalid: 'skip', metadata: { source: 'crm', again: true } }],
    },
  ),
);

export type RetryRequest = Static<typeof RetryRequestSchema>;
