import { TERMINAL_STATUSES } from '../../core/batch.ts';
import type { ResultFile } from '../../engine/ports/batch-results.ts';
import type {
  KeepingStore,
  LackingBatch,
  NamedObject,
  NamingBatch,
  UntidyBatch,
  UnusedUpload,
} from '../../engine/ports/keeping-store.ts';
import { systemIn, writeAudit } from './audit.ts';
import type { Sql, Transaction } from './connect.ts';
import { LATE_WRITE_SECONDS } from './delete-batch.ts';
import { faultsTold } from './faults.ts';
import { objectOwners, removing } from './object-owners.ts';
import { transaction } from './transaction.ts';

const CHUNKS_PER_PAGE = 500;

/** What is kept of batches and uploads, for whoever compares it with the object store; of all accounts. */
export function postgresKeepingStore(sql: Sql): KeepingStore {
  return {
    owners: (places) => faultsTold(() => objectOwners(sql, places)),
    untidy: (leaseSeconds, limit) => faultsTold(() => untidyBatches(sql, leaseSeconds, limit)),
    tidied: (batch, bytes) => faultsTold(() => noteTidied(sql, batch, bytes)),
    naming: (after, limit) => faultsTold(() => namingBatches(sql, after, limit)),
    namedBy: (batchId) => namedObjects(sql, batchId),
    asItIs: (batchId) => faultsTold(() => batchAsItIs(sql, batchId)),
    writeAgain: (batch) => faultsTold(() => writeAgain(sql, batch)),
    expire: (batch) => faultsTold(() => expireNow(sql, batch)),
    unusedUploads: (after, limit) => faultsTold(() => unusedUploads(sql, after, limit)),
    isStillUnused: (upload) => faultsTold(() => isStillUnused(sql, upload)),
    noteUploadEmpty: (upload) => faultsTold(() => noteUploadEmpty(sql, upload)),
  };
}

/** As after a removal: a worker that does not know yet that its lease is over may write for so long. */
async function untidyBatches(sql: Sql, leaseSeconds: number, limit: number): Promise<UntidyBatch[]> {
  return await sql<UntidyBatch[]>`
    select id as "batchId", results_at::text as "resultsAt" from batches
    where tidied_at is null and results_at is not null and expired_at is null
      and results_at < now() - make_interval(secs => ${leaseSeconds + LATE_WRITE_SECONDS})
      and status in ${sql(TERMINAL_STATUSES)} and stage is null
    order by results_at limit ${limit}`;
}

async function noteTidied(sql: Sql, { batchId, resultsAt }: UntidyBatch, storedBytes: number): Promise<void> {
  await sql`
    update batches set tidied_at = clock_timestamp(), stored_bytes = ${storedBytes}
    where id = ${batchId} and tidied_at is null and results_at = ${resultsAt}::text::timestamptz
      and expired_at is null and status in ${sql(TERMINAL_STATUSES)} and stage is null`;
}

async function namingBatches(sql: Sql, after: string | null, limit: number): Promise<NamingBatch[]> {
  return await sql<NamingBatch[]>`
    select id as "batchId", (input_key is not null)::int + coalesce(jsonb_array_length(results), 0) + (
      select count(part) + count(validation_part) from chunks where batch_id = b.id) as named
    from batches b
    where (${after}::uuid is null or id > ${after}::uuid) and expired_at is null and not ${removing(sql)}
    order by id limit ${limit}`;
}

async function* namedObjects(sql: Sql, batchId: string): AsyncGenerator<NamedObject[]> {
  const [batch] = await faultsTold(
    () => sql<{ inputKey: string | null; results: ResultFile[] | null }[]>`
      select input_key as "inputKey", results from batches b
      where id = ${batchId} and expired_at is null and not ${removing(sql)}`,
  );
  if (batch === undefined) return;
  const input = batch.inputKey === null ? [] : [{ key: batch.inputKey, of: 'input' as const }];
  yield [...input, ...(batch.results ?? []).map(({ key }) => ({ key, of: 'result' as const }))];
  let after = 0;
  for (;;) {
    const chunks = await faultsTold(
      () => sql<{ number: number; part: string | null; validationPart: string | null }[]>`
        select number, part, validation_part as "validationPart" from chunks
        where batch_id = ${batchId} and number > ${after} order by number limit ${CHUNKS_PER_PAGE}`,
    );
    const keys = chunks.flatMap(({ part, validationPart }) => [validationPart, part]);
    yield keys.flatMap((key) => (key === null ? [] : [{ key, of: 'part' as const }]));
    if (chunks.length < CHUNKS_PER_PAGE) return;
    after = chunks.at(-1)!.number;
  }
}

