import type { TransactionSql } from '../../../core/sql.ts';
import type { QuestionType } from '../question-input.ts';

/** An attempt as it is shown; times in seconds with three decimals. */
export interface ExamAttempt {
  attempt: number;
  state: 'submitted' | 'graded';
  score: number | null;
  max_score: number | null;
  percentage: number | null;
  /** Among all graded attempts at the exam, by score; equal scores share it. */
  rank: number | null;
  correct: number | null;
  incorrect: number | null;
  unanswered: number | null;
  remarks: string | null;
  started_at: number | null;
  submitted_at: number | null;
  graded_at: number | null;
}

export interface ExamQuestion {
  number: number;
  question: string;
  type: QuestionType;
  options: string[];
  marks: number;
  negative_marks: number;
  answer: string | null;
  explanation: string | null;
}

/** Whoever has taken an exam more often looks at the latest. */
export const MOST_ATTEMPTS_SHOWN = 100;

/**
 * The rank is what `rank()` would say, without sorting the attempts of all: those that are above are counted in the
 * index.
 */
export async function readAttempts(
  sql: TransactionSql,
  accountId: string,
  slug: string,
  learnerId: string,
): Promise<ExamAttempt[]> {
  return await sql<ExamAttempt>`
    select a.number as attempt, a.state, a.score::float8 as score, a.max_score::float8 as max_score,
      a.percentage::float8 as percentage, case when a.state = 'graded' then (
        select count(*) + 1 from attempts above
        where above.account_id = a.account_id and above.exam = a.exam and above.state = 'graded'
          and above.score > a.score) end::float8 as rank,
      a.correct, a.incorrect, a.unanswered, a.remarks,
      extract(epoch from date_trunc('milliseconds', a.started_at))::float8 as started_at,
      extract(epoch from date_trunc('milliseconds', a.submitted_at))::float8 as submitted_at,
      extract(epoch from date_trunc('milliseconds', a.graded_at))::float8 as graded_at
    from attempts a
    where a.account_id = ${accountId}::uuid and a.exam = ${slug} and a.learner_id = ${learnerId}
    order by a.number desc limit ${MOST_ATTEMPTS_SHOWN}::int`;
}

export async function readQuestions(
  sql: TransactionSql,
  accountId: string,
  slug: string,
): Promise<ExamQuestion[]> {
  return await sql<ExamQuestion>`
    select q.number, q.question, q.type, q.options, coalesce(q.marks, e.mark_per_question)::float8 as marks,
      coalesce(q.negative_marks, e.negative_marks)::float8 as negative_marks, q.answer, q.explanation
    from questions q join exams e on e.account_id = q.account_id and e.slug = q.exam
    where q.account_id = ${accountId}::uuid and q.exam = ${slug}
    order by q.number`;
}
