import type { TransactionSql } from '../../core/sql.ts';
import type { QuestionInput } from './question-input.ts';
import type { CheckedQuestion } from './question-rules.ts';

export interface NewQuestion extends CheckedQuestion {
  input: QuestionInput;
  number: number;
}

/** Which of these numbers of questions are taken, by exam. */
export async function takenNumbers(
  sql: TransactionSql,
  accountId: string,
  numbers: readonly { exam: string; number: number }[],
): Promise<Map<string, Set<number>>> {
  const taken = new Map<string, Set<number>>();
  if (numbers.length === 0) return taken;
  const rows = await sql<{ exam: string; number: number }>`
    select exam, number from questions where account_id = ${accountId}::uuid and (exam, number) in (
      select * from unnest(${numbers.map(({ exam }) => exam)}::text[], ${numbers.map(({ number }) => number)}::int[]))`;
  for (const { exam, number } of rows) taken.set(exam, (taken.get(exam) ?? new Set()).add(number));
  return taken;
}

/** Inserts questions whose numbers are free; their exams are locked. */
export async function insertQuestions(
  sql: TransactionSql,
  accountId: string,
  questions: readonly NewQuestion[],
): Promise<void> {
  const column = (name: keyof QuestionInput) => questions.map(({ input }) => input[name]?.toString() ?? null);
  const option = (index: number) => questions.map(({ options }) => options[index] ?? null);
  await sql`
    insert into questions (account_id, exam, number, question, type, options, answer, explanation, marks,
      negative_marks)
    select ${accountId}::uuid, v.exam, v.number, v.question, v.type, array_remove(array[v.a, v.b, v.c, v.d, v.e, v.f],
      null), v.answer, v.explanation, v.marks, v.negative_marks
    from unnest(${column('exam')}::text[], ${questions.map(({ number }) => number)}::int[],
      ${column('question')}::text[], ${column('type')}::text[], ${option(0)}::text[], ${option(1)}::text[],
      ${option(2)}::text[], ${option(3)}::text[], ${option(4)}::text[], ${option(5)}::text[],
      ${questions.map(({ answer }) => answer)}::text[], ${column('explanation')}::text[],
      ${column('marks')}::text[]::numeric[], ${column('negative_marks')}::text[]::numeric[])
      as v(exam, number, question, type, a, b, c, d, e, f, answer, explanation, marks, negative_marks)
    order by v.exam, v.number`;
}
