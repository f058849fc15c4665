import type { Statement } from '../../core/access.ts';
import type { AccountLimitSettings } from '../../core/account-limits.ts';
import { DEFAULT_ACCOUNT } from '../../core/default-account.ts';
import type { Log } from '../../core/log.ts';
import { ADMIN_ROLE, builtInRole } from '../../core/roles.ts';
import type { KnownPrincipal, PrincipalStore } from '../../engine/ports/access-stores.ts';
import type { Sql } from './connect.ts';
import { faultsTold } from './faults.ts';

/** The same in every answer: who it is, in which account, and what the role allows if the account has it itself. */
interface PrincipalRow {
  id: string;
  name: string;
  accountId: string;
  administers: boolean;
  suspended: boolean;
  limits: AccountLimitSettings;
  role: string;
  statements: readonly Statement[] | null;
}

/** Looks up in one statement each, with every request, so that what is changed counts for the next one. */
export function postgresPrincipalStore(sql: Sql, log: Log): PrincipalStore {
  const noteUse = useNotes(sql, log);
  return {
    async ofApiKey(hash) {
      const [row] = await faultsTold(
        () => sql<(PrincipalRow & { noted: boolean })[]>`
          select k.id, k.name, k.role, ${ofAccount(sql)},
            coalesce(k.last_used_at > now() - interval '1 minute', false) as noted
          from api_keys k ${joinAccount(sql, sql`k`)}
          where k.hash = ${hash} and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())`,
      );
      if (row === undefined) return null;
      if (!row.noted) noteUse(row.id);
      return { ...known(row), user: `key:${row.name}`, principal: { kind: 'api_key', id: row.id } };
    },

    async ofSession(sessionId) {
      const [row] = await faultsTold(
        () => sql<PrincipalRow[]>`
          select u.id, u.name, u.role, ${ofAccount(sql)}
          from sessions s join users u on u.id = s.user_id and u.account_id = s.account_id
            ${joinAccount(sql, sql`u`)}
          where s.id = ${sessionId} and s.ended_at is null and s.expires_at > now() and u.disabled_at is null`,
      );
      return row === undefined ? null : knownUser(row);
    },

    async ofName(account, user) {
      const [row] = await faultsTold(
        () => sql<(PrincipalRow & { passwordHash: string })[]>`
          select u.id, u.name, u.role, u.password_hash as "passwordHash", ${ofAccount(sql)}
          from users u ${joinAccount(sql, sql`u`)}
          where a.name = ${account} and lower(u.name) = lower(${user}) and u.disabled_at is null`,
      );
      return row === undefined ? null : { ...knownUser(row), passwordHash: row.passwordHash };
    },

    async rightsOf(accountId, principal) {
      if (principal.kind === 'admin_key') return builtInRole(ADMIN_ROLE)!.statements;
      const { id } = principal;
      const whose =
        principal.kind === 'user'
          ? sql`select role from users where id = ${id} and account_id = ${accountId} and disabled_at is null`
          : sql`select role from api_keys where id = ${id} and account_id = ${accountId} and revoked_at is null`;
      const [row] = await faultsTold(
        () => sql<Pick<PrincipalRow, 'role' | 'statements'>[]>`
          select who.role, r.statements
          from (${whose}) as who join accounts a on a.id = ${accountId} and a.suspended_at is null
            left join roles r on r.account_id = ${accountId} and r.name = who.role`,
      );
      return row === undefined ? null : statementsOf(row);
    },

    async ofAdminKey() {
      const [row] = await faultsTold(
        () => sql<PrincipalRow[]>`
          select a.id, 'admin' as name, ${ADMIN_ROLE} as role, a.id as "accountId", a.administers, false as suspended,
            a.limits, null as statements
          from accounts a where a.name = ${DEFAULT_ACCOUNT}`,
      );
      if (row === undefined)
        throw new Error(`there is no account ${DEFAULT_ACCOUNT}; npm run migrate makes it`);
      return { ...known(row), user: row.name, principal: { kind: 'admin_key' } };
    },

    async nameOfAccount(accountId) {
      const [row] = await faultsTold(
        () => sql<{ name: string }[]>`select name from accounts where id = ${accountId}`,
      );
      if (row === undefined) throw new Error(`there is no account ${accountId}`);
      return row.name;
    },
  };
}

function ofAccount(sql: Sql) {
  return sql`
    a.id as "accountId", a.administers, a.suspended_at is not null as suspended, a.limits, r.statements`;
}

/** @param whose the table of those that have a role */
function joinAccount(sql: Sql, whose: ReturnType<typeof ofAccount>) {
  return sql`
    join accounts a on a.id = ${whose}.account_id
    left join roles r on r.account_id = ${whose}.account_id and r.name = ${whose}.role`;
}

function knownUser(row: PrincipalRow): KnownPrincipal {
  return { ...known(row), user: row.name, principal: { kind: 'user', id: row.id } };
}

function known(row: PrincipalRow): Omit<KnownPrincipal, 'user' | 'principal'> {
  const { accountId, administers, suspended, limits, role } = row;
  return { accountId, administers, suspended, limits, role, statements: statementsOf(row) };
}

/** A role that every account has goes first; one that is not there any more allows nothing. */
function statementsOf({ role, statements }: Pick<PrincipalRow, 'role' | 'statements'>): readonly Statement[] {
  return builtInRole(role)?.statements ?? statements ?? [];
}

/**
 * Notes that a key is used, behind the request: what goes wrong with it is no trouble of whoever sent that. A row that
 * somebody else has locked is left for the next use.
 */
function useNotes(sql: Sql, log: Log): (id: string) => void {
  const underWay = new Set<string>();
  return (id) => {
    if (underWay.has(id)) return;
    underWay.add(id);
    sql`
      update api_keys set last_used_at = now() where id in (
        select id from api_keys
        where id = ${id} and (last_used_at is null or last_used_at <= now() - interval '1 minute')
        for no key update skip locked)`
      .catch((error: unknown) => log.warn({ err: error, api_key: id }, 'could not note that the key is used'))
      .finally(() => underWay.delete(id));
  };
}
