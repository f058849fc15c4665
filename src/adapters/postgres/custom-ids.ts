import type { CustomId } from '../../engine/ports/chunk-outcome.ts';
import type { Sql, Transaction } from './connect.ts';

/** Keeps the custom ids of a chunk that was checked, in the transaction in which it settles. */
export async function insertCustomIds(
  sql: Sql | Transaction,
  chunk: { batchId: string; number: number },
  ids: readonly CustomId[],
): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    insert into custom_ids (batch_id, chunk, record, digest, valid)
    select ${chunk.batchId}::uuid, ${chunk.number}::int, id.record, decode(id.digest, 'hex'), id.valid
    from unnest(${ids.map(({ record }) => record)}::bigint[], ${ids.map(({ digest }) => digest.toString('hex'))}::text[],
      ${ids.map(({ valid }) => String(valid))}::text[]::boolean[]) as id(record, digest, valid)
    on conflict do nothing`;
}

/**
 * Finds the records whose custom id an earlier record of the file has, whichever chunk was checked first, and counts
 * those of them that were good so far as invalid. The ids have done their work then.
 */
export async function findRepeatedIds(tx: Transaction, batchId: string): Promise<void> {
  await tx`
    with numbered as (
      select chunk, record, valid, row_number() over (partition by digest order by record) as nth
      from custom_ids where batch_id = ${batchId}),
    repeated as (
      select chunk, jsonb_agg(record order by record) as records, count(*)::int as n
      from numbered where nth > 1 and valid group by chunk)
    update chunks c set repeated_ids = repeated.records, invalid = c.invalid + repeated.n
    from repeated where c.batch_id = ${batchId} and c.number = repeated.chunk`;
  await tx`delete from custom_ids where batch_id = ${batchId}`;
}
