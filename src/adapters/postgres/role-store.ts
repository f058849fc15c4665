import { RequestError } from '../../core/errors.ts';
import { shortened } from '../../core/result.ts';
import { builtInRole, type Role } from '../../core/roles.ts';
import type { CheckRole, OwnRole, RoleChange, RoleStore } from '../../engine/ports/access-stores.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import { difference, writeAudit } from './audit.ts';
import type { Sql, Transaction } from './connect.ts';
import { faultsTold } from './faults.ts';
import { transaction } from './transaction.ts';

/** The roles of the actor's account, besides those that every account has. */
export function postgresRoleStore(sql: Sql, actor: Actor): RoleStore {
  const { accountId } = actor;
  return {
    create: (role) => faultsTold(() => transaction(sql, (tx) => createRole(tx, actor, role))),
    change: (name, change, check) =>
      faultsTold(() => transaction(sql, (tx) => changeRole(tx, actor, name, change, check))),
    remove: (name, check) => faultsTold(() => transaction(sql, (tx) => removeRole(tx, actor, name, check))),

    async find(name) {
      const builtIn = builtInRole(name);
      if (builtIn !== undefined) return builtIn;
      const [row] = await faultsTold(
        () => sql<RoleRow[]>`
          select ${columns(sql)} from roles where account_id = ${accountId} and name = ${name}`,
      );
      return row === undefined ? null : toRole(row);
    },

    async list({ limit, before }) {
      // In milliseconds, as the last one of a page is named by whoever asks for the next.
      const rows = await faultsTold(
        () => sql<RoleRow[]>`
          select ${columns(sql)} from roles
          where account_id = ${accountId} ${
            before === undefined
              ? sql``
              : sql`and (${inMilliseconds(sql)}, name) < (${Math.round(before.createdAt * 1000)}, ${before.name})`
          }
          order by ${inMilliseconds(sql)} desc, name desc limit ${limit}`,
      );
      return rows.map(toRole);
    },
  };
}

interface RoleRow extends Role {
  createdAt: Date;
  updatedAt: Date;
}

function columns(sql: Sql | Transaction) {
  return sql`name, description, statements, created_at as "createdAt", updated_at as "updatedAt"`;
}

function inMilliseconds(sql: Sql) {
  return sql`(extract(epoch from date_trunc('milliseconds', created_at)) * 1000)::bigint`;
}

function toRole({ createdAt, updatedAt, ...role }: RoleRow): OwnRole {
  return { ...role, createdAt: createdAt.getTime() / 1000, updatedAt: updatedAt.getTime() / 1000 };
}

async function createRole(tx: Transaction, actor: Actor, role: Role): Promise<OwnRole> {
  const { name, description, statements } = role;
  const [row] =
    builtInRole(name) === undefined
      ? await tx<RoleRow[]>`
          insert into roles (account_id, name, description, statements)
          values (${actor.accountId}, ${name}, ${description}, ${tx.json(statements as never)})
          on conflict do nothing returning ${columns(tx)}`
      : [];
  if (row === undefined) throw new RequestError('name_taken', `there is a role ${name} already`);
  const target = { kind: 'role', id: name } as const;
  await writeAudit(tx, actor, { action: 'create_role', target, after: { name, description, statements } });
  return toRole(row);
}

async function changeRole(
  tx: Transaction,
  actor: Actor,
  name: string,
  change: RoleChange,
  check?: CheckRole,
): Promise<OwnRole> {
  const role = await holdForChange(tx, actor.accountId, name);
  check?.(role);
  const { description = role.description, statements = role.statements } = change;
  const told = difference(
    { description: role.description, statements: role.statements },
    { description, statements },
  );
  if (Object.keys(told.after).length === 0) return toRole(role);
  const [row] = await tx<RoleRow[]>`
    update roles set description = ${description}, statements = ${tx.json(statements as never)},
      updated_at = clock_timestamp()
    where account_id = ${actor.accountId} and name = ${name} returning ${columns(tx)}`;
  await writeAudit(tx, actor, { action: 'update_role', target: { kind: 'role', id: name }, ...told });
  return toRole(row!);
}

async function removeRole(tx: Transaction, actor: Actor, name: string, check?: CheckRole): Promise<void> {
  const { accountId } = actor;
  const { description, statements, ...role } = await holdForChange(tx, accountId, name);
  check?.({ name: role.name, description, statements });
  // Whoever is being given the role holds its row: from here on there is nobody new.
  const [used] = await tx<{ users: number; keys: number }[]>`
    select (select count(*) from users where account_id = ${accountId} and role = ${name}) as users,
      (select count(*) from api_keys
        where account_id = ${accountId} and role = ${name} and revoked_at is null) as keys`;
  const { users, keys } = used!;
  if (users + keys > 0) {
    const detail = `${users} users and ${keys} API keys have the role ${name}`;
    throw new RequestError('role_in_use', detail);
  }
  await tx`delete from roles where account_id = ${accountId} and name = ${name}`;
  const before = { name, description, statements };
  await writeAudit(tx, actor, { action: 'delete_role', target: { kind: 'role', id: name }, before });
}

/** Waits for whoever is giving the role to somebody, and keeps others from it (hold-role.ts). */
async function holdForChange(tx: Transaction, accountId: string, name: string): Promise<RoleRow> {
  if (builtInRole(name) !== undefined) {
    throw new RequestError('role_built_in', `every account has the role ${name}; make one of another name`);
  }
  const [role] = await tx<RoleRow[]>`
    select ${columns(tx)} from roles where account_id = ${accountId} and name = ${name} for update`;
  if (role === undefined) {
    throw new RequestError('role_not_found', `there is no role ${shortened(name)} in the account`);
  }
  return role;
}
