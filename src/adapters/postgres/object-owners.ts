import type { ObjectOwner, ObjectPlace } from '../../engine/ports/keeping-store.ts';
import type { Sql } from './connect.ts';

/** The objects of a batch go, or are gone: whatever its rows still name does not count. */
export function removing(sql: Sql) {
  return sql`(b.deleted_at is not null or b.status = 'deleting' or coalesce(b.stage = 'remove', false))`;
}

/** All of them in one statement, which sees the rows as they were at one moment. */
export async function objectOwners(sql: Sql, places: readonly ObjectPlace[]): Promise<ObjectOwner[]> {
  if (places.length === 0) return [];
  return await sql<ObjectOwner[]>`
    select b.id is not null or u.id is not null as known,
      u.id is not null or coalesce(not ${removing(sql)} and b.expired_at is null and (
        b.input_key = p.key or c.part = p.key or c.validation_part = p.key
        or b.results @> jsonb_build_array(jsonb_build_object('key', p.key))), false) as named,
      u.id is not null
        or coalesce(case when p.number is null then b.lease else c.lease end = p.lease, false) as held,
      b.id is not null and (
        ${removing(sql)} or b.ended_at is null or (b.tidied_at is null and b.expired_at is null)) as swept
    from unnest(${places.map(({ key }) => key)}::text[], ${places.map(({ uploadId }) => uploadId)}::uuid[],
        ${places.map(({ batchId }) => batchId)}::uuid[], ${places.map(({ number }) => number)}::int[],
        ${places.map(({ lease }) => lease)}::uuid[])
      with ordinality as p(key, upload_id, batch_id, number, lease, at)
      left join uploads u on u.id = p.upload_id and u.object_key = p.key and u.removed_at is null
      left join batches b on b.id = p.batch_id
      left join chunks c on c.batch_id = p.batch_id and c.number = p.number
    order by p.at`;
}
