import { RequestError } from '../../core/errors.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import type { RemovableUpload } from '../../engine/ports/request-stores.ts';
import { writeAudit } from './audit.ts';
import type { Sql } from './connect.ts';
import { ownedBy } from './owned-by.ts';
import { transaction } from './transaction.ts';
import { BEFORE_THE_COPY, ofUpload } from './upload-lock.ts';

/**
 * Takes an upload back. Its row is locked while it is decided, as where a batch is made of it (upload-lock.ts): of the
 * two requests at once one is refused.
 * @throws {RequestError} handler_not_found, upload_in_use
 */
export async function invalidateUpload(sql: Sql, actor: Actor, id: string): Promise<RemovableUpload> {
  const own = ownedBy(sql, actor);
  return await transaction(sql, async (tx) => {
    const [upload] = await tx<(RemovableUpload & { invalidated: boolean })[]>`
      select id, object_key as "objectKey", multipart_id as "multipartId", invalidated_at is not null as invalidated
      from uploads where id = ${id} and ${own} for update`;
    if (upload === undefined) throw new RequestError('handler_not_found', `there is no upload ${id}`);
    const [batch] = await tx<{ id: string }[]>`
      select id from batches where upload_id = ${id} and ${own} and status in ${tx(BEFORE_THE_COPY)}
        and ${ofUpload(tx)}`;
    if (batch !== undefined) {
      throw new RequestError('upload_in_use', `batch ${batch.id} has not copied this upload yet`);
    }
    const { invalidated, ...removable } = upload;
    if (invalidated) return removable;
    await tx`update uploads set invalidated_at = clock_timestamp() where id = ${id} and ${own}`;
    await writeAudit(tx, actor, { action: 'invalidate_upload_url', target: { kind: 'upload', id } });
    return removable;
  });
}
