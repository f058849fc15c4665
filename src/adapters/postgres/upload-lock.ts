import { RequestError } from '../../core/errors.ts';
import type { Sql, Transaction } from './connect.ts';
import type { Owned } from './owned-by.ts';

/** Statuses in which a batch still reads its upload. */
export const BEFORE_THE_COPY = ['new', 'copying'];

/** The condition that a batch reads an upload: `readsUpload` (core/lineage.ts) in SQL. */
export function ofUpload(sql: Sql | Transaction) {
  return sql`(retry_records is null or retry_records = 'corrected')`;
}

interface LockedUpload {
  usedBy: string | null;
  expired: boolean;
  invalidated: boolean;
}

/**
 * Locks an upload and sees that a batch may copy it: whoever else would use it or take it back waits until the
 * transaction ends.
 * @param batchId the batch that is to copy it
 * @throws {RequestError} handler_not_found, upload_used, upload_in_use, upload_expired, upload_invalidated
 */
export async function checkUploadFree(
  tx: Transaction,
  own: Owned,
  uploadId: string,
  batchId: string,
): Promise<void> {
  const [upload] = await tx<LockedUpload[]>`
    select used_by as "usedBy", expires_at < now() as expired, invalidated_at is not null as invalidated
    from uploads where id = ${uploadId} and ${own} for update`;
  if (upload === undefined) throw new RequestError('handler_not_found', `there is no upload ${uploadId}`);
  if (upload.invalidated) {
    throw new RequestError('upload_invalidated', 'the upload was taken back; make a new one');
  }
  if (upload.usedBy !== null) {
    throw new RequestError('upload_used', `batch ${upload.usedBy} has used this upload up; make a new one`);
  }
  if (upload.expired) throw new RequestError('upload_expired', 'the upload has expired; make a new one');
  const [other] = await tx<{ id: string }[]>`
    select id from batches
    where upload_id = ${uploadId} and ${own} and status in ${tx(BEFORE_THE_COPY)} and id <> ${batchId}
      and ${ofUpload(tx)}`;
  if (other !== undefined) {
    throw new RequestError('upload_in_use', `batch ${other.id} is about to copy this upload`);
  }
}
