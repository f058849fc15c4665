import type { Actor } from '../../engine/ports/actor.ts';
import type { OwnPasswordChange, PasswordStore } from '../../engine/ports/session-store.ts';
import { writeAudit } from './audit.ts';
import type { Sql, Transaction } from './connect.ts';
import { faultsTold } from './faults.ts';
import { transaction } from './transaction.ts';

export function postgresPasswordStore(sql: Sql): PasswordStore {
  return {
    async hashOf(accountId, userId) {
      const [row] = await faultsTold(
        () => sql<{ hash: string }[]>`
          select password_hash as hash from users where id = ${userId} and account_id = ${accountId}`,
      );
      return row?.hash ?? null;
    },

    async renew(userId, { was, now }) {
      const renewed = await faultsTold(
        () => sql`update users set password_hash = ${now} where id = ${userId} and password_hash = ${was}`,
      );
      return renewed.count > 0;
    },

    change: (actor, change) => faultsTold(() => transaction(sql, (tx) => changeOwn(tx, actor, change))),
  };
}

async function changeOwn(
  tx: Transaction,
  actor: Actor,
  { userId, was, now, keepSession }: OwnPasswordChange,
): Promise<boolean> {
  const changed = await tx`
    update users set password_hash = ${now}, updated_at = clock_timestamp()
    where id = ${userId} and account_id = ${actor.accountId} and password_hash = ${was} and disabled_at is null`;
  if (changed.count === 0) return false;
  const ended = await tx`
    update sessions set ended_at = clock_timestamp()
    where user_id = ${userId} and ended_at is null and expires_at > clock_timestamp()
      and id is distinct from ${keepSession}::uuid`;
  await writeAudit(tx, actor, {
    action: 'password_changed',
    target: { kind: 'user', id: userId },
    after: { sessions_ended: ended.count },
  });
  return true;
}
