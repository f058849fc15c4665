import type { TransactionSql } from '../../core/sql.ts';
import type { ExamChange, ExamInput } from './exam-input.ts';

/** Statements for many exams at once. Those that lock go through their rows in key order, and come before locks of learners. */

/** What is stored of an exam, as far as operations ask. */
export interface StoredExam {
  slug: string;
  /** When it can be taken, as `sortableMoments` has it; `null`: no such bound. */
  starts: string | null;
  ends: string | null;
  stated: number | null;
  allowRetake: boolean;
  maxRetakes: number | null;
  /** Decimal numbers as text. */
  mark: string;
  negative: string;
  /** Of the questions that are stored: how many, and the highest number. */
  questions: number;
  lastQuestion: number;
  /** Whether some question gives or costs other marks than the exam says, so that counts do not tell the score. */
  ownMarks: boolean;
  /** How many questions it has; `null`: that is not known, nor what it gives. */
  total: number | null;
  /** The highest and the lowest score. */
  most: string | null;
  least: string | null;
}

/** Inserts the exams whose slug is free; answers the slugs of those inserted. */
export async function insertExams(
  sql: TransactionSql,
  accountId: string,
  exams: readonly ExamInput[],
): Promise<Set<string>> {
  const columns = columnsOf(exams);
  const rows = await sql<{ slug: string }>`
    insert into exams (account_id, slug, title, description, course, start_date, end_date, duration,
      number_of_questions, negative_marks, mark_per_question, template_type, allow_retake, max_retakes, show_answers)
    select ${accountId}::uuid, v.slug, v.title, v.description, v.course, v.start_date, v.end_date, v.duration,
      v.number_of_questions, coalesce(v.negative_marks, 0), coalesce(v.mark_per_question, 1),
      coalesce(v.template_type, 'standard'), coalesce(v.allow_retake, false), v.max_retakes,
      coalesce(v.show_answers, false)
    from unnest(${columns.slug}::text[], ${columns.title}::text[], ${columns.description}::text[],
      ${columns.course}::text[], ${columns.start_date}::text[]::timestamptz[],
      ${columns.end_date}::text[]::timestamptz[], ${columns.duration}::text[]::int[],
      ${columns.number_of_questions}::text[]::int[], ${columns.negative_marks}::text[]::numeric[],
      ${columns.mark_per_question}::text[]::numeric[], ${columns.template_type}::text[],
      ${columns.allow_retake}::text[]::boolean[], ${columns.max_retakes}::text[]::int[],
      ${columns.show_answers}::text[]::boolean[]) as v(slug, title, description, course, start_date, end_date,
      duration, number_of_questions, negative_marks, mark_per_question, template_type, allow_retake, max_retakes,
      show_answers)
    order by v.slug
    on conflict do nothing
    returning slug`;
  return new Set(rows.map((row) => row.slug));
}

/** Nobody else changes these exams, nor counts on how they are, until the transaction ends. */
export async function lockExams(
  sql: TransactionSql,
  accountId: string,
  slugs: readonly string[],
): Promise<void> {
  await sql`
    select from exams where account_id = ${accountId}::uuid and slug = any (${slugs}::text[])
    order by slug for no key update`;
}

/** These exams stay as they are until the transaction ends; others may count on that as well. */
export async function holdExams(
  sql: TransactionSql,
  accountId: string,
  slugs: readonly string[],
): Promise<void> {
  await sql`
    select from exams where account_id = ${accountId}::uuid and slug = any (${slugs}::text[])
    order by slug for share`;
}

