import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { expect, it } from 'vitest';
import { migrateDatabase } from '../../src/adapters/postgres/migrate.ts';
import { createTestDatabase } from '../support/sheaf.ts';

const DRIZZLE = fileURLToPath(new URL('../../drizzle', import.meta.url));
const ACCOUNT = '00000000-0000-7000-8000-000000000001';
const UPLOAD = '00000000-0000-7000-8000-000000000002';
const BATCH = '00000000-0000-7000-8000-000000000003';

/** The migrations before 0003, in a directory of their own. */
async function earlierMigrations(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sheaf-drizzle-'));
  await cp(DRIZZLE, directory, { recursive: true });
  const file = join(directory, 'meta/_journal.json');
  const journal = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...journal, entries: journal.entries.slice(0, 3) }));
  return directory;
}

async function addBatch(sql: postgres.Sql, failures: readonly unknown[]): Promise<void> {
  await sql`insert into accounts (id, name) values (${ACCOUNT}, 'a')`;
  await sql`
    insert into uploads (id, account_id, object_key, url_expires_at, expires_at)
    values (${UPLOAD}, ${ACCOUNT}, 'k', now(), now())`;
  await sql`
    insert into batches (id, account_id, upload_id, user_name, operation, operation_version, settings, mapping,
      on_invalid, metadata, status, statuses, upload_key, upload_etag, upload_bytes)
    values (${BATCH}, ${ACCOUNT}, ${UPLOAD}, 'u', 'o', 1, '{}', '{}', 'skip', '{}', 'processing', '[]', 'k', 'e', 1)`;
  for (const [index, told] of failures.entries()) {
    await sql`
      insert into chunks (batch_id, number, account_id, first_record, records, byte_start, byte_end, sha256, phase,
        status, failures)
      values (${BATCH}, ${index + 1}, ${ACCOUNT}, ${index + 1}, 1, 0, 1, ${'0'.repeat(64)}, 'process', 'waiting',
        ${told === null ? null : sql.json(told as never)})`;
  }
}

it('what chunks have told of their failures is kept when it moves to columns of its own', async () => {
  const database = await createTestDatabase('template1');
  const directory = await earlierMigrations();
  const sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  try {
    await migrateDatabase(database.url, { folder: directory });
    const first = [{ record: 1, code: 'required', message: 'must be given' }];
    await addBatch(sql, [{ codes: { required: 1, too_long: 1 }, first }, null, { codes: {}, first: [] }]);
    await migrateDatabase(database.url);
    expect(await sql`select error_codes, first_errors from chunks order by number`).toEqual([
      { error_codes: { required: 1, too_long: 1 }, first_errors: first },
      { error_codes: null, first_errors: null },
      { error_codes: null, first_errors: null },
    ]);
  } finally {
    await sql.end({ timeout: 5 });
    await database.drop();
    await rm(directory, { recursive: true });
  }
});
