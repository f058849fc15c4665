import { randomUUID } from 'node:crypto';
import type { BatchEvent, BatchStatus } from '../../core/batch.ts';
import type { BatchClaim, BatchStage, ClaimOnly, KnownOperations } from '../../engine/ports/work-store.ts';
import type { Sql } from './connect.ts';
import { transaction } from './transaction.ts';
import { enters } from './transition.ts';

type BatchClaimRow = Omit<BatchClaim, 'kind' | 'stage' | 'lease' | 'upload'> & {
  etag: string;
  bytes: number;
};

/** What the first claim of a stage means to a batch in these statuses. */
const STARTED_BY_CLAIM: { [Status in BatchStatus]?: BatchEvent } = {
  new: 'copy_started',
  processed: 'writing_started',
  cancel: 'cancel_started',
};

/**
 * Claims the batch whose stage comes first: of the account with the fewest such stages under way, then by priority
 * within the account, then the oldest. The status that the stage stands for is entered in the same transaction. Only
 * copying and converting need the operation itself: what is written or removed, any worker can write or remove.
 */
export async function claimBatch(
  sql: Sql,
  leaseSeconds: number,
  stage: BatchStage,
  known: KnownOperations,
  { batchId, mostBytes }: ClaimOnly = {},
): Promise<BatchClaim | null> {
  const lease = randomUUID();
  return await transaction(sql, async (tx) => {
    const [picked] = await tx<{ id: string; status: BatchStatus }[]>`
      with recursive busy as (
        select account_id, count(*) as n from batches
        where stage = ${stage} and lease is not null group by account_id),
      accounts as (
        (select account_id from batches where stage = ${stage} and lease is null order by account_id limit 1)
        union all
        select (select account_id from batches
          where stage = ${stage} and lease is null and account_id > a.account_id order by account_id limit 1)
        from accounts a where a.account_id is not null),
      ready as (
        select first.* from accounts a cross join lateral (
          select id, account_id, created_at, row_number() over (order by priority desc, created_at, id) as place
          from batches
          where stage = ${stage} and lease is null and account_id = a.account_id
            and available_at <= clock_timestamp()
            and (${stage} not in ('copy', 'convert') or (operation, operation_version) in (
              select * from unnest(${known.names as string[]}::text[], ${known.versions as number[]}::int[])))
            ${batchId === undefined ? tx`` : tx`and id = ${batchId}`}
            ${mostBytes === undefined ? tx`` : tx`and upload_bytes <= ${mostBytes}`}
          order by priority desc, created_at, id limit 32) first
        where a.account_id is not null)
      select b.id, b.status from batches b join ready on ready.id = b.id
        left join busy on busy.account_id = b.account_id
      where b.stage = ${stage} and b.lease is null
      order by coalesce(busy.n, 0), ready.place, ready.created_at, ready.id
      limit 1 for update of b skip locked`;
    if (picked === undefined) return null;

    const event = STARTED_BY_CLAIM[picked.status];
    const [row] = await tx<BatchClaimRow[]>`
      update batches set
        ${event === undefined ? tx`` : tx`${enters(tx, event)},`}
        lease = ${lease}, lease_expires_at = clock_timestamp() + make_interval(secs => ${leaseSeconds}),
        attempts = attempts + 1
      where id = ${picked.id}
      returning id as "batchId", account_id as "accountId", operation, operation_version as "operationVersion",
        status, mapping, custom_id as "customId", dry_run as "dryRun", status_reason is not null as rejected,
        results_formats as "resultsFormats", format, conversion, hash, stated_hash as "statedHash",
        input_key as "inputKey", read, chunk_count as "chunkCount", total, upload_id as "uploadId",
        upload_key as "uploadKey", upload_etag as etag, upload_bytes as bytes, attempts`;
    if (row === undefined) throw new Error(`batch ${picked.id} vanished while its row was locked`);
    const { etag, bytes, ...rest } = row;
    return { kind: 'batch', stage, lease, ...rest, upload: { etag, bytes } };
  });
}
