import type { MeasurableUpload } from '../../engine/ports/sweep-stores.ts';
import type { Sql } from './connect.ts';

/** As long as a URL takes any number of bytes, it is looked at so often what came of it. */
const AGAIN_SECONDS = 600;

/**
 * Uploads whose bytes may be others than those that are noted: what can still be put without a size that the signature
 * binds, now and then; and every one once more after its URL has expired, also one whose size was stated, since nothing
 * may have come. Until it is looked at again, an upload counts with what is noted.
 */
export async function uploadsToMeasure(sql: Sql, limit: number): Promise<MeasurableUpload[]> {
  return await sql<MeasurableUpload[]>`
    select id, object_key as "objectKey", multipart_id as "multipartId" from uploads
    where removed_at is null and (
      (url_expires_at <= now() and (measured_at is null or measured_at < url_expires_at))
      or (url_expires_at > now() and (size is null or part_count is not null)
        and coalesce(measured_at, created_at) < now() - make_interval(secs => ${AGAIN_SECONDS})))
    order by measured_at nulls first, id limit ${limit}`;
}
