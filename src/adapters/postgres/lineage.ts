import { type BatchStatus, isTerminal } from '../../core/batch.ts';
import { PermanentFault, RequestError } from '../../core/errors.ts';
import { holderOf, type LineageBatch, type RetryKind } from '../../core/lineage.ts';
import type { RetrySources, SourceBatch } from '../../engine/ports/batch-input.ts';
import type { BatchClaim } from '../../engine/ports/claims.ts';
import type { Sql, Transaction } from './connect.ts';
import type { Owned } from './owned-by.ts';

/**
 * The batches that have come of the same first one: their records are the same, and each is in one live retry at most.
 * One that has never been in `processing` has handed no record to its operation. Which came later is told by the
 * database's clock: ids are of the clocks of as many machines as serve requests.
 */

interface Parent {
  id: string;
  rootId: string;
  status: BatchStatus;
  /** Its result files are written. */
  known: boolean;
  /** They are removed, or are about to be. */
  expired: boolean;
  deleting: boolean;
  /** It is wrong as a whole: it has no records that could be read. */
  faulty: boolean;
  /** How many records it has; `null`: it ended before they were counted. */
  total: number | null;
  counts: Record<'failed' | 'unprocessed', number>;
  retriesLost: string | null;
}

export interface RetryPlace {
  rootId: string;
  /** About as many bytes as the records to be copied have. */
  bytes: number;
}

/**
 * Locks the lineage of a batch until the transaction ends, and sees that its records may be retried: whoever would retry,
 * resume, delete or expire one of these batches meanwhile waits. The newest is locked first, as whoever has locked one
 * only ever goes on to older ones.
 * @throws {RequestError} batch_not_found, not_retriable, already_retried, results_not_ready, results_expired
 */
export async function checkRetry(
  tx: Transaction,
  own: Owned,
  { of, records }: { of: string; records: RetryKind },
): Promise<RetryPlace> {
  await tx`
    select from batches
    where ${own} and id in (
      select b.id from batches p join batches b on b.id = p.id or b.id = p.root_id or b.root_id = coalesce(p.root_id, p.id)
      where p.id = ${of}) order by id desc for update`;
  // A statement of its own, which sees what was committed while this one waited.
  const [parent] = await tx<Parent[]>`
    select id, coalesce(root_id, id) as "rootId", status, results_at is not null as known,
      expired_at is not null or expires_at < clock_timestamp() or coalesce(stage = 'remove', false) as expired,
      status = 'deleting' or delete_requested_at is not null as deleting, file_fault is not null as faulty, total,
      jsonb_build_object('failed', failed, 'unprocessed', unprocessed) as counts, retries_lost as "retriesLost"
    from batches where id = ${of} and ${own} and deleted_at is null`;
  if (parent === undefined) {
    throw new RequestError('batch_not_found', 'there is no batch with this id in the account');
  }
  checkParent(parent);
  checkWanted(parent, records);
  const lineage = await tx<LineageBatch[]>`
    select id, retry_of as "retryOf", retry_records as records, status, results_at is not null as known from batches
    where ${own} and deleted_at is null and (id = ${parent.rootId} or root_id = ${parent.rootId}) order by id`;
  const holder = holderOf(lineage, of, records);
  if (holder !== undefined) {
    const message = `batch ${holder.id}, which is in ${holder.status}, has these records in hand; wait until it has ended`;
    throw new RequestError('already_retried', message);
  }
  return { rootId: parent.rootId, bytes: await bytesOf(tx, of, records) };
}

function checkParent({ status, known, deleting, expired, faulty, retriesLost }: Parent): void {
  const no = (why: string) => new RequestError('not_retriable', why);
  if (deleting) throw no('the batch is to be deleted');
  if (expired)
    throw new RequestError('results_expired', 'the files of the batch have expired and were removed');
  if (!isTerminal(status)) throw no(`the batch is in ${status}; only one that has ended can be retried`);
  if (!known)
    throw new RequestError('results_not_ready', 'the result files of the batch are not written yet');
  if (faulty) throw no('the file of the batch is wrong as a whole; mend it and make a batch of it');
  if (retriesLost !== null) {
    const message = `batch ${retriesLost} retried records of this one and is deleted or expired: nobody knows any more which of them succeeded`;
    throw new RequestError('already_retried', message);
  }
}

function checkWanted({ total, counts }: Parent, records: RetryKind): void {
  if (total === null) {
    const message =
      'the batch ended before its file was read: it has no records to be retried; make a batch of the file';
    throw new RequestError('not_retriable', message);
  }
  if (records === 'corrected') return;
  const wanted = records === 'both' ? counts.failed + counts.unprocessed : counts[records];
  if (wanted > 0) return;
  const what = records === 'both' ? 'failed or was left unprocessed' : WHAT[records];
  throw new RequestError('not_retriable', `no record of the batch ${what}`);
}

