import type { Caller } from '../core/access.ts';
import { mustCover } from './must-cover.ts';
import type { UserStore } from './ports/access-stores.ts';

/**
 * Removes a user, whose sessions end. What it has made stays: it is the account's.
 * @throws {RequestError} user_not_found, last_admin, forbidden: the user may do more than the caller
 */
export async function removeUser(
  { users }: { users: Pick<UserStore, 'remove'> },
  caller: Caller,
  id: string,
): Promise<void> {
  await users.remove(id, mustCover(caller));
}
