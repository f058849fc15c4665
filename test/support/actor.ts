import type { Caller } from '../../src/core/access.ts';
import type { Actor } from '../../src/engine/ports/actor.ts';

/** What a test does it does in the name of its caller; not over HTTP, so there is no address and no request. */
export function actorFor({ accountId, user, principal }: Caller): Actor {
  return { accountId, ownAccountId: accountId, user, principal, ip: null, requestId: null };
}
