import { RequestError } from '../../core/errors.ts';
import type { CheckRole, NewUser, User, UserStore } from '../../engine/ports/access-stores.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import { writeAudit } from './audit.ts';
import { changeUser, removeUser } from './change-user.ts';
import type { Sql, Transaction } from './connect.ts';
import { faultsTold } from './faults.ts';
import { holdGivenRole } from './hold-role.ts';
import { transaction } from './transaction.ts';
import { toUser, type UserRow, userColumns } from './user-row.ts';

/** The users of the actor's account: those of others are not there. */
export function postgresUserStore(sql: Sql, actor: Actor): UserStore {
  const { accountId } = actor;
  return {
    create: (user, check) => faultsTold(() => transaction(sql, (tx) => createUser(tx, actor, user, check))),
    change: (id, change, check) =>
      faultsTold(() => transaction(sql, (tx) => changeUser(tx, actor, id, change, check))),
    remove: (id, check) => faultsTold(() => transaction(sql, (tx) => removeUser(tx, actor, id, check))),

    async find(id) {
      const [row] = await faultsTold(
        () => sql<UserRow[]>`
          select ${userColumns(sql)} from users where id = ${id} and account_id = ${accountId}`,
      );
      return row === undefined ? null : toUser(row);
    },

    async list({ limit, before }) {
      const rows = await faultsTold(
        () => sql<UserRow[]>`
          select ${userColumns(sql)} from users
          where account_id = ${accountId} ${before === undefined ? sql`` : sql`and id < ${before}`}
          order by id desc limit ${limit}`,
      );
      return rows.map(toUser);
    },
  };
}

export async function createUser(
  tx: Transaction,
  actor: Actor,
  user: NewUser,
  check?: CheckRole,
): Promise<User> {
  await holdGivenRole(tx, actor.accountId, user.role, check);
  const [row] = await tx<UserRow[]>`
    insert into users (id, account_id, name, password_hash, role)
    values (${user.id}, ${actor.accountId}, ${user.name}, ${user.passwordHash}, ${user.role})
    on conflict (account_id, lower(name)) do nothing
    returning ${userColumns(tx)}`;
  if (row === undefined) {
    throw new RequestError('name_taken', `there is a user ${user.name} in the account already`);
  }
  const after = { name: row.name, role: row.role };
  await writeAudit(tx, actor, { action: 'create_user', target: { kind: 'user', id: row.id }, after });
  return toUser(row);
}
