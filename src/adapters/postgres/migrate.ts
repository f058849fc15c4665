import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator';
import { ensureAccountRole } from './account-role.ts';
import { connect, type Sql, type Transaction } from './connect.ts';
import { transaction } from './transaction.ts';

/** Where the migrations are: beside `src` in a checkout, and beside `dist/src` once built. */
const MIGRATIONS = [
  new URL('../../../drizzle', import.meta.url),
  new URL('../../../../drizzle', import.meta.url),
];

/**
 * While a statement waits for a table's lock, whoever comes after it waits behind it. So it waits no longer than a worker
 * or a request can, lets all of them pass, and tries again.
 */
const LOCK_MS = 2_000;
const PAUSE_MS = 1_000;
/** A process that is frozen in the middle holds its locks no longer. */
const IDLE_MS = 30_000;

/** How long others may hold what a migration needs before whoever started it is told. */
const PATIENCE_MS = 10 * 60_000;

/** Contention: lock_not_available and deadlock_detected. */
const BUSY = ['55P03', '40P01'];

export interface MigrateOptions {
  /** The directory of the migrations. */
  folder?: string;
  patienceMs?: number;
}

/**
 * Brings the database to the newest schema, while others work on it. Each migration is a transaction with the note
 * that it is done: whoever dies in the middle has done nothing. Several processes may call it at once: an advisory lock
 * lets one work and the others find it done.
 * @throws {Error} that says who holds what it needs, when that lasts too long
 */
export async function migrateDatabase(
  url: string,
  { folder = migrationsPath(), patienceMs = PATIENCE_MS }: MigrateOptions = {},
): Promise<void> {
  const sql = connect(url, { max: 1, name: 'migrate', idleInTransactionMs: IDLE_MS });
  const deadline = Date.now() + patienceMs;
  try {
    await whenFree(sql, deadline, 'the table of migrations', makeTable);
    for (const [index, migration] of readMigrationFiles({ migrationsFolder: folder }).entries()) {
      const name = `migration ${String(index).padStart(4, '0')}`;
      await whenFree(sql, deadline, name, (tx) => apply(tx, migration));
    }
    // It is given its rights to whatever tables there are now.
    await whenFree(sql, deadline, 'the role of accounts', ensureAccountRole);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** @throws {Error} when the database is older than this version of Sheaf, which would fail with whatever it does */
export async function checkMigrated(sql: Sql): Promise<void> {
  const newest = readMigrationFiles({ migrationsFolder: migrationsPath() }).at(-1);
  if (newest === undefined || (await isDone(sql, newest))) return;
  throw new Error('the database is older than this version of Sheaf: run npm run migrate first');
}

async function isDone(sql: Sql, migration: MigrationMeta): Promise<boolean> {
  try {
    const done = await sql`select from drizzle.__drizzle_migrations where ${isOf(sql, migration)}`;
    return done.length > 0;
  } catch (error) {
    const { code } = error as { code?: string };
    // undefined_table; and insufficient_privilege: then somebody else migrates, who has to know.
    if (code === '42P01') return false;
    if (code === '42501') return true;
    throw error;
  }
}

async function makeTable(tx: Transaction): Promise<void> {
  const [found] = await tx<{ name: string | null }[]>`
    select to_regclass('drizzle.__drizzle_migrations')::text as name`;
  if (found?.name) return;
  await tx`create schema if not exists drizzle`;
  await tx`
    create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
}

async function apply(tx: Transaction, migration: MigrationMeta): Promise<void> {
  const done = await tx`select from drizzle.__drizzle_migrations where ${isOf(tx, migration)}`;
  if (done.length > 0) return;
  for (const statement of migration.sql) await tx.unsafe(statement);
  await tx`
    insert into drizzle.__drizzle_migrations (hash, created_at) values (${migration.hash}, ${migration.folderMillis})`;
}

/** drizzle-kit tells its migrations by the moment at which they were written. */
function isOf(sql: Sql | Transaction, { folderMillis }: MigrationMeta) {
  return sql`created_at = ${folderMillis}`;
}

/** Does a step in a transaction of its own, as the only one who migrates, as soon as nobody holds what it needs. */
async function whenFree(
  sql: Sql,
  deadline: number,
  what: string,
  step: (tx: Transaction) => Promise<void>,
): Promise<void> {
  for (;;) {
    try {
      await transaction(sql, async (tx) => {
        await tx`select set_config('lock_timeout', ${String(LOCK_MS)}, true)`;
        await tx`select pg_advisory_xact_lock(hashtext('sheaf migrations'))`;
        await step(tx);
      });
      return;
    } catch (error) {
      if (!BUSY.includes((error as { code?: string }).code ?? '')) throw error;
      if (Date.now() > deadline) throw await heldUp(sql, what, error);
    }
    await sleep(PAUSE_MS * (1 + Math.random()));
  }
}

async function heldUp(sql: Sql, what: string, cause: unknown): Promise<Error> {
  const others = await sql<{ said: string }[]>`
    select format('process %s (%s, since %s)', pid, coalesce(nullif(application_name, ''), 'unnamed'),
      date_trunc('second', xact_start)) as said
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
    order by xact_start limit 3`;
  const who = others.map(({ said }) => said).join(', ') || 'nobody any more';
  const message = `${what} could not get its locks; the longest transactions are those of ${who}. End them, or try again`;
  return new Error(message, { cause });
}

function migrationsPath(): string {
  const url = import.meta.url.includes('/dist/') ? MIGRATIONS[1] : MIGRATIONS[0];
  return fileURLToPath(url!);
}
