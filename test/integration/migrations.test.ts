import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api';
import postgres from 'postgres';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { migrateDatabase } from '../../src/adapters/postgres/migrate.ts';
import { createTestDatabase } from '../support/sheaf.ts';

/** `drizzle/` and `src/adapters/postgres/*schema.ts` are two accounts of the same tables, and must not drift apart. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EMPTY = 'template1';

interface Journal {
  entries: { idx: number; tag: string }[];
}

const after: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of after.splice(0).reverse()) await undo();
});

async function emptyDatabase() {
  const database = await createTestDatabase(EMPTY);
  const sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  after.push(database.drop, () => sql.end({ timeout: 5 }));
  return { url: database.url, sql };
}

async function copyOfMigrations(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sheaf-drizzle-'));
  after.push(() => rm(directory, { recursive: true }));
  await cp(join(ROOT, 'drizzle'), directory, { recursive: true });
  return directory;
}

const journalOf = async (directory: string): Promise<Journal> =>
  JSON.parse(await readFile(join(directory, 'meta/_journal.json'), 'utf8'));
const journal = await journalOf(join(ROOT, 'drizzle'));

/** Of all files that drizzle-kit reads. */
async function tables(): Promise<Record<string, unknown>> {
  const adapter = join(ROOT, 'src/adapters/postgres');
  const files = (await readdir(adapter)).filter((name) => name.endsWith('schema.ts'));
  const modules = await Promise.all(files.map((name) => import(join(adapter, name))));
  return Object.assign({}, ...modules);
}

/** Has drizzle-kit write whatever the schema has that the migrations in `directory` have not; answers the new files. */
async function generate(directory: string): Promise<{ files: string[]; said: string }> {
  const before = await readdir(directory);
  const kit = join(ROOT, 'node_modules/drizzle-kit/bin.cjs');
  const source = './src/adapters/postgres/*schema.ts';
  // It takes relative paths only.
  const out = relative(ROOT, directory);
  const options = ['--dialect', 'postgresql', '--schema', source, '--out', out];
  const running = promisify(execFile)(process.execPath, [kit, 'generate', ...options], { cwd: ROOT });
  running.child.stdin?.end();
  const { stdout } = await running;
  const files = (await readdir(directory)).filter((file) => !before.includes(file));
  return { files, said: stdout };
}

/** What the server's catalogs say of the tables, their columns, indexes and constraints. */
async function catalog(sql: postgres.Sql): Promise<Record<string, string[]>> {
  const columns = await sql<{ said: string }[]>`
    select format('%s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
      case when a.attnotnull then ' not null' else '' end,
      coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) as said
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped`;
  const indexes = await sql<{ said: string }[]>`
    select indexdef as said from pg_indexes where schemaname = 'public'`;
  const constraints = await sql<{ said: string }[]>`
    select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as said
    from pg_constraint where connamespace = 'public'::regnamespace`;
  const sorted = (rows: { said: string }[]) => rows.map((row) => row.said).sort();
  return { columns: sorted(columns), indexes: sorted(indexes), constraints: sorted(constraints) };
}

