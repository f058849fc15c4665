import type { AccountWall } from './adapters/postgres/account-wall.ts';
import { postgresApiKeyStore } from './adapters/postgres/api-key-store.ts';
import { postgresBatchStore } from './adapters/postgres/batch-store.ts';
import type { Sql } from './adapters/postgres/connect.ts';
import { postgresIdempotencyStore } from './adapters/postgres/idempotency-store.ts';
import { readSql } from './adapters/postgres/read-sql.ts';
import { readTransactions } from './adapters/postgres/read-transaction.ts';
import { postgresRoleStore } from './adapters/postgres/role-store.ts';
import type { PostgresSingleCalls } from './adapters/postgres/single-calls.ts';
import { postgresUploadStore } from './adapters/postgres/upload-store.ts';
import { postgresUserStore } from './adapters/postgres/user-store.ts';
import type { ApiKeyStore, RoleStore, UserStore } from './engine/ports/access-stores.ts';
import type { Actor } from './engine/ports/actor.ts';
import type { ReadTransaction } from './engine/ports/read-transaction.ts';
import type { BatchStore, IdempotencyStore, UploadStore } from './engine/ports/request-stores.ts';
import type { SingleCalls } from './engine/ports/single-calls.ts';
import type { EngineSettings } from './engine/settings.ts';
import { openTrainingReads, type TrainingReads } from './operations/training/reads/training-reads.ts';

/**
 * All that a request can reach: each of these is bound to one account, and notes its changes as those of one actor.
 * None of their methods takes an account; so there is no route that could forget to, or name the wrong one.
 */
export interface AccountServices {
  uploads: UploadStore;
  batches: BatchStore;
  idempotency: IdempotencyStore;
  /** The transactions of operations that are called with one record. */
  calls: SingleCalls;
  /** Where templates are filled in from. */
  reads: ReadTransaction;
  training: TrainingReads;
  users: UserStore;
  roles: RoleStore;
  apiKeys: ApiKeyStore;
}

export interface AccountAdapters {
  wall: AccountWall;
  /** For what operations bring along: what they read for their templates may be in tables of their own. */
  sql: Sql;
  calls: PostgresSingleCalls;
  /** What an account may take for which nothing else is set. */
  defaults: EngineSettings['accountLimits'];
}

/** @param actor whose account it is */
export function accountServices(
  { wall, sql: plain, calls, defaults }: AccountAdapters,
  actor: Actor,
): AccountServices {
  const { db, sql } = wall.of(actor.accountId);
  return {
    uploads: postgresUploadStore({ db, sql, defaults }, actor),
    batches: postgresBatchStore({ db, sql, defaults }, actor),
    idempotency: postgresIdempotencyStore(sql, actor),
    calls: calls.of(actor),
    reads: readTransactions(plain, actor),
    training: openTrainingReads(readSql(sql), actor.accountId),
    users: postgresUserStore(sql, actor),
    roles: postgresRoleStore(sql, actor),
    apiKeys: postgresApiKeyStore(sql, actor),
  };
}
