import { isAllowed } from '../core/access.ts';
import { PermanentFault } from '../core/errors.ts';
import type { PrincipalStore } from './ports/access-stores.ts';
import type { ChunkClaim } from './ports/claims.ts';

/**
 * Whether whoever the batch runs on behalf of may still run its operation; looked up after every claim, so that no
 * chunk that is claimed once a right is withdrawn comes to its handler. One that was looked up before goes on to its
 * end, as its results would be undone otherwise; of effects outside, which cannot be, no call begins later than the
 * visit ends in which it was looked up.
 * @throws {PermanentFault} permission_withdrawn: the batch waits for somebody who may
 */
export async function checkRights(
  { principals }: { principals: Pick<PrincipalStore, 'rightsOf'> },
  { accountId, principal, userName, operation }: ChunkClaim,
): Promise<void> {
  const statements = await principals.rightsOf(accountId, principal);
  if (statements !== null && isAllowed(statements, operation)) return;
  const why =
    statements === null
      ? `${userName}, on whose behalf the batch runs, may do nothing any more`
      : `the role of ${userName}, on whose behalf the batch runs, does not allow ${operation} any more`;
  throw new PermanentFault(
    'permission_withdrawn',
    `${operation} was not begun for the rest: ${why}; whoever may run it can resume the batch`,
  );
}
