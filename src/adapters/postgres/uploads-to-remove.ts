import type { RemovableUpload } from '../../engine/ports/request-stores.ts';
import type { Sql } from './connect.ts';
import { BEFORE_THE_COPY } from './upload-lock.ts';

/** A PUT that began in the last moment of its URL may take so long: until then the object could come back. */
const LATE_PUT_SECONDS = 6 * 3600;

/** A batch of an upload that had not expired yet may be committed so much later. */
const LATE_BATCH_SECONDS = 60;

/**
 * Uploads whose object is to go: taken back, copied by a batch, or expired; but not while a batch has still to copy
 * them, nor while a PUT may come that nobody would remove again. Parts that are one object take no PUT any more.
 */
export async function uploadsToRemove(sql: Sql, limit: number): Promise<RemovableUpload[]> {
  return await sql<RemovableUpload[]>`
    select id, object_key as "objectKey", multipart_id as "multipartId" from uploads u
    where removed_at is null
      and (invalidated_at is not null or used_by is not null
        or expires_at < now() - make_interval(secs => ${LATE_BATCH_SECONDS}))
      and (url_expires_at < now() - make_interval(secs => ${LATE_PUT_SECONDS})
        or (part_count is not null and multipart_id is null and used_by is not null))
      and not exists (
        select from batches b where b.upload_id = u.id and b.status in ${sql(BEFORE_THE_COPY)})
    order by expires_at limit ${limit}`;
}
