import type { Caller, Statement } from '../core/access.ts';
import { invalidRequest } from '../core/errors.ts';
import { mustCover } from './must-cover.ts';
import type { OwnRole, RoleStore } from './ports/access-stores.ts';

export interface RoleRequest {
  name: string;
  description?: string;
  statements: readonly Statement[];
}

/** They are looked through with every request of whoever has the role. */
const MOST_ACTIONS = 1_000;

/**
 * Makes a role, which nobody has yet.
 * @throws {RequestError} invalid_request, name_taken, forbidden: the role would allow more than the caller's
 */
export async function createRole(
  { roles }: { roles: Pick<RoleStore, 'create'> },
  caller: Caller,
  { name, description = '', statements }: RoleRequest,
): Promise<OwnRole> {
  const role = { name, description, statements: checkedStatements(statements) };
  mustCover(caller)(role);
  return await roles.create(role);
}

/**
 * The statements with their members in one order, so that equal ones are told to be so.
 * @throws {RequestError} invalid_request
 */
export function checkedStatements(statements: readonly Statement[]): Statement[] {
  const actions = statements.reduce((sum, statement) => sum + statement.actions.length, 0);
  if (actions > MOST_ACTIONS) {
    const message = `name ${actions} actions in all; at most ${MOST_ACTIONS} may be named: shorten them with *`;
    throw invalidRequest({ pointer: '/statements', code: 'too_long', message });
  }
  return statements.map(({ effect, actions }) => ({ effect, actions }));
}
