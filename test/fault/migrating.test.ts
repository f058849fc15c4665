import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { migrateDatabase } from '../../src/adapters/postgres/migrate.ts';
import { SheafClient } from '../../src/client/client.ts';
import type { Locations } from '../../src/services.ts';
import { holdLearner, holdLock, type Session } from '../support/held-lock.ts';
import { learnerId, learnersCsv } from '../support/learner-file.ts';
import { olderVersion, unpackOlder } from '../support/older-version.ts';
import { type Program, ROOT, startProgram } from '../support/program.ts';
import { createTestDatabase } from '../support/sheaf.ts';
import { settingsOf } from '../support/worker-process.ts';

/** Migrations while others are at work, and others at work while migrations wait. */

const PATIENT = { timeout: 300_000 };
/** Longer than the whole of a migration waits at a time, however slow the machine is. */
const FOR_OTHERS = '60s';
const EMPTY = 'template1';

const after: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of after.splice(0).reverse()) await undo();
});

async function openDatabase(template?: string) {
  const { name, url, drop } = await createTestDatabase(template);
  const sql = postgres(url, { max: 4, onnotice: () => undefined, types: { bigint: postgres.BigInt } });
  after.push(drop, () => sql.end({ timeout: 5 }));
  return { name, url, sql: sql as unknown as Parameters<typeof holdLock>[0]['sql'] };
}

/** The migrations, cut off after so many, or with one more. */
async function migrations({ first, more }: { first?: number; more?: string }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheaf-drizzle-'));
  after.push(() => rm(folder, { recursive: true }));
  await cp(join(ROOT, 'drizzle'), folder, { recursive: true });
  const file = join(folder, 'meta/_journal.json');
  const journal = JSON.parse(await readFile(file, 'utf8'));
  if (first !== undefined) journal.entries.splice(first);
  if (more !== undefined) {
    const last = journal.entries.at(-1);
    journal.entries.push({ ...last, idx: last.idx + 1, when: last.when + 1, tag: '9999_more' });
    await writeFile(join(folder, '9999_more.sql'), more);
  }
  await writeFile(file, JSON.stringify(journal));
  return folder;
}

type Sql = Awaited<ReturnType<typeof openDatabase>>['sql'];

async function waitsForLock(sql: Sql): Promise<void> {
  for (;;) {
    const waiting = await sql`
      select from pg_stat_activity
      where datname = current_database() and application_name = 'sheaf migrate' and wait_event_type = 'Lock'`;
    if (waiting.length > 0) return;
    await sleep(10);
  }
}

const columnsOf = async (sql: Sql, table: string) =>
  (
    await sql<{ name: string }[]>`
      select column_name as name from information_schema.columns where table_name = ${table} order by 1`
  ).map(({ name }) => name);

const reads = (session: Session) => session`select count(*) from batches`;
const MORE = `ALTER TABLE "chunks" ADD COLUMN "more" text;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "more" text;`;