describe('the migrations', () => {
  it('bring an empty database to the tables that the schema describes', async () => {
    const migrated = await emptyDatabase();
    await migrateDatabase(migrated.url);

    const described = await emptyDatabase();
    const nothing = generateDrizzleJson({});
    const statements = await generateMigration(nothing, generateDrizzleJson(await tables()));
    for (const statement of statements) await described.sql.unsafe(statement);

    const found = await catalog(migrated.sql);
    expect(found.columns).toContain('accounts.name text not null');
    expect(found).toEqual(await catalog(described.sql));
  });

  it('leave drizzle-kit nothing to write', async () => {
    const { files, said } = await generate(await copyOfMigrations());
    expect(files).toEqual([]);
    expect(said).toContain('No schema changes');
  });

  it('would leave it something to write if the schema had more than they', async () => {
    const directory = await copyOfMigrations();
    const last = journal.entries.at(-1)!;
    const file = join(directory, `meta/${String(last.idx).padStart(4, '0')}_snapshot.json`);
    const snapshot = JSON.parse(await readFile(file, 'utf8'));
    delete snapshot.tables['public.learners'].columns.phone;
    await writeFile(file, JSON.stringify(snapshot));

    const { files } = await generate(directory);
    expect(files).toHaveLength(1);
    expect(await readFile(join(directory, files[0]!), 'utf8')).toBe(
      'ALTER TABLE "learners" ADD COLUMN "phone" text;',
    );
  });

  it('change nothing when they run again', async () => {
    const { url, sql } = await emptyDatabase();
    await migrateDatabase(url);
    await sql`insert into accounts (id, name) values (gen_random_uuid(), 'kept')`;
    const before = await catalog(sql);
    await migrateDatabase(url);
    expect(await catalog(sql)).toEqual(before);
    expect(await sql`select name from accounts`).toEqual([{ name: 'kept' }]);
    expect(await sql`select from drizzle.__drizzle_migrations`).toHaveLength(journal.entries.length);
  });

  it('bring a database of any earlier version to the newest', async () => {
    const whole = await emptyDatabase();
    await migrateDatabase(whole.url);
    const expected = await catalog(whole.sql);
    for (let version = 1; version < journal.entries.length; version += 1) {
      const directory = await copyOfMigrations();
      const earlier = { ...journal, entries: journal.entries.slice(0, version) };
      await writeFile(join(directory, 'meta/_journal.json'), JSON.stringify(earlier));
      const { url, sql } = await emptyDatabase();
      await migrateDatabase(url, { folder: directory });
      await migrateDatabase(url);
      expect(await catalog(sql)).toEqual(expected);
    }
  });

  it('may be run by several processes at once, as when many start together', async () => {
    const { url, sql } = await emptyDatabase();
    const s3 = inject('s3');
    const env = {
      PATH: process.env.PATH,
      DATABASE_URL: url,
      S3_ENDPOINT: s3.endpoint,
      S3_BUCKET: `migrate-${Date.now()}`,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
    const migrate = () =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', 'src/migrate.ts'], { cwd: ROOT, env });
    const outcomes = await Promise.all([migrate(), migrate(), migrate(), migrate()]);
    const said = outcomes.map(({ stdout }) => stdout);
    for (const text of said) expect(text).toMatch(/^the database and the bucket are up to date\n/);
    // One of them makes the first user, and is the only one to tell of it.
    expect(said.filter((text) => text.includes('The user admin was made'))).toHaveLength(1);

    expect(await sql`select from drizzle.__drizzle_migrations`).toHaveLength(journal.entries.length);
    const alone = await emptyDatabase();
    await migrateDatabase(alone.url);
    expect(await catalog(sql)).toEqual(await catalog(alone.sql));
    const [queue] = await sql`select count(*)::int as n from pg_tables where schemaname = 'bullmq'`;
    expect(queue?.n).toBeGreaterThan(0);
  });
});

describe('the names of the migrations', () => {
  it('are numbered without a gap, and every file is in the journal', async () => {
    const files = (await readdir(join(ROOT, 'drizzle'))).filter((file) => file.endsWith('.sql')).sort();
    expect(files).toEqual(journal.entries.map((entry) => `${entry.tag}.sql`));
    for (const [index, entry] of journal.entries.entries()) {
      expect(entry.idx).toBe(index);
      expect(entry.tag).toMatch(new RegExp(`^${String(index).padStart(4, '0')}_[a-z]+(_[a-z0-9]+)*$`));
    }
  });

  // drizzle-kit calls a migration without a name something like 0001_wandering_wolverine.
  it.each(journal.entries.map((entry) => entry.tag))('say what they do: %s', async (tag) => {
    const text = await readFile(join(ROOT, 'drizzle', `${tag}.sql`), 'utf8');
    const named = new Set([...text.matchAll(/"(\w+)"/g)].flatMap(([, name]) => name!.split('_')));
    const words = tag.split('_').slice(1);
    expect(words.filter((word) => named.has(word))).not.toEqual([]);
  });
});
