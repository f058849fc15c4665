import type { TransactionSql } from '../../core/sql.ts';
import type { Counts } from './counts.ts';
import type { Score } from './scores.ts';

/** Statements for many attempts at once. Learners are locked after exams, and attempts after learners, each in key order. */

/** Whose attempts at what. */
export interface Taker {
  exam: string;
  learner_id: string;
}

/** No slug has a blank in it. */
export function takerKey({ exam, learner_id }: Taker): string {
  return `${exam} ${learner_id}`;
}

/** Nobody else begins an attempt for these learners until the transaction ends; answers which of them there are. */
export async function lockLearners(
  sql: TransactionSql,
  accountId: string,
  ids: readonly string[],
): Promise<Set<string>> {
  const rows = await sql<{ learner_id: string }>`
    select learner_id from learners where account_id = ${accountId}::uuid and learner_id = any (${ids}::text[])
    order by learner_id for no key update`;
  return new Set(rows.map((row) => row.learner_id));
}

/**
 * The number of the last attempt of each, where there is one; the learners are locked. Looked up one by one inside the
 * statement: joined, the planner would read the attempts of everybody.
 */
export async function lastAttempts(
  sql: TransactionSql,
  accountId: string,
  takers: readonly Taker[],
): Promise<Map<string, number>> {
  const rows = await sql<Taker & { last: number | null }>`
    select v.exam, v.learner_id, (
      select max(a.number) from attempts a
      where a.account_id = ${accountId}::uuid and a.exam = v.exam and a.learner_id = v.learner_id) as last
    from (
      select distinct exam, learner_id from unnest(${takers.map(({ exam }) => exam)}::text[],
        ${takers.map(({ learner_id }) => learner_id)}::text[]) as v(exam, learner_id)) v`;
  return new Map(rows.flatMap((row) => (row.last === null ? [] : [[takerKey(row), row.last]])));
}

export interface NewAttempt extends Taker {
  number: number;
  /** Sortable moments. */
  started: string | null;
  submitted: string;
  counts: Counts | null;
  score: Score | null;
}

export async function insertAttempts(
  sql: TransactionSql,
  accountId: string,
  attempts: readonly NewAttempt[],
): Promise<void> {
  const count = (name: keyof Counts) => attempts.map(({ counts }) => counts?.[name] ?? null);
  const score = (name: keyof Score) => attempts.map((attempt) => attempt.score?.[name] ?? null);
  await sql`
    insert into attempts (account_id, exam, learner_id, number, state, started_at, submitted_at, correct, incorrect,
      unanswered, score, max_score, percentage, graded_at)
    select ${accountId}::uuid, v.exam, v.learner_id, v.number, case when v.score is null then 'submitted' else 'graded' end,
      v.started_at, v.submitted_at, v.correct, v.incorrect, v.unanswered, v.score, v.max_score, v.percentage,
      case when v.score is not null then now() end
    from unnest(${attempts.map(({ exam }) => exam)}::text[],
      ${attempts.map(({ learner_id }) => learner_id)}::text[], ${attempts.map(({ number }) => number)}::int[],
      ${attempts.map(({ started }) => started)}::text[]::timestamptz[],
      ${attempts.map(({ submitted }) => submitted)}::text[]::timestamptz[], ${count('correct')}::int[],
      ${count('incorrect')}::int[], ${count('unanswered')}::int[], ${score('score')}::text[]::numeric[],
      ${score('most')}::text[]::numeric[], ${score('percentage')}::text[]::numeric[])
      as v(exam, learner_id, number, started_at, submitted_at, correct, incorrect, unanswered, score, max_score,
      percentage)
    order by v.exam, v.learner_id, v.number`;
}

export interface StoredAttempt extends Taker {
  number: number;
  state: 'submitted' | 'graded';
  counts: Counts | null;
  /** What a record of the call said last; `null`: nothing. */
  remarks: string | null;
}

/** All attempts of these, in the order of their numbers, which nobody else grades until the transaction ends. */
export async function lockAttempts(
  sql: TransactionSql,
  accountId: string,
  takers: readonly Taker[],
): Promise<Map<string, StoredAttempt[]>> {
  type Row = Omit<StoredAttempt, 'counts' | 'remarks'> & { [name in keyof Counts]: number | null };
  const rows = await sql<Row>`
    select a.* from (
      select distinct exam, learner_id from unnest(${takers.map(({ exam }) => exam)}::text[],
        ${takers.map(({ learner_id }) => learner_id)}::text[]) as v(exam, learner_id)
      order by exam, learner_id) v
    cross join lateral (
      select exam, learner_id, number, state, correct, incorrect, unanswered from attempts
      where account_id = ${accountId}::uuid and exam = v.exam and learner_id = v.learner_id
      order by number for no key update) a`;
  const attempts = new Map<string, StoredAttempt[]>();
  for (const { correct, incorrect, unanswered, ...row } of rows) {
    const counted = correct !== null && incorrect !== null && unanswered !== null;
    const counts = counted ? { correct, incorrect, unanswered } : null;
    const key = takerKey(row);
    const before = attempts.get(key);
    const attempt = { ...row, counts, remarks: null };
    if (before === undefined) attempts.set(key, [attempt]);
    else before.push(attempt);
  }
  return attempts;
}

export interface Grade extends Taker {
  number: number;
  counts: Counts | null;
  score: Score;
  /** `null`: what is there stays. */
  remarks: string | null;
}

/** Writes grades over what is stored; the attempts are locked. */
export async function writeGrades(
  sql: TransactionSql,
  accountId: string,
  grades: readonly Grade[],
): Promise<void> {
  const count = (name: keyof Counts) => grades.map(({ counts }) => counts?.[name] ?? null);
  const score = (name: keyof Score) => grades.map((grade) => grade.score[name]);
  await sql`
    update attempts a set
      state = 'graded', correct = v.correct, incorrect = v.incorrect, unanswered = v.unanswered, score = v.score,
      max_score = v.max_score, percentage = v.percentage, remarks = coalesce(v.remarks, a.remarks),
      graded_at = now(), modified_at = now()
    from unnest(${grades.map(({ exam }) => exam)}::text[], ${grades.map(({ learner_id }) => learner_id)}::text[],
      ${grades.map(({ number }) => number)}::int[], ${count('correct')}::int[], ${count('incorrect')}::int[],
      ${count('unanswered')}::int[], ${score('score')}::text[]::numeric[], ${score('most')}::text[]::numeric[],
      ${score('percentage')}::text[]::numeric[], ${grades.map(({ remarks }) => remarks)}::text[])
      as v(exam, learner_id, number, correct, incorrect, unanswered, score, max_score, percentage, remarks)
    where a.account_id = ${accountId}::uuid and a.exam = v.exam and a.learner_id = v.learner_id
      and a.number = v.number`;
}
