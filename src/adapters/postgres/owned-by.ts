import type { Actor } from '../../engine/ports/actor.ts';
import type { Sql } from './connect.ts';

/**
 * The condition that a bound store has in each of its statements: what it looks for or changes is the account's. It is
 * made once with the store, from the actor, so that no statement can name another account.
 */
export function ownedBy(sql: Sql, { accountId }: Pick<Actor, 'accountId'>) {
  return sql`account_id = ${accountId}`;
}

export type Owned = ReturnType<typeof ownedBy>;
