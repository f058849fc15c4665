import { type Static, Type } from 'typebox';
import { BATCH_STATUSES } from '../../core/batch.ts';
import { batchExample } from './batch-example.ts';
import { batchOptions, stopAfter } from './batch-options.ts';
import { component, dictionary, nullable, reference, seconds, sha256, uuid } from './component.ts';

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
    unit: Type.Enum(['bytes', 'records']),
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

/** Of a list: a wide file has thousands, and a page many batches. */
export const MOST_COLUMNS_LISTED = 20;

const ReadSchema = Type.Object(
  {
    format: Type.Enum(['csv', 'ndjson'], { description: 'Told by the content of the file.' }),
    encoding: Type.String(),
    bom: Type.Boolean({ description: 'Whether it begins with a byte order mark.' }),
    delimiter: Type.Optional(Type.String({ description: 'Of CSV.' })),
    quote: Type.Optional(Type.String({ description: 'Of CSV.' })),
    header: Type.Optional(Type.Boolean({ description: 'Of CSV: whether the first row names the columns.' })),
    columns: Type.Array(
      Type.Object({
        name: Type.String({
          description:
            'As the file has it. NDJSON: the keys of the first record, those of objects after a dot.',
        }),
        field: nullable(Type.String({ description: 'The field that it fills; null: it is ignored.' })),
      }),
      {
        description: `In the order of the file. An item of a list of batches has the first ${MOST_COLUMNS_LISTED}; the batch itself has all.`,
      },
    ),
    columns_total: Type.Integer({
      minimum: 0,
      description:
        'How many columns there are, shown or not; of NDJSON the keys of the first record, 2,048 at the most.',
    }),
  },
  { description: 'As what the file was read; null until it was.' },
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
      read: nullable(ReadSchema),
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