describe('a migration', PATIENT, () => {
  it('keeps nobody waiting behind a transaction that it waits for itself, and is done after it', async () => {
    const { url, sql } = await openDatabase();
    const folder = await migrations({ more: MORE });
    const long = await holdLock({ sql }, reads);
    const migrating = migrateDatabase(url, { folder });
    for (let time = 1; time <= 3; time += 1) {
      await waitsForLock(sql);
      // Whoever comes now stands behind it: behind one that waits for ever it would never be its turn.
      await sql.begin(async (tx) => {
        await tx.unsafe(`set local lock_timeout = '${FOR_OTHERS}'`);
        await tx`update batches set priority = priority`;
        await tx`update chunks set attempts = attempts`;
      });
    }
    expect(await columnsOf(sql, 'chunks')).not.toContain('more');
    await long.release();
    await migrating;
    expect(await columnsOf(sql, 'batches')).toContain('more');
    expect(await columnsOf(sql, 'chunks')).toContain('more');
  });

  it('says who is in its way if that lasts too long, and has changed nothing', async () => {
    const { url, sql } = await openDatabase();
    const folder = await migrations({ more: MORE });
    const long = await holdLock({ sql }, reads);
    const migrating = migrateDatabase(url, { folder, patienceMs: 0 });
    await expect(migrating).rejects.toThrow(
      /^migration 00\d\d could not get its locks; .* process \d+ \(postgres\.js, since /,
    );
    await long.release();
    expect(await columnsOf(sql, 'chunks')).not.toContain('more');
  });

  it('is done once by two at the same time, of which one is killed in the middle', async () => {
    const { url, sql } = await openDatabase(EMPTY);
    await migrateDatabase(url, { folder: await migrations({ first: 7 }) });
    // The next one has changed another table already when it comes to this one.
    const long = await holdLock({ sql }, (session) => session`select count(*) from chunks`);
    const environment = {
      ...settingsOf(locationsOf(url, 'killed')),
      SHEAF_ADMIN_PASSWORD: 'a-long-enough-one',
    };
    const killed = startProgram('src/migrate.ts', environment, /never said/).catch(
      (error: Error) => error.message,
    );
    await waitsForLock(sql);
    const other = migrateDatabase(url);
    const [migrator] = await sql<{ pid: number }[]>`
      select pid from pg_stat_activity
      where datname = current_database() and application_name = 'sheaf migrate' order by backend_start limit 1`;
    // Its session ends in the middle, as it does when the server hears that the process is gone.
    await sql`select pg_terminate_backend(${migrator!.pid})`;
    expect(await killed).toContain('ended with 1');
    await long.release();
    await other;
    const whole = await openDatabase(EMPTY);
    await migrateDatabase(whole.url);
    for (const table of ['batches', 'chunks', 'learners']) {
      expect(await columnsOf(sql, table)).toEqual(await columnsOf(whole.sql, table));
    }
    const noted = async (of: Sql) =>
      await of`select hash from drizzle.__drizzle_migrations order by created_at`;
    expect(await noted(sql)).toEqual(await noted(whole.sql));
  });
});

function locationsOf(databaseUrl: string, bucket: string): Locations {
  const { endpoint, ...credentials } = inject('s3');
  const name = `${bucket}-${Date.now()}`;
  return { databaseUrl, s3: { endpoint, region: 'us-east-1', bucket: name, credentials } };
}

const older = olderVersion();
const ADMIN_KEY = 'a-key-of-the-test-that-is-long-enough';

describe.skipIf(older.missing)(`a version that is brought in under way${older.reason}`, PATIENT, () => {
  it('takes over what the older one has begun, each record once', async () => {
    const { url, sql } = await openDatabase(EMPTY);
    const { root, remove } = await unpackOlder();
    after.push(remove);
    const running: Program[] = [];
    after.push(async () => void (await Promise.all(running.map((program) => program.kill()))));
    const settings = {
      ...settingsOf(locationsOf(url, 'brought')),
      ...{ SHEAF_ADMIN_KEY: ADMIN_KEY, SHEAF_ADMIN_PASSWORD: 'a-long-enough-one', SHEAF_PORT: '0' },
      ...{ SHEAF_LEASE_SECONDS: '3', SHEAF_SWEEP_SECONDS: '1', SHEAF_CHUNK_RECORDS: '500' },
      SHEAF_WORKER_CONCURRENCY: '1',
    };
    const start = async (script: string, up: RegExp, from?: string) => {
      const program = await startProgram(script, settings, up, from);
      running.push(program);
      return program;
    };
    const migrate = async (from: string) => {
      const env = { ...process.env, ...settings };
      await promisify(execFile)(process.execPath, ['--import', 'tsx', 'src/migrate.ts'], { cwd: from, env });
    };

    await migrate(root);
    expect(await columnsOf(sql, 'batches')).not.toContain('retry_of');
    // What is newer than its database does not start, and says what to do.
    await expect(startProgram('workers/main.ts', settings, /is up/)).rejects.toThrow(
      'run npm run migrate first',
    );
    const [api, worker] = await Promise.all([
      start('src/api/main.ts', /up at (\S+)/, root),
      start('workers/main.ts', /is up/, root),
    ]);
    const client = new SheafClient({ baseUrl: api.said, apiKey: ADMIN_KEY });
    const [account] = await sql<{ id: string }[]>`select id from accounts`;
    const caller = { accountId: account!.id } as Parameters<typeof holdLearner>[0]['caller'];
    const lock = await holdLearner({ sql, caller }, learnerId('a', 1000));
    const directory = await mkdtemp(join(tmpdir(), 'sheaf-brought-'));
    after.push(() => rm(directory, { recursive: true }));
    const file = join(directory, 'learners.csv');
    await writeFile(
      file,
      learnersCsv('a', 3000, (record) => record > 2990),
    );
    const { batch } = await client.createBatch({
      ...{ handler: await client.uploadFile(file), operation: 'create_learner', on_invalid: 'skip' },
    });
    await lock.waiter('chunk');

    const migrated = migrate(ROOT);
    await waitsForLock(sql);
    await lock.release();
    await migrated;
    await start('workers/main.ts', /is up/);
    await worker.stop();
    const counts = { total: 3000, succeeded: 2990, failed: 10, unprocessed: 0 };
    expect(await client.follow(batch, { interval: 100 })).toMatchObject({ status: 'completed', counts });
    expect(await sql`select from learners where learner_id like 'a%'`).toHaveLength(2990);
    await api.stop();
    const newer = new SheafClient({
      baseUrl: (await start('src/api/main.ts', /up at (\S+)/)).said,
      apiKey: ADMIN_KEY,
    });
    const retry = await newer.retryBatch(batch);
    expect(await newer.follow(retry.batch, { interval: 100 })).toMatchObject({
      counts: { total: 10, failed: 10 },
    });
  });
});
