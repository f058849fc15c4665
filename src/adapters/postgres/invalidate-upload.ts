import { RequestError } from '../../core/errors.ts';
import type { RemovableUpload } from '../../engine/ports/request-stores.ts';
import type { Sql } from './connect.ts';
import { transaction } from './transaction.ts';
import { BEFORE_THE_COPY } from './upload-lock.ts';

/**
 * Takes an upload back. Its row is locked while it is decided, as where a batch is made of it (upload-lock.ts): of the
 * two requests at once one is refused.
 * @throws {RequestError} handler_not_found, upload_in_use
 */
export async function invalidateUpload(sql: Sql, accountId: string, id: string): Promise<RemovableUpload> {
  return await transaction(sql, async (tx) => {
    const [upload] = await tx<RemovableUpload[]>`
      select id, object_key as "objectKey", multipart_id as "multipartId" from uploads
      where id = ${id} and account_id = ${accountId} for update`;
    if (upload === undefined) throw new RequestError('handler_not_found', `there is no upload ${id}`);
    const [batch] = await tx<{ id: string }[]>`
      select id from batches where upload_id = ${id} and status in ${tx(BEFORE_THE_COPY)}`;
    if (batch !== undefined) {
      throw new RequestError('upload_in_use', `batch ${batch.id} has not copied this upload yet`);
    }
    await tx`update uploads set invalidated_at = coalesce(invalidated_at, clock_timestamp()) where id = ${id}`;
    return upload;
  });
}
