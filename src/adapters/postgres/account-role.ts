import type { Sql, Transaction } from './connect.ts';
import { transaction } from './transaction.ts';

/**
 * The role that statements of requests run as. Row-level security shows it the rows of one account, and lets it write
 * no others (drizzle/0006): the second wall, should a statement of ours forget the first.
 */
export const ACCOUNT_ROLE = 'sheaf_account';

/** What has no account of its own to go by, and no request of an account has to see; the audit log it adds to. */
const KEPT_FROM_IT = ['audit_log', 'signing_keys', 'refresh_tokens', 'sign_in_failures'];

/**
 * Makes the role, and lets it reach the tables; safe to repeat. Roles are the whole server's, so another database's
 * migration may be making it at this moment; and where ours may not make one, somebody else can, and migrate again.
 * Whatever fails here fails without harm: `whatHoldsBack` says afterwards whether the wall stands.
 */
export async function ensureAccountRole(sql: Sql | Transaction): Promise<void> {
  await sql.unsafe(`
    do $$
    declare tables text;
    begin
      begin
        if not exists (select from pg_roles where rolname = '${ACCOUNT_ROLE}') then
          create role ${ACCOUNT_ROLE} nologin;
        end if;
      exception when others then null;
      end;
      begin
        if not (select rolsuper from pg_roles where rolname = current_user) then
          execute format('grant ${ACCOUNT_ROLE} to %I', current_user);
        end if;
      exception when others then null;
      end;
      begin
        select string_agg(oid::regclass::text, ', ') into tables from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and pg_has_role(relowner, 'USAGE')
          and relname <> all ('{${KEPT_FROM_IT}}');
        grant usage on schema public to ${ACCOUNT_ROLE};
        execute format('grant select, insert, update, delete on %s to ${ACCOUNT_ROLE}', tables);
        grant insert on audit_log to ${ACCOUNT_ROLE};
      exception when others then null;
      end;
    end $$`);
}

/** What keeps the role from serving requests; `null`: nothing. */
export async function whatHoldsBack(sql: Sql): Promise<string | null> {
  const [role] = await sql`select from pg_roles where rolname = ${ACCOUNT_ROLE}`;
  if (role === undefined)
    return `there is no role ${ACCOUNT_ROLE}, and the user of the database may not make one`;
  try {
    return await transaction(sql, async (tx) => {
      await tx.unsafe(`set local role ${ACCOUNT_ROLE}`);
      const tables = await tx<{ name: string; ready: boolean }[]>`
        select c.relname as name, row_security_active(c.oid) and has_table_privilege(c.oid, 'select')
          and has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'update')
          and has_table_privilege(c.oid, 'delete') as ready
        from pg_class c
        where relnamespace = 'public'::regnamespace and exists (select from pg_policy p where p.polrelid = c.oid)`;
      if (tables.length === 0) return 'no table has a policy: the database is not migrated';
      const short = tables.filter(({ ready }) => !ready).map(({ name }) => name);
      return short.length === 0 ? null : `the role ${ACCOUNT_ROLE} has not all rights to ${short.join(', ')}`;
    });
  } catch (error) {
    // 42501: the user is not a member of the role.
    if ((error as { code?: string }).code !== '42501') throw error;
    return `the user of the database may not take the role ${ACCOUNT_ROLE}`;
  }
}
