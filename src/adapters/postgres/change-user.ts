import { RequestError } from '../../core/errors.ts';
import { ADMIN_ROLE } from '../../core/roles.ts';
import type { CheckRole, User, UserChange } from '../../engine/ports/access-stores.ts';
import type { Actor } from '../../engine/ports/actor.ts';
import { difference, writeAudit } from './audit.ts';
import type { Transaction } from './connect.ts';
import { holdGivenRole, holdOwnRole } from './hold-role.ts';
import { toUser, type UserRow, userColumns } from './user-row.ts';

/**
 * Changes a user; what it may do and who it is are different afterwards, so its sessions end with it.
 * @throws {RequestError} user_not_found, last_admin, invalid_request: there is no such role; what `check` throws
 */
export async function changeUser(
  tx: Transaction,
  actor: Actor,
  id: string,
  change: UserChange,
  check?: CheckRole,
): Promise<User> {
  const { passwordHash } = change;
  const demotes = (change.role ?? ADMIN_ROLE) !== ADMIN_ROLE || change.disabled === true;
  const { user, lastAdmin } = await holdUser(tx, actor.accountId, id, demotes);
  const { role = user.role, disabled = user.disabled } = change;
  await holdOwnRole(tx, actor.accountId, user.role, check);
  if (role !== user.role) await holdGivenRole(tx, actor.accountId, role, check);
  if (lastAdmin) throw lastAdminStays(user);

  const told = difference(
    { role: user.role, disabled: user.disabled },
    { role, disabled, ...(passwordHash !== undefined && { password: 'changed' }) },
  );
  if (Object.keys(told.after).length === 0) return toUser(user);
  const [changed] = await tx<UserRow[]>`
    update users set role = ${role}, password_hash = coalesce(${passwordHash ?? null}, password_hash),
      disabled_at = case when ${disabled} then coalesce(disabled_at, clock_timestamp()) end,
      updated_at = clock_timestamp()
    where account_id = ${actor.accountId} and id = ${id} returning ${userColumns(tx)}`;
  await tx`
    update sessions set ended_at = clock_timestamp()
    where account_id = ${actor.accountId} and user_id = ${id} and ended_at is null`;
  await writeAudit(tx, actor, { action: 'update_user', target: { kind: 'user', id }, ...told });
  return toUser(changed!);
}

/** @throws {RequestError} user_not_found, last_admin; what `check` throws */
export async function removeUser(
  tx: Transaction,
  actor: Actor,
  id: string,
  check?: CheckRole,
): Promise<void> {
  const { user, lastAdmin } = await holdUser(tx, actor.accountId, id, true);
  await holdOwnRole(tx, actor.accountId, user.role, check);
  if (lastAdmin) throw lastAdminStays(user);
  await tx`delete from users where account_id = ${actor.accountId} and id = ${id}`;
  const before = { name: user.name, role: user.role, disabled: user.disabled };
  await writeAudit(tx, actor, { action: 'delete_user', target: { kind: 'user', id }, before });
}

/**
 * Locks a user and, where it may stop being an admin, all admins with it: of two requests that take the last two admins
 * away the second sees what the first has done. In one statement and in the order of their ids, as a row that is an
 * admin no more once it is locked stays locked all the same.
 */
async function holdUser(
  tx: Transaction,
  accountId: string,
  id: string,
  demotes: boolean,
): Promise<{ user: UserRow; lastAdmin: boolean }> {
  const admins = demotes ? tx`or (role = ${ADMIN_ROLE} and disabled_at is null)` : tx``;
  const held = await tx<UserRow[]>`
    select ${userColumns(tx)} from users
    where account_id = ${accountId} and (id = ${id} ${admins}) order by id for update`;
  const user = held.find((row) => row.id === id);
  if (user === undefined) {
    throw new RequestError('user_not_found', 'there is no user with this id in the account');
  }
  const isAdmin = user.role === ADMIN_ROLE && !user.disabled;
  return { user, lastAdmin: demotes && isAdmin && held.length === 1 };
}

function lastAdminStays({ name }: UserRow): RequestError {
  return new RequestError('last_admin', `${name} is the last admin of the account who is not disabled`);
}
