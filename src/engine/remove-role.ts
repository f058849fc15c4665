import type { Caller } from '../core/access.ts';
import { mustCover } from './must-cover.ts';
import type { RoleStore } from './ports/access-stores.ts';

/**
 * Removes a role that nobody has.
 * @throws {RequestError} role_not_found, role_built_in, role_in_use, forbidden: it allows more than the caller's
 */
export async function removeRole(
  { roles }: { roles: Pick<RoleStore, 'remove'> },
  caller: Caller,
  name: string,
): Promise<void> {
  await roles.remove(name, mustCover(caller));
}