async function batchAsItIs(sql: Sql, batchId: string): Promise<LackingBatch | null> {
  const [batch] = await sql<LackingBatch[]>`
    select id as "batchId", account_id as "accountId", status, dry_run as "dryRun", results_at::text as "resultsAt"
    from batches b where id = ${batchId} and expired_at is null and not ${removing(sql)}`;
  return batch ?? null;
}

/** The batch as it was seen, and nobody writes its results at this moment. */
function asSeen(sql: Transaction, { batchId, status, resultsAt }: LackingBatch) {
  return sql`
    id = ${batchId} and status = ${status} and results_at is not distinct from ${resultsAt}::text::timestamptz
    and expired_at is null and deleted_at is null and delete_requested_at is null
    and (stage is null or stage = 'write_results') and lease is null`;
}

async function writeAgain(sql: Sql, batch: LackingBatch): Promise<boolean> {
  return await transaction(sql, async (tx) => {
    const asked = await tx`
      update batches set stage = 'write_results', attempts = 0, crashes = 0, available_at = clock_timestamp(),
        results = null, results_at = null, tidied_at = null
      where ${asSeen(tx, batch)}`;
    return asked.count > 0 && (await noteMended(tx, batch, 'results_written_again'));
  });
}

async function expireNow(sql: Sql, batch: LackingBatch): Promise<boolean> {
  return await transaction(sql, async (tx) => {
    const expired = await tx`
      update batches set expires_at = clock_timestamp() where ${asSeen(tx, batch)}`;
    return expired.count > 0 && (await noteMended(tx, batch, 'batch_expired'));
  });
}

async function noteMended(
  tx: Transaction,
  { batchId, accountId }: LackingBatch,
  action: 'results_written_again' | 'batch_expired',
): Promise<true> {
  await writeAudit(tx, systemIn(accountId), { action, target: { kind: 'batch', id: batchId } });
  return true;
}

/** Only what was seen in the store once can be gone: nothing may ever have been put to a URL. */
async function unusedUploads(sql: Sql, after: string | null, limit: number): Promise<UnusedUpload[]> {
  return await sql<UnusedUpload[]>`
    select id, account_id as "accountId", object_key as "objectKey", measured_at::text as "measuredAt" from uploads
    where (${after}::uuid is null or id > ${after}::uuid) and ${unused(sql)} order by id limit ${limit}`;
}

function unused(sql: Sql) {
  return sql`
    removed_at is null and invalidated_at is null and used_by is null and expires_at > now() and measured_at is not null
    and stored_bytes > 0 and multipart_id is null`;
}

async function isStillUnused(sql: Sql, { id, measuredAt }: UnusedUpload): Promise<boolean> {
  const [upload] = await sql`
    select from uploads where id = ${id} and ${unused(sql)} and measured_at = ${measuredAt}::text::timestamptz`;
  return upload !== undefined;
}

async function noteUploadEmpty(sql: Sql, { id, accountId, measuredAt }: UnusedUpload): Promise<boolean> {
  return await transaction(sql, async (tx) => {
    const noted = await tx`
      update uploads set stored_bytes = 0, measured_at = clock_timestamp()
      where id = ${id} and removed_at is null and measured_at = ${measuredAt}::text::timestamptz`;
    if (noted.count === 0) return false;
    await writeAudit(tx, systemIn(accountId), { action: 'upload_emptied', target: { kind: 'upload', id } });
    return true;
  });
}
