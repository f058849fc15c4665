import { REPEATED_ID } from '../../core/repeated-id.ts';
import type { Coercion, CoercionCounts, FailedRecord, FailureSummary } from '../../core/tally.ts';
import { MOST_FIRST_ERRORS } from '../../core/tally.ts';
import type { Sql, Transaction } from './connect.ts';

/** A chunk's failures that its lines tell, or what is known of it without any. */
interface FailedChunk {
  firstRecord: number;
  first: FailedRecord[] | null;
  fault: { code: string; message: string } | null;
  repeatedIds: number[] | null;
}

/**
 * What the failed records of a batch broke, over all its chunks: as their lines say, and, of what was found to be bad
 * beside them (a record that cannot be read in a file that is not checked, a repeated `custom_id`), as that says.
 */
export async function failuresOf(sql: Sql | Transaction, batchId: string): Promise<FailureSummary> {
  const codes = await sql<{ code: string; records: number }[]>`
    select code, sum(records)::float8 as records from (
      select told.code, told.records::bigint as records
      from chunks, jsonb_each_text(error_codes) as told(code, records)
      where batch_id = ${batchId} and error_codes is not null
      union all
      select fault ->> 'code', 1 from chunks
      where batch_id = ${batchId} and error_codes is null and fault is not null
      union all
      select ${REPEATED_ID.code}::text, jsonb_array_length(repeated_ids) from chunks
      where batch_id = ${batchId} and part is null and repeated_ids is not null) each
    group by code order by 2 desc, 1`;
  const chunks = await sql<FailedChunk[]>`
    select first_record as "firstRecord", first_errors as first,
      case when error_codes is null then fault end as fault,
      case when part is null then repeated_ids end as "repeatedIds"
    from chunks
    where batch_id = ${batchId} and (error_codes is not null or fault is not null
      or (part is null and repeated_ids is not null))
    order by number limit ${MOST_FIRST_ERRORS}`;
  return {
    codes: Object.fromEntries(codes.map(({ code, records }) => [code, records])),
    first: chunks.flatMap(failedRecords).slice(0, MOST_FIRST_ERRORS),
  };
}

function failedRecords({ firstRecord, first, fault, repeatedIds }: FailedChunk): FailedRecord[] {
  const unread = fault === null ? [] : [{ record: firstRecord, code: fault.code, message: fault.message }];
  const repeated = (repeatedIds ?? []).map((record) => ({ record, ...REPEATED_ID }));
  return [...(first ?? []), ...unread, ...repeated].sort((a, b) => a.record - b.record);
}

/** By which rules the cells of a batch were coerced, over all chunks that were checked. */
export async function coercionsOf(tx: Transaction, batchId: string): Promise<CoercionCounts> {
  const rows = await tx<{ column: string; rule: Coercion; cells: number }[]>`
    select name as column, rule, sum(cells::bigint)::float8 as cells
    from chunks, jsonb_each(coerced) as columns(name, counts), jsonb_each_text(counts) as each(rule, cells)
    where batch_id = ${batchId} and coerced is not null
    group by name, rule`;
  const counts: Record<string, Partial<Record<Coercion, number>>> = {};
  for (const { column, rule, cells } of rows) counts[column] = { ...counts[column], [rule]: cells };
  return counts;
}
