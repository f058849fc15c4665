import { type Caller, lacking } from '../core/access.ts';
import { RequestError } from '../core/errors.ts';
import { shortened } from '../core/result.ts';
import type { CheckRole } from './ports/access-stores.ts';

/** As many as somebody reads; the rest is counted. */
const MOST_NAMED = 5;

/**
 * Nobody gives a role away, changes one, or takes the place of somebody who has one, that may do more than they
 * themselves: otherwise whoever may change users could make themselves an admin.
 */
export function mustCover(caller: Caller): CheckRole {
  return (role) => {
    const missing = lacking(caller.statements, role.statements);
    if (missing.length === 0) return;
    const named = missing.slice(0, MOST_NAMED).map((action) => shortened(action));
    const more = missing.length - named.length;
    const all = more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
    throw new RequestError(
      'forbidden',
      `the role ${role.name} allows what your own, ${caller.role}, does not: ${all}`,
    );
  };
}
