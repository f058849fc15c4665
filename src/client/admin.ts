import type { Static } from 'typebox';
import type { AccountPatchSchema, AccountRequestSchema, AccountView } from '../api/schemas/admin-accounts.ts';
import type { AuditEntryView, AuditExportQuery } from '../api/schemas/admin-audit.ts';
import type {
  AdminBatch,
  AdminBatchesQuery,
  BatchCancellation,
  CancelledBatches,
} from '../api/schemas/admin-batches.ts';
import type { BatchDeletion } from '../api/schemas/batch-change.ts';
import { type ListOptions, listItems, withQuery } from './list-items.ts';
import type { Connection } from './send.ts';

export type AccountRequest = Static<typeof AccountRequestSchema>;
export type AccountPatch = Static<typeof AccountPatchSchema>;
export type AuditFilters = Static<typeof AuditExportQuery>;
/** `metadata.KEY` filters by metadata. */
export type AllBatchesFilters = Omit<Static<typeof AdminBatchesQuery>, 'limit' | 'cursor'> &
  Readonly<Record<`metadata.${string}`, string>>;

/** What admins of the account that administers all others see and do. */
export class Admin {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Of all accounts, newest first; pages are asked for as they are needed. */
  batches(filters: AllBatchesFilters = {}, options: ListOptions = {}): AsyncGenerator<AdminBatch> {
    return listItems(this.#connection, '/admin/batches', options, { ...filters });
  }

  async batch(batch: string, signal?: AbortSignal): Promise<AdminBatch> {
    return (await this.#connection.get<AdminBatch>(batchPath(batch), signal)).body;
  }

  /** May be repeated by whoever calls. */
  async cancelBatch(batch: string, signal?: AbortSignal): Promise<AdminBatch> {
    return await this.#connection.patch(batchPath(batch), { status: 'cancel' }, signal);
  }

  async deleteBatch(batch: string, signal?: AbortSignal): Promise<BatchDeletion> {
    return await this.#connection.delete(batchPath(batch), signal);
  }

  /** As many as one request does: `more` says whether to send it again. */
  async cancelBatches(which: BatchCancellation, signal?: AbortSignal): Promise<CancelledBatches> {
    return await this.#connection.post('/admin/batches/cancel', which, signal);
  }

  /** Newest first, without their usage. */
  accounts(filters: { search?: string } = {}, options: ListOptions = {}): AsyncGenerator<AccountView> {
    return listItems(this.#connection, '/admin/accounts', options, { ...filters });
  }

  async account(account: string, signal?: AbortSignal): Promise<AccountView> {
    return (await this.#connection.get<AccountView>(accountPath(account), signal)).body;
  }

  async createAccount(account: AccountRequest, signal?: AbortSignal): Promise<AccountView> {
    return await this.#connection.post('/admin/accounts', account, signal);
  }

  async changeAccount(account: string, change: AccountPatch, signal?: AbortSignal): Promise<AccountView> {
    return await this.#connection.patch(accountPath(account), change, signal);
  }

  /** Newest first; pages are asked for as they are needed. */
  audit(filters: AuditFilters = {}, options: ListOptions = {}): AsyncGenerator<AuditEntryView> {
    return listItems(this.#connection, '/admin/audit', options, { ...filters });
  }

  /** All entries in one answer, of any length. An answer that breaks off is told as `unreachable`, and not begun anew. */
  exportAudit(filters: AuditFilters = {}, signal?: AbortSignal): AsyncGenerator<AuditEntryView> {
    return this.#connection.getLines(withQuery('/admin/audit/export', { ...filters }), signal);
  }
}

function batchPath(batch: string): string {
  return `/admin/batches/${encodeURIComponent(batch)}`;
}

function accountPath(account: string): string {
  return `/admin/accounts/${encodeURIComponent(account)}`;
}
