import { randomUUID } from 'node:crypto';
import type { BatchClaim, BatchStage, KnownOperations } from '../../engine/ports/work-store.ts';
import type { Sql } from './connect.ts';
import { transaction } from './transaction.ts';
import { enters } from './transition.ts';

type BatchClaimRow = Omit<BatchClaim, 'kind' | 'stage' | 'lease' | 'upload'> & {
  etag: string;
  bytes: number;
};

/**
 * Claims the batch whose stage comes first: of the account with the fewest such stages under way, then the oldest.
 * The status that the stage stands for is entered in the same transaction.
 */
export async function claimBatch(
  sql: Sql,
  leaseSeconds: number,
  stage: BatchStage,
  known: KnownOperations,
  batchId?: string,
): Promise<BatchClaim | null> {
  const lease = randomUUID();
  return await transaction(sql, async (tx) => {
    const [picked] = await tx<{ id: string; status: string }[]>`
      with busy as (
        select account_id, count(*) as n from batches
        where stage = ${stage} and lease is not null group by account_id)
      select b.id, b.status from batches b left join busy on busy.account_id = b.account_id
      where b.stage = ${stage} and b.lease is null and b.available_at <= clock_timestamp()
        and (b.operation, b.operation_version) in (
          select * from unnest(${known.names as string[]}::text[], ${known.versions as number[]}::int[]))
        ${batchId === undefined ? tx`` : tx`and b.id = ${batchId}`}
      order by coalesce(busy.n, 0), b.created_at, b.id
      limit 1 for update of b skip locked`;
    if (picked === undefined) return null;

    const event =
      picked.status === 'new' ? 'copy_started' : picked.status === 'processed' ? 'writing_started' : null;
    const [row] = await tx<BatchClaimRow[]>`
      update batches set
        ${event === null ? tx`` : tx`${enters(tx, event)},`}
        lease = ${lease}, lease_expires_at = clock_timestamp() + make_interval(secs => ${leaseSeconds}),
        attempts = attempts + 1
      where id = ${picked.id}
      returning id as "batchId", account_id as "accountId", operation, operation_version as "operationVersion",
        status, mapping, stated_hash as "statedHash", upload_id as "uploadId", upload_key as "uploadKey",
        upload_etag as etag, upload_bytes as bytes, attempts`;
    if (row === undefined) throw new Error(`batch ${picked.id} vanished while its row was locked`);
    const { etag, bytes, ...rest } = row;
    return { kind: 'batch', stage, lease, ...rest, upload: { etag, bytes } };
  });
}
