import type { TransactionSql } from '../../core/sql.ts';
import type { LearnerInput } from './learner-input.ts';

/** Statements for many learners at once. Each goes through its rows in key order, so that two never wait crosswise. */

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

export interface TakenKeys {
  ids: Set<string>;
  /** Whose an email is, in lower case. */
  emails: Map<string, string>;
}

/** Adds which of these learners' ids exist, and whose their emails are. */
export async function addKeysTaken(
  sql: TransactionSql,
  accountId: string,
  learners: readonly LearnerInput[],
  taken: TakenKeys,
): Promise<void> {
  const ids = learners.map((learner) => learner.learner_id);
  const emails = learners.flatMap((learner) => learner.email?.toLowerCase() ?? []);
  const rows = await sql<{ learner_id: string; email: string | null }>`
    select learner_id, lower(email) as email from learners
    where account_id = ${accountId}::uuid and learner_id = any (${ids}::text[])
    union
    select learner_id, lower(email) from learners
    where account_id = ${accountId}::uuid and lower(email) = any (${emails}::text[])`;
  for (const row of rows) {
    taken.ids.add(row.learner_id);
    if (row.email !== null) taken.emails.set(row.email, row.learner_id);
  }
}

/** Writes what each learner gives over what is stored; what it does not give stays. */
export async function updateLearners(
  sql: TransactionSql,
  accountId: string,
  learners: readonly LearnerInput[],
): Promise<void> {
  const columns = columnsOf(learners);
  await sql`
    select from learners where account_id = ${accountId}::uuid and learner_id = any (${columns.learner_id}::text[])
    order by learner_id for update`;
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
