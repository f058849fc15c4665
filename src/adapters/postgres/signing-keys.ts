import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { SigningKey, SigningKeyStore } from '../../engine/ports/tokens.ts';
import type { Sql, Transaction } from './connect.ts';
import { faultsTold } from './faults.ts';
import { transaction } from './transaction.ts';

const SECRET_BYTES = 32;

const SIGNS_DAYS = 30;

/** Longer than any token is valid (`SHEAF_TOKEN_SECONDS` is a day at the most), and processes go on using a key that is over. */
const VERIFIES_DAYS_MORE = 2;

export function postgresSigningKeys(sql: Sql): SigningKeyStore {
  return {
    load: () =>
      faultsTold(
        () => sql<SigningKey[]>`
          select id, secret, signs_until > clock_timestamp() as signs from signing_keys
          where verifies_until > clock_timestamp() order by created_at desc, id desc`,
      ),

    make: () =>
      faultsTold(() =>
        transaction(sql, async (tx) => {
          await tx`select pg_advisory_xact_lock(hashtext('sheaf signing keys'))`;
          await tx`
            insert into signing_keys (id, secret, created_at, signs_until, verifies_until)
            select ${uuidv7()}, ${randomBytes(SECRET_BYTES)}, now, now + make_interval(days => ${SIGNS_DAYS}),
              now + make_interval(days => ${SIGNS_DAYS + VERIFIES_DAYS_MORE})
            from clock_timestamp() as now
            where not exists (select from signing_keys where signs_until > now)`;
        }),
      ),

    async forgetOld(most) {
      const forgotten = await faultsTold(
        () => sql`
          with old as materialized (
            select id from signing_keys where verifies_until < clock_timestamp() limit ${most} for update skip locked)
          delete from signing_keys k using old where k.id = old.id`,
      );
      return forgotten.count;
    },
  };
}

/**
 * Ends all keys: every token is refused within seconds, and the next ones are signed with a key that is made then.
 * Sessions stay: their refresh tokens are not signed.
 * @returns the ids of those that ended
 */
export async function retireSigningKeys(sql: Sql | Transaction): Promise<string[]> {
  const retired = await faultsTold(
    () => sql<{ id: string }[]>`
      update signing_keys set verifies_until = now, signs_until = least(signs_until, now)
      from clock_timestamp() as now where verifies_until > now returning id`,
  );
  return retired.map(({ id }) => id);
}
