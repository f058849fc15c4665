import type { Actor } from './actor.ts';

/** What somebody did. Entries are written in the transaction of what they tell of, and never change. */
export interface AuditEntry {
  /** The permission that it takes, or what happened besides: `sign_in`, `sign_out`, `batch_expired` (`sheaf check --fix`), … */
  action: string;
  target: { kind: AuditTarget; id: string };
  /** What was, and what is: only the fields that differ. Never a secret. */
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
}

export type AuditTarget =
  | 'account'
  | 'user'
  | 'role'
  | 'api_key'
  | 'session'
  | 'upload'
  | 'batch'
  | 'operation'
  | 'signing_key';

/** For what is not a change of a row of ours, such as an attempt to sign in. */
export interface AuditLog {
  note(actor: AuditActor, entry: AuditEntry): Promise<void>;
}

/** Whoever tries to sign in is nobody yet. */
export type AuditActor = Omit<Actor, 'accountId' | 'ownAccountId' | 'principal'> & {
  accountId: string | null;
  ownAccountId: string | null;
  principal: Actor['principal'] | { kind: 'nobody' } | { kind: 'system' };
};

export interface AuditRow {
  id: string;
  /** Seconds since the epoch. */
  at: number;
  account: { id: string; name: string } | null;
  actor: { kind: string; id: string | null; name: string; accountId: string | null };
  action: string;
  target: { kind: string; id: string };
  ip: string | null;
  requestId: string | null;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

export interface AuditFilters {
  account?: string;
  actor?: string;
  action?: string;
  targetKind?: string;
  target?: string;
  requestId?: string;
  ip?: string;
  /** Seconds since the epoch: from, and before. */
  from?: number;
  before?: number;
  /** Found anywhere in the actor, the target, or what was before and after, whatever its case. */
  search?: string;
}

export interface AuditReader {
  /**
   * Newest first; `before` is the id of the last entry of the page before.
   * @throws {RequestError} invalid_request: it takes too long to look through all that might fit
   */
  list(page: { limit: number; before?: string; filters: AuditFilters }): Promise<AuditRow[]>;
  /** All that fit and are there by now, newest first, some at a time; holds nothing between two times. */
  export(filters: AuditFilters): AsyncIterable<AuditRow[]>;
}
