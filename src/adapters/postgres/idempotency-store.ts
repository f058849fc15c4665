import type { Actor } from '../../engine/ports/actor.ts';
import {
  type IdempotencyStore,
  type KeepAnswer,
  type KeptAnswer,
  KeyTaken,
} from '../../engine/ports/request-stores.ts';
import type { AnswerSweep } from '../../engine/ports/sweep-stores.ts';
import type { Sql, Transaction } from './connect.ts';
import { faultsTold } from './faults.ts';
import { ownedBy } from './owned-by.ts';

const KEPT_HOURS = 24;

/** The body as text: jsonb would sort its fields, and what is answered again is to be the same to the last byte. */
interface StoredAnswer extends Omit<KeptAnswer, 'body'> {
  body: string;
}

export function postgresIdempotencyStore(sql: Sql, actor: Actor): IdempotencyStore {
  const own = ownedBy(sql, actor);
  return {
    async find({ route, key }) {
      const [row] = await faultsTold(
        () => sql<{ fingerprint: string; answer: StoredAnswer }[]>`
          select fingerprint, answer from idempotency_keys
          where ${own} and route = ${route} and key = ${key}
            and created_at >= now() - make_interval(hours => ${KEPT_HOURS})`,
      );
      if (row === undefined) return null;
      const { status, headers, body } = row.answer;
      return { fingerprint: row.fingerprint, answer: { status, headers, body: JSON.parse(body) } };
    },
  };
}

/** Of all accounts: for workers alone. */
export function postgresAnswerSweep(sql: Sql): AnswerSweep {
  return {
    async forgetOld(most) {
      const forgotten = await faultsTold(
        () => sql`
          with old as materialized (
            select account_id, route, key from idempotency_keys
            where created_at < now() - make_interval(hours => ${KEPT_HOURS})
            limit ${most} for update skip locked)
          delete from idempotency_keys k using old
          where k.account_id = old.account_id and k.route = old.route and k.key = old.key`,
      );
      return forgotten.count;
    },
  };
}

/**
 * Does a request's work in a transaction that keeps its answer as well: both are committed, or neither. Of several
 * requests at once the first to write the key does the work; the others wait here until it has ended, and
 * go on only if it came to nothing.
 * @param actor whose key it is
 * @throws {KeyTaken} when another one took effect: the transaction must be rolled back, which it has not changed yet
 */
export async function underKey<Made>(
  tx: Transaction,
  { accountId }: Pick<Actor, 'accountId'>,
  keep: KeepAnswer<Made> | undefined,
  work: () => Promise<Made>,
): Promise<Made> {
  if (keep === undefined) return await work();
  const { route, key, fingerprint } = keep.request;
  const taken = await tx`
    insert into idempotency_keys (account_id, route, key, fingerprint, answer)
    values (${accountId}, ${route}, ${key}, ${fingerprint}, '{}')
    on conflict (account_id, route, key) do update
      set fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = excluded.created_at
      where idempotency_keys.created_at < now() - make_interval(hours => ${KEPT_HOURS})`;
  if (taken.count === 0) throw new KeyTaken(key);
  const made = await work();
  const { status, headers, body } = keep.answer(made);
  const answer: StoredAnswer = { status, headers, body: JSON.stringify(body) };
  await tx`
    update idempotency_keys set answer = ${tx.json({ ...answer })}
    where account_id = ${accountId} and route = ${route} and key = ${key}`;
  return made;
}
