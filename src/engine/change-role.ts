import type { Caller } from '../core/access.ts';
import { checkedStatements, type RoleRequest } from './create-role.ts';
import { mustCover } from './must-cover.ts';
import type { OwnRole, RoleStore } from './ports/access-stores.ts';

/**
 * Changes what whoever has a role may do, from their next request on.
 * @throws {RequestError} invalid_request, role_not_found, role_built_in, forbidden: the role as it was, or as it would
 *   be, allows more than the caller's
 */
export async function changeRole(
  { roles }: { roles: Pick<RoleStore, 'change'> },
  caller: Caller,
  name: string,
  { description, statements: asked }: Partial<Omit<RoleRequest, 'name'>>,
): Promise<OwnRole> {
  const check = mustCover(caller);
  const statements = asked && checkedStatements(asked);
  const change = {
    ...(description !== undefined && { description }),
    ...(statements !== undefined && { statements }),
  };
  return await roles.change(name, change, (role) => {
    check(role);
    if (statements !== undefined) check({ ...role, statements });
  });
}
