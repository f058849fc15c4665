import { type CreatedBatch, newBatchRow } from '../../engine/new-batch-row.ts';
import type { BatchRow, KeepAnswer, NewBatch } from '../../engine/ports/request-stores.ts';
import type { Sql, Transaction } from './connect.ts';
import { underKey } from './idempotency-store.ts';
import { transaction } from './transaction.ts';
import { checkUploadFree } from './upload-lock.ts';

/**
 * Writes a batch in `new`. The upload's row is locked while it is decided who uses it: two requests at once cannot both
 * win; and what is answered under an `Idempotency-Key` is written with the batch or not at all.
 */
export async function createBatch(
  sql: Sql,
  batch: NewBatch,
  keep: KeepAnswer<BatchRow> | undefined,
): Promise<BatchRow> {
  return await transaction(sql, (tx) =>
    underKey(tx, keep, async () => {
      await checkUploadFree(tx, batch.uploadId, batch.id);
      return newBatchRow(batch, await insertBatch(tx, batch));
    }),
  );
}

async function insertBatch(tx: Transaction, batch: NewBatch): Promise<CreatedBatch> {
  const [created] = await tx<CreatedBatch[]>`
    insert into batches (id, account_id, upload_id, user_name, operation, operation_version, effects, settings, mapping,
      on_invalid, dry_run, stop_after, execution, custom_id, priority, results_formats, expires_after, format,
      metadata, stated_hash, upload_key, upload_etag, upload_bytes, status, stage, statuses)
    values (${batch.id}, ${batch.accountId}, ${batch.uploadId}, ${batch.userName}, ${batch.operation},
      ${batch.operationVersion}, ${batch.effects}, ${tx.json(batch.settings as never)}, ${tx.json(batch.mapping)},
      ${batch.onInvalid}, ${batch.dryRun}, ${batch.stopAfter === null ? null : tx.json({ ...batch.stopAfter })}, ${batch.execution},
      ${batch.customId}, ${batch.priority}, ${tx.json([...batch.resultsFormats])}, ${batch.expiresAfter},
      ${tx.json(batch.format as never)}, ${tx.json(batch.metadata as never)}, ${batch.statedHash ?? null},
      ${batch.uploadKey}, ${batch.upload.etag}, ${batch.upload.bytes}, 'new', 'copy', jsonb_build_array(jsonb_build_object(
        'status', 'new', 'ts', round(extract(epoch from clock_timestamp()), 3))))
    returning statuses, extract(epoch from date_trunc('milliseconds', created_at))::float8 as "createdAt",
      (select filename from uploads where id = ${batch.uploadId}) as filename`;
  if (created === undefined) throw new Error(`batch ${batch.id} was not written`);
  return created;
}
