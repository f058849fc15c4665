import type { TransactionSql } from '../../core/sql.ts';
import type { LearnerInput } from './learner-input.ts';

/** Statements for many learners at once. Those that lock go through their rows in key order, so that two seldom wait crosswise. */

/** Inserts the learners whose id and email are free; answers the ids of those inserted. */
export async function insertLearners(
  sql: TransactionSql,
  accountId: string,
  learners: readonly LearnerInput[],
): Promise<Set<string>> {
  const columns = columnsOf(learners);
  const rows = await sql<{ learner_id: string }>`
    insert into learners (account_id, learner_id, email, given_name, family_name, birth_date, phone, country, score,
      joined_at)
    select ${accountId}::uuid, v.* from unnest(${columns.learner_id}::text[], ${columns.email}::text[],
      ${columns.given_name}::text[], ${columns.family_name}::text[], ${columns.birth_date}::text[]::date[],
      ${columns.phone}::text[], ${columns.country}::text[], ${columns.score}::text[]::numeric[],
      ${columns.joined_at}::text[]::timestamptz[]) as v(learner_id)
    order by v.learner_id
    on conflict do nothing
    returning learner_id`;
  return new Set(rows.map((row) => row.learner_id));
}

/** Who is stored, as far as the ids and emails in question go. Emails are in lower case. */
export interface KnownLearners {
  emailOf: Map<string, string | null>;
  ownerOf: Map<string, string>;
}

/** Reads who has these learners' ids and emails; with `lock` they stay as they are until the transaction ends. */
export async function readLearners(
  sql: TransactionSql,
  accountId: string,
  learners: readonly LearnerInput[],
  { lock }: { lock: boolean },
): Promise<KnownLearners> {
  const ids = learners.map((learner) => learner.learner_id);
  const emails = learners.flatMap((learner) => learner.email?.toLowerCase() ?? []);
  if (lock) {
    await sql`
      select from learners where account_id = ${accountId}::uuid and learner_id = any (${ids}::text[])
      order by learner_id for update`;
  }
  const rows = await sql<{ learner_id: string; email: string | null }>`
    select learner_id, lower(email) as email from learners
    where account_id = ${accountId}::uuid and learner_id = any (${ids}::text[])
    union
    select learner_id, lower(email) from learners
    where account_id = ${accountId}::uuid and lower(email) = any (${emails}::text[])`;
  return {
    emailOf: new Map(rows.map((row) => [row.learner_id, row.email])),
    ownerOf: new Map(rows.flatMap((row) => (row.email === null ? [] : [[row.email, row.learner_id]]))),
  };
}

/** Takes these learners' emails away, so that others can have them in the statement that follows. */
export async function clearEmails(
  sql: TransactionSql,
  accountId: string,
  ids: readonly string[],
): Promise<void> {
  await sql`
    update learners set email = null where account_id = ${accountId}::uuid and learner_id = any (${ids}::text[])`;
}

/** Writes what each learner gives over what is stored, which is locked already; what it does not give stays. */
export async function updateLearners(
  sql: TransactionSql,
  accountId: string,
  learners: readonly LearnerInput[],
): Promise<void> {
  const columns = columnsOf(learners);
  await sql`
    update learners l set
      email = coalesce(v.email, l.email), given_name = coalesce(v.given_name, l.given_name),
      family_name = coalesce(v.family_name, l.family_name), birth_date = coalesce(v.birth_date, l.birth_date),
      phone = coalesce(v.phone, l.phone), country = coalesce(v.country, l.country),
      score = coalesce(v.score, l.score), joined_at = coalesce(v.joined_at, l.joined_at), modified_at = now()
    from unnest(${columns.learner_id}::text[], ${columns.email}::text[], ${columns.given_name}::text[],
      ${columns.family_name}::text[], ${columns.birth_date}::text[]::date[], ${columns.phone}::text[],
      ${columns.country}::text[], ${columns.score}::text[]::numeric[], ${columns.joined_at}::text[]::timestamptz[])
      as v(learner_id, email, given_name, family_name, birth_date, phone, country, score, joined_at)
    where l.account_id = ${accountId}::uuid and l.learner_id = v.learner_id`;
}

/** One array a column, as UNNEST takes them. Numbers and times go as text: the digits that were sent are kept. */
function columnsOf(learners: readonly LearnerInput[]) {
  const column = (name: keyof LearnerInput) => learners.map((learner) => learner[name]?.toString() ?? null);
  return {
    learner_id: column('learner_id'),
    email: column('email'),
    given_name: column('given_name'),
    family_name: column('family_name'),
    birth_date: column('birth_date'),
    phone: column('phone'),
    country: column('country'),
    score: column('score'),
    joined_at: column('joined_at'),
  };
}