/** What is stored of these exams, by slug. A statement of its own, as one that waits for a lock has read before. */
export async function readExams(
  sql: TransactionSql,
  accountId: string,
  slugs: readonly string[],
): Promise<Map<string, StoredExam>> {
  const rows = await sql<StoredExam>`
    select e.slug, to_char(e.start_date at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as starts,
      to_char(e.end_date at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as ends,
      e.number_of_questions as stated, e.allow_retake as "allowRetake", e.max_retakes as "maxRetakes",
      e.mark_per_question::text as mark, e.negative_marks::text as negative,
      q.questions, q.last as "lastQuestion", q.own as "ownMarks", t.total,
      (q.marks + greatest(t.total - q.questions, 0) * e.mark_per_question)::text as most,
      (-q.costs - greatest(t.total - q.questions, 0) * e.negative_marks)::text as least
    from exams e
    cross join lateral (
      select count(*)::int as questions, coalesce(max(number), 0) as last,
        coalesce(sum(coalesce(marks, e.mark_per_question)), 0) as marks,
        coalesce(sum(coalesce(negative_marks, e.negative_marks)), 0) as costs,
        coalesce(bool_or(marks <> e.mark_per_question or negative_marks <> e.negative_marks), false) as own
      from questions where account_id = e.account_id and exam = e.slug) q
    cross join lateral (select coalesce(e.number_of_questions, nullif(q.questions, 0)) as total) t
    where e.account_id = ${accountId}::uuid and e.slug = any (${slugs}::text[])`;
  // Where the number of questions is not known, neither is what they give, though nothing could be added up.
  return new Map(
    rows.map((row) => [row.slug, row.total === null ? { ...row, most: null, least: null } : row]),
  );
}

/** A change with what it comes to for `max_retakes`, which another change can take away. */
export type ExamUpdate = Omit<ExamChange, 'max_retakes'> & { maxRetakes: number | null };

/** Writes what each change gives over what is stored, which is locked already; what it does not give stays. */
export async function updateExams(
  sql: TransactionSql,
  accountId: string,
  exams: readonly ExamUpdate[],
): Promise<void> {
  const columns = columnsOf(exams);
  const maxRetakes = exams.map((exam) => exam.maxRetakes);
  await sql`
    update exams e set
      title = coalesce(v.title, e.title), description = coalesce(v.description, e.description),
      course = coalesce(v.course, e.course), start_date = coalesce(v.start_date, e.start_date),
      end_date = coalesce(v.end_date, e.end_date), duration = coalesce(v.duration, e.duration),
      number_of_questions = coalesce(v.number_of_questions, e.number_of_questions),
      negative_marks = coalesce(v.negative_marks, e.negative_marks),
      mark_per_question = coalesce(v.mark_per_question, e.mark_per_question),
      template_type = coalesce(v.template_type, e.template_type),
      allow_retake = coalesce(v.allow_retake, e.allow_retake), max_retakes = v.max_retakes,
      show_answers = coalesce(v.show_answers, e.show_answers), modified_at = now()
    from unnest(${columns.slug}::text[], ${columns.title}::text[], ${columns.description}::text[],
      ${columns.course}::text[], ${columns.start_date}::text[]::timestamptz[],
      ${columns.end_date}::text[]::timestamptz[], ${columns.duration}::text[]::int[],
      ${columns.number_of_questions}::text[]::int[], ${columns.negative_marks}::text[]::numeric[],
      ${columns.mark_per_question}::text[]::numeric[], ${columns.template_type}::text[],
      ${columns.allow_retake}::text[]::boolean[], ${maxRetakes}::int[], ${columns.show_answers}::text[]::boolean[])
      as v(slug, title, description, course, start_date, end_date, duration, number_of_questions, negative_marks,
      mark_per_question, template_type, allow_retake, max_retakes, show_answers)
    where e.account_id = ${accountId}::uuid and e.slug = v.slug`;
}

/** One array a column, as UNNEST takes them. Numbers and times go as text: the digits that were sent are kept. */
function columnsOf(exams: readonly Partial<ExamInput>[]) {
  const column = (name: keyof ExamInput) => exams.map((exam) => exam[name]?.toString() ?? null);
  return {
    slug: column('slug'),
    title: column('title'),
    description: column('description'),
    course: column('course'),
    start_date: column('start_date'),
    end_date: column('end_date'),
    duration: column('duration'),
    number_of_questions: column('number_of_questions'),
    negative_marks: column('negative_marks'),
    mark_per_question: column('mark_per_question'),
    template_type: column('template_type'),
    allow_retake: column('allow_retake'),
    max_retakes: column('max_retakes'),
    show_answers: column('show_answers'),
  };
}
