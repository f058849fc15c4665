import type { BatchEvent, StatusReason } from '../../core/batch.ts';
import type { ChunkRange } from '../../core/chunk.ts';
import { LeaseLost } from '../../core/errors.ts';
import { readsUpload } from '../../core/lineage.ts';
import type { ConvertedInput, CopiedInput, CutInput } from '../../engine/ports/batch-input.ts';
import type { WrittenResults } from '../../engine/ports/batch-results.ts';
import type { BatchClaim } from '../../engine/ports/claims.ts';
import { addFailures } from '../../engine/results/add-failures.ts';
import type { Sql, Transaction } from './connect.ts';
import { copiedBefore } from './duplicate-file.ts';
import { failuresOf } from './failures.ts';
import { transaction } from './transaction.ts';
import { enters, mayEnter } from './transition.ts';

/** Chunk rows per INSERT: a 50 GB file has some ten thousand. */
const CHUNKS_PER_INSERT = 2000;

const NO_LEASE = { lease: null, lease_expires_at: null, attempts: 0, crashes: 0, stage: null } as const;

/** The hash differs: terminal at once, nothing was copied, nothing was counted. */
export async function rejectHash(sql: Sql, claim: BatchClaim, hash: string): Promise<void> {
  const reason: StatusReason = {
    code: 'hash_mismatch',
    message: `the upload’s SHA-256 is ${hash}, the batch was created with ${claim.statedHash}`,
  };
  const rejected = await sql`
    update batches set ${enters(sql, 'hash_differed')}, ${sql(NO_LEASE)}, hash = ${hash},
      status_reason = ${sql.json({ ...reason })}, results = '[]', results_at = clock_timestamp(),
      stored_bytes = 0
    where id = ${claim.batchId} and lease = ${claim.lease} and ${mayEnter(sql, 'hash_differed')}`;
  if (rejected.count === 0) throw new LeaseLost(`batch ${claim.batchId}`);
}

/**
 * The copy exists: the batch knows its hash and its chunks, or how it has to be converted before it can be cut, and the
 * upload is used up.
 */
export async function finishCopy(sql: Sql, claim: BatchClaim, input: CopiedInput): Promise<void> {
  const stage = input.conversion === null ? null : 'convert';
  await transaction(sql, async (tx) => {
    const copied = await tx`
      update batches set ${enters(tx, 'copy_finished')}, ${tx({ ...NO_LEASE, stage })}, hash = ${input.hash},
        conversion = ${json(tx, input.conversion)}, upload_bytes = ${input.bytes}, stored_bytes = ${input.bytes},
        ${cut(tx, input)}
      where id = ${claim.batchId} and lease = ${claim.lease} and ${mayEnter(tx, 'copy_finished')}`;
    if (copied.count === 0) throw new LeaseLost(`batch ${claim.batchId}`);
    const earlier = await copiedBefore(tx, claim, input.hash);
    if (earlier !== null) await tx`update batches set duplicate_of = ${earlier} where id = ${claim.batchId}`;
    // A dry run leaves the upload for the batch that it was a trial of, and most retries read none.
    if (!claim.dryRun && readsUpload(claim.retry?.records ?? null)) {
      await tx`update uploads set used_by = ${claim.batchId} where id = ${claim.uploadId} and used_by is null`;
    }
    await insertChunks(tx, claim, input);
  });
}

/** The converted file exists, and the batch knows its chunks. */
export async function finishConversion(sql: Sql, claim: BatchClaim, input: ConvertedInput): Promise<void> {
  await transaction(sql, async (tx) => {
    const converted = await tx`
      update batches set ${tx(NO_LEASE)}, conversion = null, progress_done = 0, updated_at = clock_timestamp(),
        stored_bytes = ${input.storedBytes},
        ${cut(tx, input)}
      where id = ${claim.batchId} and lease = ${claim.lease} and status = 'copied'`;
    if (converted.count === 0) throw new LeaseLost(`batch ${claim.batchId}`);
    await insertChunks(tx, claim, input);
  });
}

function cut(tx: Transaction, input: CutInput) {
  return tx`
    input_key = ${input.inputKey}, read = ${json(tx, input.read)}, file_fault = ${json(tx, input.fault)},
    total = ${input.total}, chunk_count = ${input.chunks.length}`;
}

async function insertChunks(tx: Transaction, claim: BatchClaim, input: CutInput): Promise<void> {
  // A file that is wrong as a whole is not checked any further: its chunks only say how many records there are.
  const status = input.fault === null ? 'waiting' : 'settled';
  for (let from = 0; from < input.chunks.length; from += CHUNKS_PER_INSERT) {
    await insertSome(tx, claim, input.chunks.slice(from, from + CHUNKS_PER_INSERT), status);
  }
}

async function insertSome(
  tx: Transaction,
  claim: BatchClaim,
  chunks: readonly ChunkRange[],
  status: 'waiting' | 'settled',
): Promise<void> {
  const rows = chunks.map((chunk) => ({
    batch_id: claim.batchId,
    number: chunk.number,
    account_id: claim.accountId,
    first_record: chunk.firstRecord,
    records: chunk.records,
    byte_start: chunk.start,
    byte_end: chunk.end,
    sha256: chunk.sha256,
    fault: json(tx, chunk.fault ?? null),
    sources: json(tx, chunk.sources ?? null),
    skipped: chunk.sources?.skipped?.length ?? 0,
    phase: 'validate',
    status,
  }));
  await tx`insert into chunks ${tx(rows)}`;
}

/** The result files are there: the batch names them and enters the terminal status that it was on the way to. */
export async function finishResults(
  sql: Sql,
  claim: BatchClaim,
  { files, counts, failures: withoutPart, storedBytes }: WrittenResults,
): Promise<void> {
  const event = writtenIn(claim);
  // Nothing of it changes any more: no chunk settles once its results are being written.
  const failures = addFailures(await failuresOf(sql, claim.batchId), withoutPart);
  const finished = await sql`
    update batches set
      ${event === null ? sql`updated_at = clock_timestamp()` : enters(sql, event)}, ${sql(NO_LEASE)},
      results = ${json(sql, files)}, results_at = clock_timestamp(), total = ${counts.total},
      succeeded = ${counts.succeeded}, failed = ${counts.failed}, skipped = ${counts.skipped},
      unprocessed = ${counts.unprocessed}, failures = ${json(sql, failures)}, stored_bytes = ${storedBytes}
    where id = ${claim.batchId} and lease = ${claim.lease}
      and ${event === null ? sql`status = ${claim.status}` : mayEnter(sql, event)}`;
  if (finished.count === 0) throw new LeaseLost(`batch ${claim.batchId}`);
}

/** What it means to a batch that its files are written; `null`: it is `failed` already, and stays so. */
function writtenIn({ status, rejected }: BatchClaim): BatchEvent | null {
  switch (status) {
    case 'writing_results':
      return 'results_written';
    case 'cancelling':
      return 'cancel_finished';
    case 'validating':
      return rejected ? 'validation_rejected' : 'dry_run_finished';
    default:
      return null;
  }
}

function json(sql: Sql | Transaction, value: unknown) {
  return value === null ? null : sql.json(value as never);
}
