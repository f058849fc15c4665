import { type Static, Type } from 'typebox';
import { metadata, stopAfterRequest } from './batch-options.ts';
import { component, uuid } from './component.ts';

export const BatchPatchSchema = component(
  'BatchPatch',
  Type.Object(
    {
      status: Type.Optional(
        Type.Enum(['cancel', 'resume'], {
          description:
            '`cancel`: stop, keep what is done. `resume`: let a batch in `failed` go on where it failed.',
        }),
      ),
      metadata: Type.Optional({
        ...metadata,
        description: 'Takes the place of all the metadata that there is.',
      }),
      stop_after: Type.Optional(
        stopAfterRequest('Only with `status: resume`: the new limit of failures. Null: none any more.'),
      ),
    },
    {
      additionalProperties: false,
      minProperties: 1,
      description: 'What is to change: all of it does, or nothing.',
      examples: [
        { status: 'cancel' },
        { status: 'resume', stop_after: { failures: 5000 } },
        { metadata: { source: 'crm', reviewed: true } },
      ],
    },
  ),
);

export type BatchPatch = Static<typeof BatchPatchSchema>;

export const BatchDeletionSchema = component(
  'BatchDeletion',
  Type.Object(
    {
      batch: uuid('Its id.'),
      status: Type.String({ description: 'Of the batch, now that the wish is recorded.' }),
    },
    {
      description: 'The wish is recorded; the batch goes as soon as it can.',
      examples: [{ batch: '0199f3a1-22d0-7c6f-8f0e-5b1d9a4c7e20', status: 'deleting' }],
    },
  ),
);

export type BatchDeletion = Static<typeof BatchDeletionSchema>;
