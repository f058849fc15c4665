import { RequestError } from '../../core/errors.ts';
import type { ApiKey, ApiKeyStore, CheckRole, NewApiKey } from '../../engine/ports/access-stores.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import { writeAudit } from './audit.ts';
import type { Sql, Transaction } from './connect.ts';
import { faultsTold } from './faults.ts';
import { holdGivenRole, holdOwnRole } from './hold-role.ts';
import { transaction } from './transaction.ts';

/** The API keys of the actor's account, by what tells them apart: nothing here knows the keys themselves. */
export function postgresApiKeyStore(sql: Sql, actor: Actor): ApiKeyStore {
  const { accountId } = actor;
  return {
    create: (key, check) => faultsTold(() => transaction(sql, (tx) => createKey(tx, actor, key, check))),
    revoke: (id, check) => faultsTold(() => transaction(sql, (tx) => revokeKey(tx, actor, id, check))),

    async find(id) {
      const [row] = await faultsTold(
        () => sql<KeyRow[]>`
          select ${columns(sql)} from api_keys where id = ${id} and account_id = ${accountId}`,
      );
      return row === undefined ? null : toKey(row);
    },

    async list({ limit, before }) {
      const rows = await faultsTold(
        () => sql<KeyRow[]>`
          select ${columns(sql)} from api_keys
          where account_id = ${accountId} ${before === undefined ? sql`` : sql`and id < ${before}`}
          order by id desc limit ${limit}`,
      );
      return rows.map(toKey);
    },
  };
}

interface KeyRow extends Omit<ApiKey, 'createdAt' | 'expiresAt' | 'lastUsedAt' | 'revokedAt'> {
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

function columns(sql: Sql | Transaction) {
  return sql`
    id, name, role, hint, created_by as "createdBy", created_at as "createdAt", expires_at as "expiresAt",
    last_used_at as "lastUsedAt", revoked_at as "revokedAt"`;
}

function toKey({ createdAt, expiresAt, lastUsedAt, revokedAt, ...key }: KeyRow): ApiKey {
  const seconds = (moment: Date | null) => moment && moment.getTime() / 1000;
  return {
    ...key,
    createdAt: createdAt.getTime() / 1000,
    expiresAt: seconds(expiresAt),
    lastUsedAt: seconds(lastUsedAt),
    revokedAt: seconds(revokedAt),
  };
}

async function createKey(
  tx: Transaction,
  actor: Actor,
  { id, name, role, hint, hash, expiresAt }: NewApiKey,
  check?: CheckRole,
): Promise<ApiKey> {
  await holdGivenRole(tx, actor.accountId, role, check);
  const [row] = await tx<KeyRow[]>`
    insert into api_keys (id, account_id, name, role, hash, hint, created_by, expires_at)
    values (${id}, ${actor.accountId}, ${name}, ${role}, ${hash}, ${hint}, ${actor.user},
      ${expiresAt === null ? null : new Date(expiresAt * 1000)})
    on conflict (account_id, lower(name)) where revoked_at is null do nothing
    returning ${columns(tx)}`;
  if (row === undefined) {
    const detail = `there is an API key ${name} in the account already; one that is revoked frees its name`;
    throw new RequestError('name_taken', detail);
  }
  const after = { name, role, hint, expires_ts: expiresAt };
  await writeAudit(tx, actor, { action: 'create_api_key', target: { kind: 'api_key', id }, after });
  return toKey(row);
}

async function revokeKey(tx: Transaction, actor: Actor, id: string, check?: CheckRole): Promise<void> {
  const [key] = await tx<KeyRow[]>`
    select ${columns(tx)} from api_keys
    where id = ${id} and account_id = ${actor.accountId} for update`;
  if (key === undefined) {
    throw new RequestError('api_key_not_found', 'there is no API key with this id in the account');
  }
  // The role of a key that is revoked may be gone.
  if (key.revokedAt !== null) return;
  await holdOwnRole(tx, actor.accountId, key.role, check);
  await tx`update api_keys set revoked_at = clock_timestamp() where id = ${id}`;
  const [before, after] = [{ name: key.name, revoked: false }, { revoked: true }];
  await writeAudit(tx, actor, { action: 'delete_api_key', target: { kind: 'api_key', id }, before, after });
}
