import { v7 as uuidv7 } from 'uuid';
import type { AccountLimitSettings } from '../core/account-limits.ts';
import { invalidRequest } from '../core/errors.ts';
import type { OperationRegistry } from '../core/operation.ts';
import { passwordProblem } from '../core/password-rules.ts';
import { ADMIN_ROLE } from '../core/roles.ts';
import { type AccountLimitsRequest, accountLimitProblems, accountLimitsOf } from './account-limits.ts';
import type { Actor } from './ports/actor.ts';
import type { Account, AccountStore } from './ports/admin-store.ts';
import type { Passwords } from './ports/passwords.ts';

export interface CreateAccount {
  accounts: Pick<AccountStore, 'create'>;
  passwords: Pick<Passwords, 'hash'>;
  operations: Pick<OperationRegistry, 'get'>;
}

export interface AccountRequest {
  name: string;
  limits?: AccountLimitsRequest;
  /** Somebody who can sign in there from then on, and make everybody else. */
  admin?: { username: string; password: string };
}

/** @throws {RequestError} invalid_request, name_taken */
export async function createAccount(
  { accounts, passwords, operations }: CreateAccount,
  actor: Actor,
  { name, limits: asked = {}, admin }: AccountRequest,
): Promise<Account> {
  const problems = accountLimitProblems(asked, operations);
  const wrong = admin === undefined ? null : passwordProblem(admin.password, admin.username);
  if (wrong !== null) problems.push({ pointer: '/admin/password', ...wrong });
  if (problems.length > 0) throw invalidRequest(...problems);
  const set = Object.entries(accountLimitsOf(asked)).filter(([, limit]) => limit !== null);
  const limits: AccountLimitSettings = Object.fromEntries(set);
  const user = admin && {
    id: uuidv7(),
    name: admin.username,
    role: ADMIN_ROLE,
    passwordHash: await passwords.hash(admin.password, actor.accountId),
  };
  return await accounts.create(actor, { id: uuidv7(), name, limits, ...(user && { admin: user }) });
}
