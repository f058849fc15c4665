import { v7 as uuidv7 } from 'uuid';
import type { Caller } from '../core/access.ts';
import { invalidRequest } from '../core/errors.ts';
import { passwordProblem } from '../core/password-rules.ts';
import { mustCover } from './must-cover.ts';
import type { User, UserStore } from './ports/access-stores.ts';
import type { Passwords } from './ports/passwords.ts';

export interface CreateUser {
  users: Pick<UserStore, 'create'>;
  passwords: Pick<Passwords, 'hash'>;
}

export interface UserRequest {
  username: string;
  password: string;
  role: string;
}

/**
 * Makes somebody who can sign in with a password.
 * @throws {RequestError} invalid_request, name_taken, forbidden: the role may do more than the caller
 */
export async function createUser(
  { users, passwords }: CreateUser,
  caller: Caller,
  { username, password, role }: UserRequest,
): Promise<User> {
  const passwordHash = await checkedHash(passwords, caller, password, username);
  return await users.create({ id: uuidv7(), name: username, role, passwordHash }, mustCover(caller));
}

/** @throws {RequestError} invalid_request: nobody may have this password */
export async function checkedHash(
  passwords: Pick<Passwords, 'hash'>,
  { accountId }: Pick<Caller, 'accountId'>,
  password: string,
  username: string,
): Promise<string> {
  const problem = passwordProblem(password, username);
  if (problem !== null) throw invalidRequest({ pointer: '/password', ...problem });
  return await passwords.hash(password, accountId);
}
