import { type Static, Type } from 'typebox';
import type { AllBatchFilters } from '../../engine/ports/admin-store.ts';
import { BatchSchema } from './batch.ts';
import { batchExample } from './batch-example.ts';
import { BatchesQuery, filtersOf } from './batches-query.ts';
import { component, uuid } from './component.ts';
import { pageOf } from './page.ts';

const { links: _links, ...ofBatch } = BatchSchema.properties;

export const AdminBatchSchema = component(
  'AdminBatch',
  Type.Object(
    {
      ...ofBatch,
      account: Type.Object(
        { account: uuid('Its id.'), name: Type.String() },
        { description: 'Whose batch it is.' },
      ),
      user: Type.String({ description: 'Who made it: a user’s name, or `key:` and the name of an API key.' }),
      links: Type.Object({ self: Type.String() }),
    },
    {
      description: 'A batch of any account. Its files are the account’s, and not to be had here.',
      examples: [
        {
          ...batchExample,
          account: { account: '0199f39c-51aa-7f2e-9c01-77d0a1be4f13', name: 'acme' },
          user: 'ada@example.org',
          links: { self: '/admin/batches/0199f3a1-22d0-7c6f-8f0e-5b1d9a4c7e20' },
        },
      ],
    },
  ),
);

export type AdminBatch = Static<typeof AdminBatchSchema>;

export const AdminBatchPageSchema = pageOf(
  'AdminBatchPage',
  AdminBatchSchema,
  'Batches of all accounts, newest first.',
);

export type AdminBatchPage = Static<typeof AdminBatchPageSchema>;

export const AdminBatchPatchSchema = component(
  'AdminBatchPatch',
  Type.Object(
    { status: Type.Enum(['cancel'], { description: 'Stop, keep what is done.' }) },
    { additionalProperties: false, examples: [{ status: 'cancel' }] },
  ),
);

const { patternProperties } = BatchesQuery as { patternProperties?: Record<string, object> };
const { limit, cursor, ...filters } = BatchesQuery.properties;
const account = Type.Optional(uuid('Only batches of this account.'));

export const AdminBatchesQuery = Type.Object(
  { account, ...filters, limit, cursor },
  { patternProperties, additionalProperties: false },
);

export const BatchCancellationSchema = component(
  'BatchCancellation',
  Type.Object(
    {
      account,
      ...filters,
      all: Type.Optional(Type.Boolean({ description: 'In place of filters: every batch of every account.' })),
      dry_run: Type.Optional(
        Type.Boolean({ description: 'Cancel nothing, and answer how many it would be.' }),
      ),
    },
    {
      patternProperties,
      additionalProperties: false,
      description: 'Which batches: all filters that are given must fit, as in the list.',
      examples: [
        {
          account: '0199f39c-51aa-7f2e-9c01-77d0a1be4f13',
          operation: 'create_learner',
          'metadata.source': 'crm',
          dry_run: true,
        },
        { all: true },
      ],
    },
  ),
);

export type BatchCancellation = Static<typeof BatchCancellationSchema>;

export const CancelledBatchesSchema = component(
  'CancelledBatches',
  Type.Object(
    {
      matched: Type.Integer({ description: 'Batches that fitted and could be cancelled when it began.' }),
      cancelled: Type.Integer({ description: 'Those that this request has cancelled.' }),
      already_ended: Type.Integer({
        description: 'Those that ended meanwhile by themselves, or that somebody else cancelled.',
      }),
      more: Type.Boolean({ description: 'Whether some are left: send the same request again.' }),
    },
    { examples: [{ matched: 1742, cancelled: 998, already_ended: 2, more: true }] },
  ),
);

export type CancelledBatches = Static<typeof CancelledBatchesSchema>;

export function allFiltersOf(given: Parameters<typeof filtersOf>[0] & { account?: string }): AllBatchFilters {
  const { account: id } = given;
  return { ...filtersOf(given), ...(id !== undefined && { account: id.toLowerCase() }) };
}
