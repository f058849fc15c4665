import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { BatchFilters } from '../../engine/ports/request-stores.ts';
import { batches } from './batch-schema.ts';
import { uploads } from './upload-schema.ts';

/** The condition of a list, on `batches` joined with `uploads`; `undefined`: nothing is asked for. */
export function batchFilter(filters: BatchFilters): SQL | undefined {
  const { status, operation, createdFrom, createdBefore, metadata = {}, search } = filters;
  return and(
    status === undefined ? undefined : eq(batches.status, status),
    operation === undefined ? undefined : eq(batches.operation, operation),
    createdFrom === undefined ? undefined : sql`${createdAsShown} >= ${moment(createdFrom)}`,
    createdBefore === undefined ? undefined : sql`${createdAsShown} < ${moment(createdBefore)}`,
    ...Object.entries(metadata).map(([key, value]) => metadataIs(key, value)),
    search === undefined ? undefined : isFound(search),
  );
}

/** Whoever asks from the moment that a batch is shown with must find it: in milliseconds, as it is shown. */
const createdAsShown = sql`date_trunc('milliseconds', ${batches.createdAt})`;

/** Added up from milliseconds: of seconds with a fraction, as a double, PostgreSQL keeps other microseconds. */
function moment(seconds: number): SQL {
  return sql`(timestamptz 'epoch' + ${Math.round(seconds * 1000)}::bigint * interval '1 millisecond')`;
}

/** A string without its quotes, anything else as its JSON text; SQL has no text of its own for JSON's null. */
function metadataIs(key: string, value: string): SQL {
  return sql`coalesce(${batches.metadata} ->> ${key}::text, (${batches.metadata} -> ${key}::text)::text) = ${value}`;
}

/**
 * Looked for as it is, so that no character of it is a wildcard. Of the metadata the texts and numbers are looked
 * through, however deep, but not the keys: each by itself, as their JSON has escapes and other texts between them.
 */
function isFound(text: string): SQL {
  const holds = (value: SQL) => sql`strpos(lower(${value}), lower(${text}::text)) > 0`;
  return sql`(${holds(sql`${batches.id}::text`)} or ${holds(sql`${uploads.filename}`)} or exists (
    select from jsonb_path_query(${batches.metadata}, 'strict $.**') as member
    where jsonb_typeof(member) in ('string', 'number') and ${holds(sql`member #>> '{}'`)}))`;
}
