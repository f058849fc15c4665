import Type from 'typebox';
import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import { type RecordResult, succeeded } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { type GradeInput, gradeInput } from './attempt-input.ts';
import { type Grade, lockAttempts, type StoredAttempt, takerKey, writeGrades } from './attempt-store.ts';
import { COUNT_FAILURES } from './counts.ts';
import { examNotFound } from './exam-not-found.ts';
import { holdExams, readExams } from './exam-store.ts';
import { type GradedAttempt, judgeGrade } from './judge-grades.ts';
import { computeScores, type Score } from './scores.ts';
import { fillParameters, SHOWN_COLUMNS, submissionsToGrade } from './submissions-to-grade.ts';

const output = Type.Object(
  {
    exam: Type.String(),
    learner_id: Type.String(),
    attempt: Type.Integer(),
    score: Type.Number(),
    max_score: Type.Union([Type.Number(), Type.Null()]),
    percentage: Type.Union([Type.Number(), Type.Null()]),
    regraded: Type.Boolean({ description: 'Whether the attempt was graded before' }),
  },
  { additionalProperties: false },
);
type GradeResult = RecordResult<Type.Static<typeof output>>;

/** Grades attempts, graded ones too; records of the same attempt take effect one after the other. */
export const gradeSubmission = defineOperation({
  name: 'grade_submission',
  version: 1,
  title: 'Grade submissions',
  description:
    'Grades the attempt that each record names, by its score or by counts of right and wrong answers. An attempt that is graded already is graded anew.',
  input: gradeInput,
  output,
  failures: {
    ...COUNT_FAILURES,
    exam_not_found: 'There is no exam with this slug',
    attempt_not_found: 'The learner has no such attempt at the exam',
    nothing_to_grade: 'Neither a score nor counts are given',
    score_out_of_range: 'The score is higher or lower than the exam can give',
  },
  template: {
    examples: [
      { exam: 'algebra-1-midterm', learner_id: 'L-1002', correct: 28, incorrect: 10, unanswered: 2 },
      { exam: 'algebra-1-essay', learner_id: 'L-1002', attempt: 1, score: 17.5, remarks: 'Well argued' },
    ],
    parameters: fillParameters,
    shown: SHOWN_COLUMNS,
    fill: submissionsToGrade,
  },
  run: async (records, { accountId, sql }) => await gradeSubmissions(records, accountId, sql),
});

async function gradeSubmissions(
  records: readonly OperationRecord<GradeInput>[],
  accountId: string,
  sql: TransactionSql,
): Promise<GradeResult[]> {
  const inputs = records.map(({ input }) => input);
  const slugs = [...new Set(inputs.map(({ exam }) => exam))];
  await holdExams(sql, accountId, slugs);
  const exams = await readExams(sql, accountId, slugs);
  const known = await lockAttempts(sql, accountId, inputs);

  const judged = inputs.map((input) => {
    const exam = exams.get(input.exam);
    if (exam === undefined) return examNotFound(input.exam, 'exam');
    return judgeGrade(input, exam, known.get(takerKey(input)) ?? []);
  });
  const graded = judged.flatMap((grade) => ('status' in grade ? [] : [grade]));
  const scores = await computeScores(sql, graded);
  const scoreOf = new Map(graded.map((grade, index) => [grade, scores[index]!]));
  await writeLast(sql, accountId, scoreOf);
  return judged.map((grade) => ('status' in grade ? grade : told(grade, scoreOf.get(grade)!)));
}

/** Of each attempt what its last record came to. */
async function writeLast(
  sql: TransactionSql,
  accountId: string,
  scoreOf: ReadonlyMap<GradedAttempt, Score>,
): Promise<void> {
  const grades = new Map<StoredAttempt, Grade>();
  for (const [{ attempt, counts }, score] of scoreOf) grades.set(attempt, { ...attempt, counts, score });
  if (grades.size > 0) await writeGrades(sql, accountId, [...grades.values()]);
}

function told({ attempt, regraded }: GradedAttempt, { score, most, percentage }: Score): GradeResult {
  const { exam, learner_id, number } = attempt;
  return succeeded({
    exam,
    learner_id,
    attempt: number,
    score: Number(score),
    max_score: most === null ? null : Number(most),
    percentage: percentage === null ? null : Number(percentage),
    regraded,
  });
}
