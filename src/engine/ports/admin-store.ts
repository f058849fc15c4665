import type { AccountLimitSettings } from '../../core/account-limits.ts';
import type { NewUser } from './access-stores.ts';
import type { Actor } from './actor.ts';
import type { AuditReader } from './audit-log.ts';
import type { BatchFilters, BatchRow } from './request-stores.ts';

/** What whoever runs a Sheaf sees and sets of all its accounts. */

export interface Account {
  id: string;
  name: string;
  administers: boolean;
  suspended: boolean;
  limits: AccountLimitSettings;
  /** Seconds since the epoch. */
  createdAt: number;
  updatedAt: number;
}

export interface AccountUsage {
  storedBytes: number;
  /** Batches that have not ended. */
  batches: number;
  runningChunks: number;
  users: number;
}

export interface AccountChange {
  name?: string;
  suspended?: boolean;
  /** `null` as a value sets the default again. */
  limits?: { readonly [Name in keyof AccountLimitSettings]?: AccountLimitSettings[Name] | null };
}

export interface AccountStore {
  /** With its first user, who is its admin, if there is to be one. @throws {RequestError} name_taken */
  create(
    actor: Actor,
    account: { id: string; name: string; limits: AccountLimitSettings; admin?: NewUser },
  ): Promise<Account>;
  find(id: string): Promise<Account | null>;
  /** Newest first. */
  list(page: { limit: number; before?: string; search?: string }): Promise<Account[]>;
  /** @throws {RequestError} account_not_found, name_taken, account_administers: it can be neither suspended nor renamed */
  change(actor: Actor, id: string, change: AccountChange): Promise<Account>;
  usage(id: string): Promise<AccountUsage>;
  /** What is set of an account at this moment, nothing of one that is not there; for workers, which know no caller. */
  limitSettings(id: string): Promise<AccountLimitSettings>;
}

export interface AllBatchFilters extends BatchFilters {
  account?: string;
}

/** A batch, whose it is, and who made it. */
export interface BatchOfAny extends BatchRow {
  accountName: string;
  user: string;
}

export interface BatchesOfAll {
  /**
   * Newest first, of any account; `before` is the id of the last batch of the page before.
   * @throws {RequestError} invalid_request: it takes too long to look through all that might fit; so do those below
   */
  list(page: { limit: number; before?: string; filters?: AllBatchFilters }): Promise<BatchOfAny[]>;
  /** Whose batch it is, also of one that was deleted not long ago; `null`: there is none. */
  ownerOf(id: string): Promise<Pick<BatchOfAny, 'accountId' | 'accountName' | 'user'> | null>;
  /** Those that fit and can be cancelled, the oldest first. */
  cancellable(page: {
    limit: number;
    filters: AllBatchFilters;
  }): Promise<{ id: string; accountId: string }[]>;
  countCancellable(filters: AllBatchFilters): Promise<number>;
}

/** Only the routes under `/admin` are given any of it. */
export interface AdminStores {
  accounts: AccountStore;
  batches: BatchesOfAll;
  audit: AuditReader;
}
