import type { TransactionSql } from '../../../core/sql.ts';
import { type ExamAttempt, type ExamQuestion, readAttempts, readQuestions } from './exam-details.ts';
import { type ListPage, offsetOf, type PageRequest } from './page.ts';

/** By the exam’s dates: it can be taken now, not yet, or not any more. */
export type ExamState = 'available' | 'upcoming' | 'history';

/** An exam as it is shown; times in seconds with three decimals. */
export interface ShownExam {
  slug: string;
  title: string;
  description: string | null;
  course: string;
  state: ExamState;
  start_date: number | null;
  end_date: number | null;
  duration: number | null;
  number_of_questions: number | null;
  question_count: number;
  mark_per_question: number;
  negative_marks: number;
  /** `null`: it is not known how many questions there are. */
  max_score: number | null;
  template_type: string;
  allow_retake: boolean;
  max_retakes: number | null;
  show_answers: boolean;
  created_at: number;
  modified_at: number;
}

export interface ExamFilters {
  course?: string;
  state?: ExamState;
  /** In the slug, the title, the description or the course, whatever its case; no character of it is a wildcard. */
  search?: string;
}

export interface ExamReads {
  /** Newest first. */
  list(filters: ExamFilters, page: PageRequest): Promise<ListPage<ShownExam>>;
  find(slug: string): Promise<ShownExam | null>;
  /** Whether the learner is in a cohort of the course. */
  isEnrolled(course: string, learnerId: string): Promise<boolean>;
  /** The learner’s attempts, the latest first. */
  attempts(slug: string, learnerId: string): Promise<ExamAttempt[]>;
  questions(slug: string): Promise<ExamQuestion[]>;
}

export function examReads(sql: TransactionSql, accountId: string): ExamReads {
  return {
    list: (filters, page) => listExams(sql, accountId, filters, page),
    find: async (slug) => (await readExams(sql, accountId, [slug]))[0] ?? null,
    isEnrolled: (course, learnerId) => isEnrolled(sql, accountId, course, learnerId),
    attempts: (slug, learnerId) => readAttempts(sql, accountId, slug, learnerId),
    questions: (slug) => readQuestions(sql, accountId, slug),
  };
}

async function listExams(
  sql: TransactionSql,
  accountId: string,
  { search = null, course = null, state = null }: { [K in keyof ExamFilters]: ExamFilters[K] | null },
  page: PageRequest,
): Promise<ListPage<ShownExam>> {
  const [found] = await sql<{ count: number; slugs: string[] }>`
    with found as (
      select e.slug, e.created_at from exams e
      where e.account_id = ${accountId}::uuid and (${course}::text is null or e.course = ${course}::text)
        and (${state}::text is null or ${state}::text =
          case when e.start_date > now() then 'upcoming' when e.end_date < now() then 'history' else 'available' end)
        and (${search}::text is null or exists (
          select from unnest(array[e.slug, e.title, e.description, e.course]) as text(value)
          where strpos(lower(text.value), lower(${search}::text)) > 0)))
    select (select count(*) from found)::float8 as count, array(
      select slug from found order by created_at desc, slug
      limit ${page.perPage}::int offset ${offsetOf(page)}::bigint) as slugs`;
  const { count, slugs } = found ?? { count: 0, slugs: [] };
  return { count, results: slugs.length === 0 ? [] : await readExams(sql, accountId, slugs) };
}

/** Newest first; those of one batch are of one moment, and stand by their slugs. */
async function readExams(
  sql: TransactionSql,
  accountId: string,
  slugs: readonly string[],
): Promise<ShownExam[]> {
  return await sql<ShownExam>`
    select e.slug, e.title, e.description, e.course,
      case when e.start_date > now() then 'upcoming' when e.end_date < now() then 'history' else 'available' end as state,
      extract(epoch from date_trunc('milliseconds', e.start_date))::float8 as start_date,
      extract(epoch from date_trunc('milliseconds', e.end_date))::float8 as end_date,
      e.duration, e.number_of_questions, q.questions as question_count,
      e.mark_per_question::float8 as mark_per_question, e.negative_marks::float8 as negative_marks,
      case when coalesce(e.number_of_questions, nullif(q.questions, 0)) is not null then
        q.marks + greatest(coalesce(e.number_of_questions, 0) - q.questions, 0) * e.mark_per_question
      end::float8 as max_score,
      e.template_type, e.allow_retake, e.max_retakes, e.show_answers,
      extract(epoch from date_trunc('milliseconds', e.created_at))::float8 as created_at,
      extract(epoch from date_trunc('milliseconds', e.modified_at))::float8 as modified_at
    from exams e
    cross join lateral (
      select count(*)::int as questions, coalesce(sum(coalesce(marks, e.mark_per_question)), 0) as marks
      from questions where account_id = e.account_id and exam = e.slug) q
    where e.account_id = ${accountId}::uuid and e.slug = any (${slugs}::text[])
    order by e.created_at desc, e.slug`;
}

async function isEnrolled(
  sql: TransactionSql,
  accountId: string,
  course: string,
  learnerId: string,
): Promise<boolean> {
  const rows = await sql<object>`
    select from enrollments e join cohorts c on c.account_id = e.account_id and c.id = e.cohort_id
    where e.account_id = ${accountId}::uuid and e.learner_id = ${learnerId} and c.course = ${course} limit 1`;
  return rows.length > 0;
}
