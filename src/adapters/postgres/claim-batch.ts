import { randomUUID } from 'node:crypto';
import type { AccountLimitSettings } from '../../core/account-limits.ts';
import type { BatchEvent, BatchStatus } from '../../core/batch.ts';
import type { RetryKind } from '../../core/lineage.ts';
import type { BatchClaim, BatchStage, ClaimOnly, KnownOperations } from '../../engine/ports/claims.ts';
import type { ClaimTurns } from './claim-turns.ts';
import type { Sql } from './connect.ts';
import { transaction } from './transaction.ts';
import { enters } from './transition.ts';
import { weightOf } from './worker-share.ts';

type BatchClaimRow = Omit<BatchClaim, 'kind' | 'stage' | 'lease' | 'upload' | 'accountLimits' | 'retry'> & {
  retryOf: string | null;
  retryRecords: RetryKind | null;
  etag: string;
  bytes: number;
};

/** What the first claim of a stage means to a batch in these statuses. */
const STARTED_BY_CLAIM: { [Status in BatchStatus]?: BatchEvent } = {
  new: 'copy_started',
  processed: 'writing_started',
  cancel: 'cancel_started',
};

interface Picked {
  id: string;
  status: BatchStatus;
  accountId: string;
  weight: number;
  accountLimits: AccountLimitSettings;
  /** No other account waits for this stage. */
  alone: boolean;
}

interface ClaimOf {
  leaseSeconds: number;
  stage: BatchStage;
  known: KnownOperations;
  turns: ClaimTurns;
}

/**
 * Claims the batch whose stage comes first: of the account with the fewest such stages under way for its weight, then
 * whose turn it is, then by priority within the account, then the oldest. The status that the stage stands for is entered
 * in the same transaction. Only copying and converting need the operation itself: what is written or removed, any worker
 * can write or remove.
 */
export async function claimBatch(
  sql: Sql,
  { leaseSeconds, stage, known, turns }: ClaimOf,
  { batchId, mostBytes, unsuspected }: ClaimOnly = {},
): Promise<BatchClaim | null> {
  const lease = randomUUID();
  const { accounts, by } = turns.ahead();
  return await transaction(sql, async (tx) => {
    const [picked] = await tx<Picked[]>`
      with recursive busy as (
        select account_id, count(*) as n from batches
        where stage = ${stage} and lease is not null group by account_id),
      with_work as (
        (select account_id from batches where stage = ${stage} and lease is null order by account_id limit 1)
        union all
        select (select account_id from batches
          where stage = ${stage} and lease is null and account_id > a.account_id order by account_id limit 1)
        from with_work a where a.account_id is not null),
      ready as (
        select first.* from with_work a cross join lateral (
          select id, account_id, created_at, row_number() over (order by priority desc, created_at, id) as place
          from batches
          where stage = ${stage} and lease is null and account_id = a.account_id
            and available_at <= clock_timestamp()
            and (${stage} not in ('copy', 'copy_checked', 'convert') or (operation, operation_version) in (
              select * from unnest(${known.names as string[]}::text[], ${known.versions as number[]}::int[])))
            ${batchId === undefined ? tx`` : tx`and id = ${batchId}`}
            ${unsuspected ? tx`and crashes = 0` : tx``}
            ${mostBytes === undefined ? tx`` : tx`and upload_bytes <= ${mostBytes}`}
          order by priority desc, created_at, id limit 32) first
        where a.account_id is not null)
      select b.id, b.status, b.account_id as "accountId", own.limits as "accountLimits", ${weightOf(tx)} as weight,
        not exists (select from ready other where other.account_id <> b.account_id) as alone
      from batches b join ready on ready.id = b.id join accounts own on own.id = b.account_id
        left join busy on busy.account_id = b.account_id
        left join unnest(${accounts}::uuid[], ${by}::float8[]) as turn (account_id, ahead)
          on turn.account_id = b.account_id
      where b.stage = ${stage} and b.lease is null
      order by floor(coalesce(busy.n, 0) / ${weightOf(tx)}), coalesce(turn.ahead, 0), ready.place, ready.created_at, ready.id
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
        on_duplicate_file as "onDuplicateFile",
        input_key as "inputKey", read, chunk_count as "chunkCount", total, upload_id as "uploadId",
        upload_key as "uploadKey", upload_etag as etag, upload_bytes as bytes, attempts, crashes,
        retry_of as "retryOf", retry_records as "retryRecords"`;
    if (row === undefined) throw new Error(`batch ${picked.id} vanished while its row was locked`);
    turns.took(picked);
    const { etag, bytes, retryOf, retryRecords, ...rest } = row;
    const retry = retryOf === null || retryRecords === null ? null : { of: retryOf, records: retryRecords };
    const { accountLimits } = picked;
    return { kind: 'batch', stage, lease, ...rest, accountLimits, upload: { etag, bytes }, retry };
  });
}
