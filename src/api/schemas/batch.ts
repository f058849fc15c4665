import { type Static, Type } from 'typebox';
import { BATCH_STATUSES } from '../../core/batch.ts';
import { RETRY_KINDS } from '../../core/lineage.ts';
import { MOST_FIRST_ERRORS } from '../../core/tally.ts';
import { batchExample } from './batch-example.ts';
import { batchOptions, stopAfter } from './batch-options.ts';
import { component, dictionary, nullable, reference, seconds, sha256, uuid } from './component.ts';
import { FileFormatSchema } from './file-format.ts';
import { ReadSchema } from './read.ts';

const StatusReasonSchema = Type.Object(
  {
    code: Type.String({ description: 'A code of a batch or of a file; see the list of codes.' }),
    message: Type.String(),
    record: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Number of the record, from 1; 0 is the header row.' }),
    ),
    offset: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Bytes from the start of the file to where it shows.' }),
    ),
  },
  { description: 'Why the batch has its status, where there is something to say.' },
);

const count = (description: string) => Type.Integer({ minimum: 0, description });

const CountsSchema = Type.Object(
  {
    total: nullable(count('Records of the file; null until they are counted.')),
    succeeded: count('Processed, with an output.'),
    failed: count('Invalid, or refused by the operation.'),
    skipped: count('Already succeeded in the batch that this one corrects.'),
    unprocessed: count('Not processed yet; in a terminal status: never processed.'),
  },
  {
    description: 'From the moment that `total` is known: succeeded + failed + skipped + unprocessed = total.',
  },
);

const ProgressSchema = Type.Object(
  {
    stage: Type.String({ description: 'The status whose work this is.' }),
    unit: Type.Enum(['bytes', 'records'], {
      description:
        'Bytes of the file in `new`, in `copying`, and in `copied` while it is converted (unpacked, decoded); else records.',
    }),
    done: Type.Number(),
    of: nullable(Type.Number()),
    per_second: nullable(Type.Number()),
    seconds_left: nullable(
      Type.Unsafe<[number, number]>({
        type: 'array',
        prefixItems: [{ type: 'integer' }, { type: 'integer' }],
        items: false,
        minItems: 2,
        description: 'Of this stage: the least and the most that is likely.',
      }),
    ),
  },
  { description: 'How far the stage is that runs; null when nothing runs.' },
);

const FirstErrorsSchema = Type.Array(
  Type.Object({
    record: Type.Integer({ minimum: 1, description: 'Its number in the file.' }),
    code: Type.String(),
    message: Type.String(),
    field: Type.Optional(Type.String()),
    column: Type.Optional(Type.String({ description: 'What the file calls the field.' })),
    value: Type.Optional(Type.String({ description: 'What stands there, shortened.' })),
  }),
  {
    maxItems: MOST_FIRST_ERRORS,
    description: `The first rule that each of the first ${MOST_FIRST_ERRORS} failed records breaks, in the order of the file; the error report has all of them. Left out in lists.`,
  },
);

export const BatchSchema = component(
  'Batch',
  Type.Object(
    {
      batch: uuid('Its id.'),
      operation: Type.String(),
      status: Type.Enum(BATCH_STATUSES),
      status_reason: nullable(StatusReasonSchema),
      hash: nullable(sha256('SHA-256 of the file: as it was read; before that, as the client stated it.')),
      metadata: dictionary(),
      created_ts: seconds('When it was accepted'),
      updated_ts: seconds('When it last changed'),
      statuses: Type.Array(Type.Object({ status: Type.Enum(BATCH_STATUSES), ts: seconds('When it began') }), {
        description: 'Every status that the batch has entered, in order.',
      }),
      counts: CountsSchema,
      progress: nullable(ProgressSchema),
      handler: uuid('The upload that it was made of.'),
      filename: nullable(Type.String({ description: 'What the client called the file.' })),
      on_invalid: Type.Enum(['reject', 'skip']),
      mapping: dictionary<string>({}, Type.String()),
      settings: dictionary({ description: 'Of the operation, with its defaults filled in.' }),
      dry_run: batchOptions.dry_run,
      stop_after: stopAfter,
      on_duplicate_file: batchOptions.on_duplicate_file,
      execution: batchOptions.execution,
      custom_id: nullable(batchOptions.custom_id),
      priority: batchOptions.priority,
      results_format: batchOptions.results_format,
      expires_after: batchOptions.expires_after,
      failed_from: nullable(Type.String({ description: 'Of `failed`: the status that it failed in.' })),
      resumable: Type.Boolean({
        description:
          'Whether `PATCH` with `status: resume` lets it go on: of a batch in `failed` whose input is still there.',
      }),
      format: reference(FileFormatSchema),
      read: nullable(ReadSchema),
      warnings: Type.Array(
        Type.Object({
          code: Type.Enum(['duplicate_file'], { description: 'What is to be looked at.' }),
          batch: uuid('The earlier batch that was made of the same file.'),
        }),
        { description: 'What the client asked to be warned of.' },
      ),
      retry_of: nullable(
        Type.Object(
          {
            batch: uuid('The batch that it retries; it may have been deleted since.'),
            records: Type.Enum(RETRY_KINDS, {
              description: 'Which of its records; `corrected`: those of a corrected file.',
            }),
          },
          { description: 'Of a retry: whose records it takes up again.' },
        ),
      ),
      retries: Type.Array(Type.Object({ batch: uuid('Its id.'), status: Type.Enum(BATCH_STATUSES) }), {
        description: 'The batches that take up records of this one again, the oldest first.',
      }),
      error_codes: Type.Optional(
        dictionary<number>(
          {
            description:
              'How many records have failed so far, by the code of what they break: one that breaks several rules counts for each code once, so that the sum may be larger than `counts.failed`. Left out in lists.',
          },
          Type.Integer({ minimum: 1 }),
        ),
      ),
      first_errors: Type.Optional(FirstErrorsSchema),
      results_ready: Type.Boolean({ description: 'Whether the result files can be downloaded.' }),
      expires_ts: nullable(seconds('When its files are removed; null while it is not terminal')),
      deletion_requested: Type.Boolean({
        description: 'Whether somebody asked for it to be deleted, which may have to wait for its end.',
      }),
      links: Type.Object({ self: Type.String(), results: Type.String(), events: Type.String() }),
    },
    {
      description: 'One operation on one upload. More fields may come; those that are here keep their names.',
      examples: [batchExample],
    },
  ),
);

export type Batch = Static<typeof BatchSchema>;

export const BatchPageSchema = component(
  'BatchPage',
  Type.Object(
    {
      items: Type.Array(reference(BatchSchema)),
      next_cursor: nullable(
        Type.String({ description: 'Give it as `cursor` to get the next page; null on the last one.' }),
      ),
    },
    { description: 'Batches, newest first.' },
  ),
);

export type BatchPage = Static<typeof BatchPageSchema>;

export const BatchParams = Type.Object({ batch: uuid('Id of the batch.') });
