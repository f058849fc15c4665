import { invalidRequest } from '../core/errors.ts';
import type { OperationRegistry } from '../core/operation.ts';
import { type AccountLimitsRequest, accountLimitProblems, accountLimitsOf } from './account-limits.ts';
import type { Actor } from './ports/actor.ts';
import type { Account, AccountStore } from './ports/admin-store.ts';

export interface ChangeAccount {
  accounts: Pick<AccountStore, 'change'>;
  operations: Pick<OperationRegistry, 'get'>;
}

export interface AccountPatch {
  name?: string;
  suspended?: boolean;
  limits?: AccountLimitsRequest;
}

/**
 * Renames an account, suspends it or lets it go on, or sets its limits: it counts from the next request on.
 * @throws {RequestError} invalid_request, account_not_found, name_taken, account_administers
 */
export async function changeAccount(
  { accounts, operations }: ChangeAccount,
  actor: Actor,
  id: string,
  { name, suspended, limits }: AccountPatch,
): Promise<Account> {
  const problems = limits === undefined ? [] : accountLimitProblems(limits, operations);
  if (problems.length > 0) throw invalidRequest(...problems);
  return await accounts.change(actor, id, {
    ...(name !== undefined && { name }),
    ...(suspended !== undefined && { suspended }),
    ...(limits !== undefined && { limits: accountLimitsOf(limits) }),
  });
}
