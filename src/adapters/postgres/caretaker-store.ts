import { v7 as uuidv7 } from 'uuid';
import type { NewUser } from '../../engine/ports/access-stores.ts';
import type { CaretakerStore, PasswordSet } from '../../engine/ports/caretaker-store.ts';
import { systemIn, writeAudit } from './audit.ts';
import type { Sql } from './connect.ts';
import { faultsTold } from './faults.ts';
import { retireSigningKeys } from './signing-keys.ts';
import { transaction } from './transaction.ts';

export function postgresCaretakerStore(sql: Sql): CaretakerStore {
  return {
    hasUsers: (account) =>
      faultsTold(async () => {
        const [row] = await sql<{ some: boolean }[]>`
          select exists (select from users u join accounts a on a.id = u.account_id where a.name = ${account}) as some`;
        return row?.some ?? false;
      }),
    makeFirstUser: (account, user) => faultsTold(() => makeFirstUser(sql, account, user)),
    setPassword: (account, user, hash) => faultsTold(() => setPassword(sql, account, user, hash)),
    voidTokens: () => faultsTold(() => voidTokens(sql)),
  };
}

async function makeFirstUser(sql: Sql, account: string, user: NewUser): Promise<boolean> {
  return await transaction(sql, async (tx) => {
    await tx`
      insert into accounts (id, name, administers) values (${uuidv7()}, ${account}, true)
      on conflict (name) do nothing`;
    // Whoever comes second waits here, and then sees the user that the first one made.
    const [found] = await tx<{ id: string }[]>`
      select id from accounts where name = ${account} for no key update`;
    if (found === undefined) throw new Error(`the account ${account} vanished while its first user was made`);
    const { id: accountId } = found;
    const made = await tx`
      insert into users (id, account_id, name, password_hash, role)
      select ${user.id}::uuid, ${accountId}::uuid, ${user.name}, ${user.passwordHash}, ${user.role}
      where not exists (select from users where account_id = ${accountId})`;
    if (made.count === 0) return false;
    await writeAudit(tx, systemIn(accountId), {
      action: 'create_user',
      target: { kind: 'user', id: user.id },
      after: { name: user.name, role: user.role },
    });
    return true;
  });
}

async function setPassword(
  sql: Sql,
  account: string,
  name: string,
  passwordHash: string,
): Promise<PasswordSet | null> {
  return await transaction(sql, async (tx) => {
    const [user] = await tx<{ id: string; accountId: string; name: string; disabled: boolean }[]>`
      select u.id, u.account_id as "accountId", u.name, u.disabled_at is not null as disabled
      from users u join accounts a on a.id = u.account_id
      where a.name = ${account} and lower(u.name) = lower(${name}) for update of u`;
    if (user === undefined) return null;
    await tx`
      update users set password_hash = ${passwordHash}, updated_at = clock_timestamp() where id = ${user.id}`;
    const { count: sessionsEnded } = await tx`
      update sessions set ended_at = clock_timestamp()
      where user_id = ${user.id} and ended_at is null and expires_at > clock_timestamp()`;
    await writeAudit(tx, systemIn(user.accountId), {
      action: 'password_changed',
      target: { kind: 'user', id: user.id },
      after: { sessions_ended: sessionsEnded },
    });
    return { user: user.name, disabled: user.disabled, sessionsEnded };
  });
}

async function voidTokens(sql: Sql): Promise<number> {
  return await transaction(sql, async (tx) => {
    const retired = await retireSigningKeys(tx);
    for (const id of retired) {
      const target = { kind: 'signing_key', id } as const;
      await writeAudit(tx, systemIn(null), { action: 'token_keys_rotated', target });
    }
    return retired.length;
  });
}
