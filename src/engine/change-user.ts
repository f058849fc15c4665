import type { Caller } from '../core/access.ts';
import { RequestError } from '../core/errors.ts';
import { checkedHash } from './create-user.ts';
import { mustCover } from './must-cover.ts';
import type { User, UserStore } from './ports/access-stores.ts';
import type { Passwords } from './ports/passwords.ts';

export interface ChangeUser {
  users: Pick<UserStore, 'find' | 'change'>;
  passwords: Pick<Passwords, 'hash'>;
}

export interface UserPatch {
  role?: string;
  password?: string;
  disabled?: boolean;
}

/**
 * Gives a user another role or password, or keeps it from signing in; each of these ends its sessions.
 * @throws {RequestError} invalid_request, user_not_found, last_admin, forbidden: the role that the user has, or is to
 *   have, may do more than the caller
 */
export async function changeUser(
  { users, passwords }: ChangeUser,
  caller: Caller,
  id: string,
  { password, ...change }: UserPatch,
): Promise<User> {
  const check = mustCover(caller);
  if (password === undefined) return await users.change(id, change, check);
  const user = await users.find(id);
  if (user === null) throw new RequestError('user_not_found', 'there is no user with this id in the account');
  const passwordHash = await checkedHash(passwords, caller, password, user.name);
  return await users.change(id, { ...change, passwordHash }, check);
}
