import { type Static, Type } from 'typebox';
import { BATCH_STATUSES } from '../../core/batch.ts';
import type { BatchFilters } from '../../engine/ports/request-stores.ts';

/** The end of the year 9999: later than any batch, and still a moment of PostgreSQL's. */
const LATEST = 253_402_300_799;

const METADATA = 'metadata.';

const moment = (description: string) => Type.Number({ minimum: 0, maximum: LATEST, description });

export const BatchesQuery = Type.Object(
  {
    status: Type.Optional(Type.Enum(BATCH_STATUSES, { description: 'Only batches in this status.' })),
    operation: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: 'Only batches of this operation.' }),
    ),
    created_from: Type.Optional(moment('Only batches that were accepted then or later (Unix seconds).')),
    created_before: Type.Optional(moment('Only batches that were accepted earlier (Unix seconds).')),
    search: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description:
          'Only batches with this text somewhere in the id, the name of the file, or a text or number of the metadata. Upper and lower case are the same; no character is a wildcard.',
      }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, description: 'How many at most; 20 when left out.' }),
    ),
    cursor: Type.Optional(
      Type.String({ maxLength: 100, description: '`next_cursor` of the page before; opaque.' }),
    ),
  },
  {
    patternProperties: {
      '^metadata\\.[a-z_][0-9a-z_]{0,63}$': {
        type: 'string',
        // How the documents call it, where a parameter needs a name.
        title: 'metadata',
        description:
          '`metadata.<key>=<value>`, as in `metadata.source=crm`: only batches whose metadata has this value under the key, as text: a number as JSON writes it, `true`, `false`, `null`. May be given for several keys; all must fit.',
        // The documents fill it in when a request is tried out: nothing is to be filtered by that.
        examples: [{}],
      },
    },
    additionalProperties: false,
  },
);

type BatchesQuery = Static<typeof BatchesQuery>;

export function filtersOf(query: BatchesQuery): BatchFilters {
  const { status, operation, created_from: createdFrom, created_before: createdBefore, search } = query;
  const metadata = Object.entries(query)
    .filter(([name]) => name.startsWith(METADATA))
    .map(([name, value]) => [name.slice(METADATA.length), String(value)]);
  return {
    ...(status !== undefined && { status }),
    ...(operation !== undefined && { operation }),
    ...(createdFrom !== undefined && { createdFrom }),
    ...(createdBefore !== undefined && { createdBefore }),
    ...(search !== undefined && { search }),
    ...(metadata.length > 0 && { metadata: Object.fromEntries(metadata) }),
  };
}
