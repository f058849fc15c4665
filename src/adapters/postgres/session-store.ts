import type { Actor } from '../../engine/ports/actor.ts';
import type { NewSession, RefreshedSession, SessionStore } from '../../engine/ports/session-store.ts';
import { writeAudit } from './audit.ts';
import type { Sql, Transaction } from './connect.ts';
import { faultsTold } from './faults.ts';
import { transaction } from './transaction.ts';

/** Sessions that are over are kept for a while, so that a refresh token that comes late is told from one made up. */
const KEPT_HOURS = 24;

/** Of one user. Whoever signs in with every request would fill the table; the oldest ends for one more. */
const MOST_SESSIONS = 100;

/** @param seconds how long a session can be prolonged */
export function postgresSessionStore(sql: Sql, seconds: number): SessionStore {
  return {
    begin: (session, actor) => faultsTold(() => transaction(sql, (tx) => begin(tx, seconds, session, actor))),

    refresh: (token, next, from) =>
      faultsTold(() => transaction(sql, (tx) => refresh(tx, { token, next }, from))),

    end: (sessionId, actor) =>
      faultsTold(() =>
        transaction(sql, async (tx) => {
          const ended = await tx`
            update sessions set ended_at = clock_timestamp()
            where id = ${sessionId} and account_id = ${actor.accountId} and ended_at is null`;
          if (ended.count === 0) return;
          await writeAudit(tx, actor, { action: 'sign_out', target: { kind: 'session', id: sessionId } });
        }),
      ),

    forgetOld: (most) => faultsTold(() => forgetOld(sql, most)),
  };
}

/**
 * Whoever changes the password, disables the user or removes it ends its sessions in the same transaction: the lock
 * makes it see this one, or this see what it did.
 */
async function begin(
  tx: Transaction,
  seconds: number,
  session: NewSession,
  actor: Actor,
): Promise<{ expiresAt: number } | null> {
  const { id, userId, accountId, passwordHash, refreshHash, userAgent } = session;
  const [made] = await tx<{ expiresAt: number }[]>`
    with who as (
      select id, account_id from users
      where id = ${userId} and account_id = ${accountId} and password_hash = ${passwordHash} and disabled_at is null
      for share
    )
    insert into sessions (id, account_id, user_id, ip, user_agent, expires_at)
    select ${id}::uuid, account_id, id, ${actor.ip}, ${userAgent}, clock_timestamp() + make_interval(secs => ${seconds})
    from who
    returning extract(epoch from expires_at)::float8 as "expiresAt"`;
  if (made === undefined) return null;
  await tx`insert into refresh_tokens (hash, session_id) values (${refreshHash}, ${id})`;
  await tx`
    with old as materialized (
      select id from sessions where user_id = ${userId} and ended_at is null
      order by created_at desc, id desc offset ${MOST_SESSIONS} for update skip locked)
    update sessions s set ended_at = clock_timestamp() from old where s.id = old.id`;
  await writeAudit(tx, actor, {
    action: 'sign_in',
    target: { kind: 'session', id },
    after: { user_agent: userAgent },
  });
  return made;
}

type OpenSession = RefreshedSession & { user: string; over: boolean };

/**
 * The session is locked first, as by whoever removes its user: of two that show the same token at once the second
 * waits here, and then finds it used.
 */
async function refresh(
  tx: Transaction,
  { token, next }: { token: Buffer; next: Buffer },
  from: Pick<Actor, 'ip' | 'requestId'>,
): Promise<RefreshedSession | null> {
  const [found] = await tx<OpenSession[]>`
    select s.id, s.user_id as "userId", s.account_id as "accountId",
      extract(epoch from s.expires_at)::float8 as "expiresAt", a.suspended_at is not null as suspended,
      u.name as user,
      s.ended_at is not null or s.expires_at <= clock_timestamp() or u.disabled_at is not null as over
    from refresh_tokens t join sessions s on s.id = t.session_id
      join users u on u.id = s.user_id join accounts a on a.id = s.account_id
    where t.hash = ${token} for update of s`;
  if (found === undefined) return null;
  const { user, over, ...session } = found;
  if (over) return null;
  if (session.suspended) return session;
  const used = await tx`
    update refresh_tokens set used_at = clock_timestamp() where hash = ${token} and used_at is null`;
  if (used.count === 0) {
    await endReused(tx, found, from);
    return null;
  }
  await tx`insert into refresh_tokens (hash, session_id) values (${next}, ${session.id})`;
  return session;
}

/** Two have the token, and one of them is not the user: which one cannot be told. */
async function endReused(
  tx: Transaction,
  { id, userId, accountId, user }: OpenSession,
  from: Pick<Actor, 'ip' | 'requestId'>,
): Promise<void> {
  await tx`update sessions set ended_at = clock_timestamp() where id = ${id}`;
  const actor: Actor = {
    ...{ accountId, ownAccountId: accountId, user, ip: from.ip, requestId: from.requestId },
    principal: { kind: 'user', id: userId },
  };
  await writeAudit(tx, actor, { action: 'refresh_token_reused', target: { kind: 'session', id } });
}

/** A session may have thousands of tokens: those go first, and then the sessions that have none left. */
async function forgetOld(sql: Sql, most: number): Promise<number> {
  const tokens = await sql`
    with old as materialized (
      select t.hash from refresh_tokens t join sessions s on s.id = t.session_id
      where s.expires_at < now() - make_interval(hours => ${KEPT_HOURS})
      limit ${most} for update of t skip locked)
    delete from refresh_tokens t using old where t.hash = old.hash`;
  const sessions = await sql`
    with old as materialized (
      select s.id from sessions s
      where s.expires_at < now() - make_interval(hours => ${KEPT_HOURS})
        and not exists (select from refresh_tokens t where t.session_id = s.id)
      limit ${most} for update of s skip locked)
    delete from sessions s using old where s.id = old.id`;
  return tokens.count + sessions.count;
}
