import Type from 'typebox';
import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import { failed, type RecordResult, succeeded } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { type ExamInput, examInput } from './exam-input.ts';
import { EXAM_FAILURES, examFailure } from './exam-rules.ts';
import { insertExams } from './exam-store.ts';
import { sortableMoments } from './sortable-moments.ts';

const output = Type.Object({ slug: Type.String() }, { additionalProperties: false });
type ExamResult = RecordResult<{ slug: string }>;

/** Creates exams. Of two records with the same slug the first in the file wins within a chunk; across chunks one does. */
export const createExam = defineOperation({
  name: 'create_exam',
  version: 1,
  title: 'Create exams',
  description: 'Creates an exam of a course from each record.',
  input: examInput,
  output,
  failures: {
    ...EXAM_FAILURES,
    exam_exists: 'An exam with this slug exists, or an earlier record of the file has it',
  },
  template: {
    examples: [
      {
        slug: 'algebra-1-midterm',
        title: 'Algebra I: midterm',
        course: 'Algebra I',
        start_date: '2026-03-02T09:00:00+01:00',
        end_date: '2026-03-06T18:00:00+01:00',
        duration: 90,
        number_of_questions: 40,
        mark_per_question: 2.5,
        negative_marks: 0.5,
      },
      {
        slug: 'algebra-1-practice',
        title: 'Algebra I: practice',
        course: 'Algebra I',
        description: 'As often as you like',
        allow_retake: true,
        show_answers: true,
      },
    ],
  },
  run: async (records, { accountId, sql }) => await createExams(records, accountId, sql),
});

async function createExams(
  records: readonly OperationRecord<ExamInput>[],
  accountId: string,
  sql: TransactionSql,
): Promise<ExamResult[]> {
  const moments = await sortableMoments(
    sql,
    records.flatMap(({ input }) => [input.start_date, input.end_date]),
  );
  const failures = records.map(({ input }, index) =>
    examFailure(
      {
        starts: moments[2 * index]!,
        ends: moments[2 * index + 1]!,
        allowRetake: input.allow_retake ?? false,
        maxRetakes: input.max_retakes ?? null,
      },
      input,
    ),
  );
  // A record that fails by itself leaves its slug to those behind it.
  const first = new Map<string, ExamInput>();
  for (const [index, { input }] of records.entries()) {
    if (failures[index] === undefined && !first.has(input.slug)) first.set(input.slug, input);
  }
  const inserted = await insertExams(sql, accountId, [...first.values()]);
  return records.map(({ input }, index) => {
    const { slug } = input;
    if (failures[index] !== undefined) return failures[index];
    if (first.get(slug) === input && inserted.has(slug)) return succeeded({ slug });
    return failed('exam_exists', `an exam with the slug "${slug}" exists already`, 'slug');
  });
}
