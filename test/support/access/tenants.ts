import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Statement } from '../../../src/core/access.ts';
import type { TestSheaf } from '../sheaf.ts';

/** Accounts that share one Sheaf, each with one of everything that a request can name. */

/** What stands in paths and bodies. */
export interface Things {
  upload: string;
  /** Not used by any batch. */
  freeUpload: string;
  batch: string;
  user: string;
  role: string;
  apiKey: string;
  account: string;
  cohort: string;
  exam: string;
  course: string;
}

export interface Tenant {
  id: string;
  name: string;
  things: Things;
}

/** An account with one of everything, written by hand: nothing of it comes through the doors that are tested. */
export async function addTenant({ sql }: TestSheaf, name: string): Promise<Tenant> {
  const id = uuidv7();
  await sql`insert into accounts (id, name) values (${id}, ${name})`;
  const cohort = uuidv7();
  const exam = `${name}-finals`;
  const course = `${name} course`;
  await sql`
    insert into cohorts (account_id, id, name, course, starts_at, delivery)
    values (${id}, ${cohort}, 'Spring', ${course}, now(), 'online')`;
  await sql`
    insert into exams (account_id, slug, title, course) values (${id}, ${exam}, 'Finals', ${course})`;
  return {
    id,
    name,
    things: {
      upload: await addUpload(sql, id),
      freeUpload: await addUpload(sql, id),
      batch: await addEndedBatch(sql, id),
      user: await addUser(sql, id, `somebody-of-${name}`),
      role: await addRole(sql, id, `clerk_of_${name}`, [{ effect: 'allow', actions: ['get_batches'] }]),
      apiKey: (await addKey(sql, id, { name: `key of ${name}`, role: 'viewer' })).id,
      account: id,
      cohort,
      exam,
      course,
    },
  };
}

export async function addUpload(sql: TestSheaf['sql'], account: string): Promise<string> {
  const id = uuidv7();
  await sql`
    insert into uploads (id, account_id, object_key, url_expires_at, expires_at)
    values (${id}, ${account}, ${`uploads/${account}/${id}`}, now() + interval '1 hour', now() + interval '1 day')`;
  return id;
}

/** It has ended, has one file of results, and metadata that a search could find. */
export async function addEndedBatch(sql: TestSheaf['sql'], account: string): Promise<string> {
  const id = uuidv7();
  const upload = await addUpload(sql, account);
  const results = [
    {
      kind: 'all',
      format: 'ndjson',
      key: `batches/${id}/results/all.ndjson`,
      bytes: 1,
      sha256: '0'.repeat(64),
      records: 1,
    },
  ];
  await sql`
    insert into batches (id, account_id, upload_id, user_name, operation, operation_version, settings, mapping,
      on_invalid, metadata, status, statuses, upload_key, upload_etag, upload_bytes, total, results, results_at,
      ended_at, expires_at)
    values (${id}, ${account}, ${upload}, 'admin', 'create_learner', 1, '{}', '{}', 'reject',
      ${sql.json({ of: account })}, 'completed', '[]', 'uploads/x', '"etag"', 1, 1, ${sql.json(results)}, now(), now(),
      now() + interval '1 day')`;
  return id;
}

export async function addUser(
  sql: TestSheaf['sql'],
  account: string,
  name: string,
  role = 'viewer',
): Promise<string> {
  const id = uuidv7();
  await sql`
    insert into users (id, account_id, name, password_hash, role)
    values (${id}, ${account}, ${name}, '$scrypt$ln=4,r=8,p=1$AAAA$AAAA', ${role})`;
  return id;
}

export async function addRole(
  sql: TestSheaf['sql'],
  account: string,
  name: string,
  statements: readonly Statement[],
): Promise<string> {
  await sql`
    insert into roles (account_id, name, description, statements)
    values (${account}, ${name}, '', ${sql.json(statements as never)})`;
  return name;
}

/** @returns the key as a client sends it */
export async function addKey(
  sql: TestSheaf['sql'],
  account: string,
  { name, role }: { name: string; role: string },
): Promise<{ id: string; key: string }> {
  const id = uuidv7();
  const key = `sheaf_${randomBytes(32).toString('base64url')}`;
  await sql`
    insert into api_keys (id, account_id, name, role, hash, hint, created_by)
    values (${id}, ${account}, ${name}, ${role}, ${createHash('sha256').update(key).digest()},
      ${key.slice(0, 10)}, 'admin')`;
  return { id, key };
}
