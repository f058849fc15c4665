import type { AccountLimits } from '../../core/account-limits.ts';
import { copyStage } from '../../core/batch.ts';
import { RequestError } from '../../core/errors.ts';
import { readsUpload } from '../../core/lineage.ts';
import { type CreatedBatch, newBatchRow } from '../../engine/new-batch-row.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import type { BatchRow, KeepAnswer, NewBatch } from '../../engine/ports/request-stores.ts';
import { checkOpenBatches, checkRoom, lockAccount } from './account-quota.ts';
import { writeAudit } from './audit.ts';
import type { Sql, Transaction } from './connect.ts';
import { duplicateOf } from './duplicate-file.ts';
import { underKey } from './idempotency-store.ts';
import { checkRetry } from './lineage.ts';
import { type Owned, ownedBy } from './owned-by.ts';
import { transaction } from './transaction.ts';
import { checkUploadFree } from './upload-lock.ts';

/**
 * Writes a batch in `new`, if its account may have one more. The upload's row, or the lineage of the batch that it
 * retries, is locked while it is decided who uses it: two requests at once cannot both win; and what is answered under an
 * `Idempotency-Key` is written with the batch or not at all.
 */
export async function createBatch(
  sql: Sql,
  { actor, defaults }: { actor: Actor; defaults: AccountLimits },
  asked: NewBatch,
  keep: KeepAnswer<BatchRow> | undefined,
): Promise<BatchRow> {
  const own = ownedBy(sql, actor);
  return await transaction(sql, (tx) =>
    underKey(tx, actor, keep, async () => {
      const place = asked.retry === undefined ? undefined : await checkRetry(tx, own, asked.retry);
      const isCopy = place !== undefined && !readsUpload(asked.retry?.records ?? null);
      const batch = isCopy ? { ...asked, upload: { ...asked.upload, bytes: place.bytes } } : asked;
      const account = await lockAccount(tx, actor, defaults);
      await checkOpenBatches(tx, account);
      if (!isCopy) await takeUpload(tx, own, batch);
      await checkDuplicate(tx, actor.accountId, batch);
      await checkRoom(tx, account, batch.upload.bytes);
      const created = await insertBatch(tx, own, actor, batch, place?.rootId ?? null);
      const { operation, uploadId: handler, dryRun, retry } = batch;
      await writeAudit(tx, actor, {
        action: 'create_batch',
        target: { kind: 'batch', id: batch.id },
        after: {
          ...{ operation, handler, dry_run: dryRun },
          ...(retry !== undefined && { retry_of: retry.of, records: retry.records }),
        },
      });
      return newBatchRow(batch, created);
    }),
  );
}

/** @throws {RequestError} duplicate_file: as far as that can be told before the file is read */
async function checkDuplicate(tx: Transaction, accountId: string, batch: NewBatch): Promise<void> {
  const { id: batchId, operation, statedHash: hash, onDuplicateFile } = batch;
  if (onDuplicateFile !== 'refuse' || hash === undefined) return;
  const earlier = await duplicateOf(tx, { batchId, accountId, operation, hash });
  if (earlier === null) return;
  throw new RequestError('duplicate_file', `batch ${earlier} was made of the same file`);
}

async function takeUpload(tx: Transaction, own: Owned, batch: NewBatch): Promise<void> {
  await checkUploadFree(tx, own, batch.uploadId, batch.id);
  await tx`
    update uploads set stored_bytes = ${batch.upload.bytes}, measured_at = clock_timestamp()
    where id = ${batch.uploadId} and ${own} and removed_at is null`;
}

/** It runs on behalf of whoever asks for it. */
async function insertBatch(
  tx: Transaction,
  own: Owned,
  { accountId, user, principal }: Actor,
  batch: NewBatch,
  rootId: string | null,
): Promise<CreatedBatch> {
  const stopAfter = batch.stopAfter === null ? null : tx.json({ ...batch.stopAfter });
  const stage = copyStage({ ...batch, isRetry: batch.retry !== undefined });
  const [created] = await tx<CreatedBatch[]>`
    insert into batches (id, account_id, upload_id, user_name, principal, operation, operation_version, effects, settings, mapping,
      on_invalid, dry_run, stop_after, on_duplicate_file, execution, custom_id, priority, results_formats, expires_after, format,
      metadata, stated_hash, upload_key, upload_etag, upload_bytes, stored_bytes, retry_of, root_id, retry_records, status, stage, statuses)
    values (${batch.id}, ${accountId}, ${batch.uploadId}, ${user}, ${tx.json({ ...principal })}, ${batch.operation},
      ${batch.operationVersion}, ${batch.effects}, ${tx.json(batch.settings as never)}, ${tx.json(batch.mapping)},
      ${batch.onInvalid}, ${batch.dryRun}, ${stopAfter}, ${batch.onDuplicateFile}, ${batch.execution},
      ${batch.customId}, ${batch.priority}, ${tx.json([...batch.resultsFormats])}, ${batch.expiresAfter},
      ${tx.json(batch.format as never)}, ${tx.json(batch.metadata as never)}, ${batch.statedHash ?? null},
      ${batch.uploadKey}, ${batch.upload.etag}, ${batch.upload.bytes}, ${batch.upload.bytes},
      ${batch.retry?.of ?? null}, ${rootId}, ${batch.retry?.records ?? null}, 'new', ${stage},
      jsonb_build_array(jsonb_build_object('status', 'new', 'ts', round(extract(epoch from clock_timestamp()), 3))))
    returning account_id as "accountId", statuses, extract(epoch from date_trunc('milliseconds', created_at))::float8 as "createdAt",
      (select filename from uploads where id = ${batch.uploadId} and ${own}) as filename`;
  if (created === undefined) throw new Error(`batch ${batch.id} was not written`);
  return created;
}
