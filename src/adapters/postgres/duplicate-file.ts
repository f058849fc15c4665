import { PermanentFault } from '../../core/errors.ts';
import type { BatchClaim } from '../../engine/ports/claims.ts';
import type { Fragment, Sql, Transaction } from './connect.ts';
import { BEFORE_THE_COPY, ofUpload } from './upload-lock.ts';

interface SameFile {
  batchId: string;
  accountId: string;
  operation: string;
  /** Hex SHA-256 of the file. */
  hash: string;
}

/**
 * The first other batch of the operation that has copied the same file, or that is about to, as far as its client stated
 * the hash.
 */
export async function duplicateOf(sql: Sql | Transaction, file: SameFile): Promise<string | null> {
  const { hash } = file;
  const isSame = sql`(hash = ${hash}
    or (stated_hash = ${hash} and hash is null and status in ${sql(BEFORE_THE_COPY)}))`;
  return await firstBatchOf(sql, file, isSame);
}

/**
 * Looks for an earlier batch of the same file once its hash is known. The account's row is locked until the transaction
 * ends: of two batches at once the one that has its copy first is the earlier.
 * @returns the batch to warn of
 * @throws {PermanentFault} duplicate_file
 */
export async function copiedBefore(tx: Transaction, claim: BatchClaim, hash: string): Promise<string | null> {
  if (claim.onDuplicateFile === 'allow') return null;
  await tx`select from accounts where id = ${claim.accountId} for no key update`;
  const found = await firstBatchOf(tx, { ...claim, hash }, tx`hash = ${hash}`);
  if (found === null || claim.onDuplicateFile === 'warn') return found;
  throw new PermanentFault('duplicate_file', `batch ${found} was made of the same file`);
}

/** Dry runs do not count, nor batches that never had their copy, nor the records that a retry takes up again. */
async function firstBatchOf(
  sql: Sql | Transaction,
  { batchId, accountId, operation }: SameFile,
  isSame: Fragment,
): Promise<string | null> {
  const [found] = await sql<{ id: string }[]>`
    select id from batches
    where account_id = ${accountId} and operation = ${operation} and id <> ${batchId} and not dry_run
      and deleted_at is null and status not in ('deleting', 'hash_mismatch') and ${ofUpload(sql)} and ${isSame}
    order by created_at, id limit 1`;
  return found?.id ?? null;
}
