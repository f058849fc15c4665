import { type AccountLimitSettings, type AccountLimits, limitsOf } from '../../core/account-limits.ts';
import { RequestError } from '../../core/errors.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import type { Sql, Transaction } from './connect.ts';

/** After so long a request for one more batch is worth another try: batches end at any time. */
const RETRY_SECONDS = 10;

/**
 * URLs to which nobody knows how many bytes will be put: of uploads whose size was not stated, and of those in parts,
 * since a part's size is not in its signature. What they hold is looked up only later, so they must not be any number.
 */
export const MOST_UNBOUND_UPLOADS = 1000;

/** An account whose row is locked: of two requests at once the second counts what the first has made. */
export interface LockedAccount {
  id: string;
  limits: AccountLimits;
}

/**
 * Locks the account until the transaction ends, before any other row of it that a request locks, but for the batch that
 * it changes. Whoever only refers to the account does not wait for that.
 */
export async function lockAccount(
  tx: Transaction,
  { accountId: id }: Pick<Actor, 'accountId'>,
  defaults: AccountLimits,
): Promise<LockedAccount> {
  const [row] = await tx<{ set: AccountLimitSettings }[]>`
    select limits as set from accounts where id = ${id} for no key update`;
  return { id, limits: limitsOf(defaults, row?.set ?? {}) };
}

/** The batches of an account that have not ended. */
export function openBatches(sql: Sql | Transaction, accountId: string) {
  return sql`(
    select count(*)::float8 from batches
    where account_id = ${accountId} and ended_at is null and deleted_at is null)`;
}

/** What an account has in the object store. */
export function storedBytes(sql: Sql | Transaction, accountId: string) {
  return sql`(
    (select coalesce(sum(stored_bytes), 0) from uploads where account_id = ${accountId} and removed_at is null) +
    (select coalesce(sum(stored_bytes), 0) from batches where account_id = ${accountId} and stored_bytes > 0)
  )::float8`;
}

/** @throws {RequestError} too_many_batches */
export async function checkOpenBatches(tx: Transaction, { id, limits }: LockedAccount): Promise<void> {
  const [open] = await tx<[{ batches: number }]>`select ${openBatches(tx, id)} as batches`;
  if (open.batches < limits.batches) return;
  const detail = `${open.batches} batches of the account are under way, and it may have ${limits.batches}`;
  throw new RequestError('too_many_batches', detail, [], RETRY_SECONDS);
}

/**
 * @param more what would be stored besides; `null`: nobody knows yet, so there must be room for anything at all
 * @throws {RequestError} storage_full
 */
export async function checkRoom(
  tx: Transaction,
  { id, limits }: LockedAccount,
  more: number | null,
): Promise<void> {
  const [usage] = await tx<[{ bytes: number }]>`select ${storedBytes(tx, id)} as bytes`;
  if (more === null ? usage.bytes < limits.storedBytes : usage.bytes + more <= limits.storedBytes) return;
  const wanted = more === null ? '' : `, and this would be ${more} more`;
  const detail = `the account stores ${usage.bytes} bytes and may store ${limits.storedBytes}${wanted}`;
  throw new RequestError('storage_full', detail);
}

/** @throws {RequestError} storage_full */
export async function checkUnboundUploads(tx: Transaction, { id }: LockedAccount): Promise<void> {
  const [unbound] = await tx<[{ uploads: number }]>`
    select count(*) as uploads from uploads
    where account_id = ${id} and removed_at is null and (size is null or part_count is not null)
      and greatest(url_expires_at, created_at + interval '1 minute') > now()`;
  if (unbound.uploads < MOST_UNBOUND_UPLOADS) return;
  const detail =
    `${unbound.uploads} uploads of the account still take any number of bytes, as many as there may be: ` +
    'state the size of the file, or wait until a URL expires';
  throw new RequestError('storage_full', detail);
}
