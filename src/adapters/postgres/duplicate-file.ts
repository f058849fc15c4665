import { PermanentFault } from '../../core/errors.ts';
import type { BatchClaim } from '../../engine/ports/claims.ts';
import type { Sql, Transaction } from './connect.ts';
import { BEFORE_THE_COPY } from './upload-lock.ts';

interface SameFile {
  batchId: string;
  accountId: string;
  operation: string;
  /** Hex SHA-256 of the file. */
  hash: string;
}

/**
 * The first other batch of the operation that has copied the same file, or that is about to, as far as its client stated
 * the hash. Dry runs do not count, nor batches that never had their copy, nor the records that a retry takes up again.
 */
export async function duplicateOf(
  sql: Sql | Transaction,
  { batchId, accountId, operation, hash }: SameFile,
): Promise<string | null> {
  const [found] = await sql<{ id: string }[]>`
    select id from batches
    where account_id = ${accountId} and operation = ${operation} and id <> ${batchId} and not dry_run
      and deleted_at is null and status not in ('deleting', 'hash_mismatch')
      and (retry_records is null or retry_records = 'corrected')
      and (hash = ${hash} or (stated_hash = ${hash} and hash is null and status in ${sql(BEFORE_THE_COPY)}))
    order by created_at, id limit 1`;
  return found?.id ?? null;
}

/**
 * Looks for an earlier batch of the same file once its hash is known. The account's row is locked until the transaction
 * ends: of two batches at once the one that has its copy first is the earlier.
 * @returns the batch to warn of
 * @throws {PermanentFault} duplicate_file
 */
export async function copiedBefore(tx: Transaction, claim: BatchClaim, hash: string): Promise<string | null> {
  const { batchId, accountId, operation, onDuplicateFile } = claim;
  if (onDuplicateFile === 'allow') return null;
  await tx`select from accounts where id = ${accountId} for no key update`;
  const [found] = await tx<{ id: string }[]>`
    select id from batches
    where account_id = ${accountId} and operation = ${operation} and id <> ${batchId} and not dry_run
      and hash = ${hash} and deleted_at is null and status not in ('deleting', 'hash_mismatch')
      and (retry_records is null or retry_records = 'corrected')
    order by created_at, id limit 1`;
  if (found === undefined) return null;
  if (onDuplicateFile === 'warn') return found.id;
  throw new PermanentFault('duplicate_file', `batch ${found.id} was made of the same file`);
}
