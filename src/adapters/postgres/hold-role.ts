import { invalidRequest } from '../../core/errors.ts';
import { shortened } from '../../core/result.ts';
import { builtInRole, type Role } from '../../core/roles.ts';
import type { CheckRole } from '../../engine/ports/access-stores.ts';
import type { Transaction } from './connect.ts';

/** A role of the account as it is, and stays until the transaction ends; `null`: there is none of this name. */
async function holdRole(tx: Transaction, accountId: string, name: string): Promise<Role | null> {
  const builtIn = builtInRole(name);
  if (builtIn !== undefined) return builtIn;
  const [role] = await tx<Role[]>`
    select name, description, statements from roles
    where account_id = ${accountId} and name = ${name} for share`;
  return role ?? null;
}

/**
 * Holds the role that somebody is about to be given: it cannot be changed or removed meanwhile.
 * @throws {RequestError} invalid_request: there is no such role; what `check` throws
 */
export async function holdGivenRole(
  tx: Transaction,
  accountId: string,
  name: string,
  check?: CheckRole,
): Promise<void> {
  const role = await holdRole(tx, accountId, name);
  if (role === null) {
    const message = `there is no role ${shortened(name)} in the account; GET /roles lists them`;
    throw invalidRequest({ pointer: '/role', code: 'unknown_role', message });
  }
  check?.(role);
}

/** Holds the role that somebody has, as long as it is decided what may be done to them. */
export async function holdOwnRole(
  tx: Transaction,
  accountId: string,
  name: string,
  check?: CheckRole,
): Promise<void> {
  if (check === undefined) return;
  const role = await holdRole(tx, accountId, name);
  // None is removed while somebody has it.
  if (role === null) throw new Error(`the role ${name}, which somebody has, is not there`);
  check(role);
}