const WHAT = { failed: 'failed', unprocessed: 'was left unprocessed' } as const;

/** Of each chunk the share of its records that are taken. */
async function bytesOf(tx: Transaction, batchId: string, records: RetryKind): Promise<number> {
  const [sum] = await tx<[{ bytes: number }]>`
    select coalesce(ceil(sum((byte_end - byte_start)::float8 * case ${records}::text
      when 'failed' then bad when 'unprocessed' then records - good - bad else records - good end / records)), 0)::float8 as bytes
    from (select byte_start, byte_end, records, succeeded as good, case when part is null then invalid else failed end as bad
      from chunks where batch_id = ${batchId}) chunk`;
  return sum.bytes;
}

/**
 * The batch of its lineage for which a failed one, a row of `batches`, may not go on: one that has its records in hand, or
 * had them; `null`: none. As text, which Drizzle takes as well (batch-rows.ts).
 */
export const SUPERSEDED_BY = `coalesce((
  select o.id from batches o
  where (o.root_id = coalesce(batches.root_id, batches.id) or o.id = batches.root_id)
    and o.id <> batches.id and o.deleted_at is null and ((o.ended_at is null and o.status <> 'deleting')
      or (o.ended_at > batches.created_at and o.statuses @> '[{"status": "processing"}]'))
  limit 1), batches.retries_lost)`;

/** `SUPERSEDED_BY` of a batch whose row is locked: no retry of it can be made meanwhile. */
export async function supersededBy(tx: Transaction, batchId: string): Promise<string | null> {
  const [found] = await tx<{ id: string | null }[]>`
    select ${tx.unsafe(SUPERSEDED_BY)} as id from batches where id = ${batchId}`;
  return found?.id ?? null;
}

/** The condition that no retry is about to read what a batch of its lineage holds. */
export function unread(sql: Sql | Transaction) {
  return sql`not exists (
    select from batches r
    where r.root_id = coalesce(batches.root_id, batches.id) and r.id <> batches.id and r.deleted_at is null
      and (r.status in ('new', 'copying') or (r.status = 'copied' and r.conversion is not null)))`;
}

/**
 * A batch of a lineage, which is still in its terminal status, loses its results: what it has done is not known any more
 * to whoever would retry, or resume, one that was made before it ended.
 */
export async function loseRetry(tx: Transaction, batchId: string): Promise<void> {
  await tx`
    select from batches
    where id in (
      select b.id from batches lost join batches b on b.id = lost.root_id or b.root_id = coalesce(lost.root_id, lost.id)
      where lost.id = ${batchId} and b.created_at < lost.ended_at) order by id desc for update`;
  await tx`
    update batches set retries_lost = lost.id from batches lost
    where lost.id = ${batchId} and lost.statuses @> '[{"status": "processing"}]'
      and (lost.results_at is null or lost.succeeded + lost.failed > 0)
      and (batches.id = lost.root_id or batches.root_id = coalesce(lost.root_id, lost.id)) and batches.id <> lost.id
      and batches.created_at < lost.ended_at and batches.deleted_at is null`;
}

/**
 * What a retry reads: its parent, and whatever has ended since that was made and has processed records, also an older
 * batch that was resumed. @throws {PermanentFault} input_gone
 */
export async function retrySources(sql: Sql, { batchId, retry }: BatchClaim): Promise<RetrySources> {
  const rows = await sql<(SourceBatch & { lost: string | null; gone: boolean })[]>`
    select b.id as "batchId", c.root_id as "rootId", b.input_key as "inputKey", b.read, b.total, b.retries_lost as lost,
      b.status = 'deleting' or b.expired_at is not null or coalesce(b.stage = 'remove', false) as gone
    from batches c join batches p on p.id = c.retry_of join batches b on b.deleted_at is null and (b.id = p.id or (
      (b.root_id = c.root_id or b.id = c.root_id) and b.id <> c.id and b.ended_at > p.created_at
      and b.statuses @> '[{"status": "processing"}]'))
    where c.id = ${batchId} order by b.id`;
  const parent = rows.find((row) => row.batchId === retry?.of);
  const later = rows.filter((row) => row !== parent);
  if (parent === undefined || parent.gone || parent.lost !== null || later.some(({ gone }) => gone)) {
    throw new PermanentFault(
      'input_gone',
      `batch ${retry?.of} or a retry of its records is not there any more`,
    );
  }
  return { parent, later };
}
