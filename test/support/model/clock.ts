import type { TestSheaf } from '../sheaf.ts';

/** Time passes as the histories say, and in no other way: moments in the database are moved. */

type Sql = TestSheaf['sql'];

export async function letLeasesExpire(sql: Sql): Promise<void> {
  await sql`update batches set lease_expires_at = now() - interval '1 second' where lease is not null`;
  await sql`update chunks set lease_expires_at = now() - interval '1 second' where lease is not null`;
}

export async function letBackoffPass(sql: Sql): Promise<void> {
  await sql`update batches set available_at = now() where available_at > now()`;
  await sql`update chunks set available_at = now() where available_at > now()`;
}

/** Backoff is random and ends by the clock: so that a history is always the same, only `letBackoffPass` ends it. */
export async function holdBackoff(sql: Sql): Promise<void> {
  await sql`
    with held as (
      update batches set available_at = now() + interval '1 hour' where available_at > now())
    update chunks set available_at = now() + interval '1 hour' where available_at > now()`;
}

/** For longer than a batch may wait nobody has come by. */
export async function neglect(sql: Sql): Promise<void> {
  await sql`update batches set updated_at = updated_at - interval '3 days'`;
  await sql`update chunks set settled_at = settled_at - interval '3 days'`;
}

export async function letResultsExpire(sql: Sql, batchId: string): Promise<void> {
  await sql`
    update batches set expires_at = now() - interval '1 second' where id = ${batchId} and expires_at is not null`;
}

export async function letTombstonesAge(sql: Sql): Promise<void> {
  await sql`update batches set deleted_at = deleted_at - interval '1 day'`;
}
