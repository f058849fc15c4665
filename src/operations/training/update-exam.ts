import Type from 'typebox';
import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import { failed, type RecordResult, succeeded } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { type ExamChange, examChange } from './exam-input.ts';
import { examNotFound } from './exam-not-found.ts';
import { EXAM_FAILURES, examFailure } from './exam-rules.ts';
import { type ExamUpdate, lockExams, readExams, type StoredExam, updateExams } from './exam-store.ts';
import { sortableMoments } from './sortable-moments.ts';

const output = Type.Object({ slug: Type.String() }, { additionalProperties: false });
type ExamResult = RecordResult<{ slug: string }>;

/** Changes exams; records of the same one take effect one after the other. What is graded already keeps its score. */
export const updateExam = defineOperation({
  name: 'update_exam',
  version: 1,
  title: 'Change exams',
  description:
    'Changes the exam that each record names by its slug. A blank cell leaves what is there; allow_retake: false takes max_retakes away. Attempts that are graded already keep their scores.',
  input: examChange,
  output,
  failures: {
    ...EXAM_FAILURES,
    exam_not_found: 'There is no exam with this slug',
    too_many_questions: 'The exam has more questions than number_of_questions says',
  },
  template: {
    examples: [
      { slug: 'algebra-1-midterm', end_date: '2026-03-07T18:00:00+01:00', duration: 120 },
      { slug: 'algebra-1-practice', title: 'Algebra I: more practice', max_retakes: 5 },
    ],
  },
  run: async (records, { accountId, sql }) => await changeExams(records, accountId, sql),
});

async function changeExams(
  records: readonly OperationRecord<ExamChange>[],
  accountId: string,
  sql: TransactionSql,
): Promise<ExamResult[]> {
  const slugs = [...new Set(records.map(({ input }) => input.slug))];
  await lockExams(sql, accountId, slugs);
  const exams = await readExams(sql, accountId, slugs);
  const moments = await sortableMoments(
    sql,
    records.flatMap(({ input }) => [input.start_date, input.end_date]),
  );
  const updates = new Map<string, ExamUpdate>();
  const results = records.map(({ input }, index): ExamResult => {
    const exam = exams.get(input.slug);
    if (exam === undefined) return examNotFound(input.slug, 'slug');
    const changed = changedExam(exam, input, [moments[2 * index]!, moments[2 * index + 1]!]);
    const failure = examFailure(changed, input) ?? questionsFailure(exam, input);
    if (failure !== undefined) return failure;
    exams.set(input.slug, changed);
    const { max_retakes: _, ...given } = input;
    updates.set(input.slug, { ...updates.get(input.slug), ...given, maxRetakes: changed.maxRetakes });
    return succeeded({ slug: input.slug });
  });
  if (updates.size > 0) await updateExams(sql, accountId, [...updates.values()]);
  return results;
}

function changedExam(
  exam: StoredExam,
  change: ExamChange,
  [starts, ends]: [string | null, string | null],
): StoredExam {
  const { allow_retake: allowRetake = exam.allowRetake } = change;
  const kept = change.allow_retake === false ? null : exam.maxRetakes;
  return {
    ...exam,
    starts: starts ?? exam.starts,
    ends: ends ?? exam.ends,
    allowRetake,
    maxRetakes: change.max_retakes ?? kept,
  };
}

function questionsFailure({ questions }: StoredExam, { number_of_questions: stated }: ExamChange) {
  if (stated === undefined || stated >= questions) return undefined;
  const message = `number_of_questions is "${stated}", but the exam has ${questions} already`;
  return failed<never>('too_many_questions', message, 'number_of_questions');
}
