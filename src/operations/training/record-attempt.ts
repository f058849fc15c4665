import Type from 'typebox';
import { defineOperation, type OperationRecord } from '../../core/operation.ts';
import { failed, type RecordResult, succeeded } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import { type AttemptInput, attemptInput } from './attempt-input.ts';
import { insertAttempts, lastAttempts, lockLearners, type NewAttempt, takerKey } from './attempt-store.ts';
import { COUNT_FAILURES, checkCounts } from './counts.ts';
import { examNotFound } from './exam-not-found.ts';
import { shown } from './exam-rules.ts';
import { holdExams, readExams, type StoredExam } from './exam-store.ts';
import { computeScores } from './scores.ts';
import { sortableMoments } from './sortable-moments.ts';

const amount = Type.Union([Type.Number(), Type.Null()]);
const output = Type.Object(
  {
    exam: Type.String(),
    learner_id: Type.String(),
    attempt: Type.Integer(),
    state: Type.Union([Type.Literal('submitted'), Type.Literal('graded')]),
    score: amount,
    max_score: amount,
    percentage: amount,
  },
  { additionalProperties: false },
);
type AttemptResult = RecordResult<Type.Static<typeof output>>;

/** Records attempts. Several of one learner have numbers in the file's order, also within a chunk. */
export const recordAttempt = defineOperation({
  name: 'record_attempt',
  version: 1,
  title: 'Record attempts at exams',
  description:
    'Records that a learner took an exam: with counts of right and wrong answers it is graded at once, otherwise it waits for grade_submission.',
  input: attemptInput,
  output,
  failures: {
    ...COUNT_FAILURES,
    exam_not_found: 'There is no exam with this slug',
    learner_not_found: 'There is no learner with this learner_id',
    exam_not_open: 'The exam had not started, or was over, when the attempt was submitted',
    submitted_before_start: 'submitted_at is before started_at',
    retake_not_allowed: 'The learner has taken the exam, which cannot be taken again',
    retakes_used_up: 'The learner has taken the exam as often as it can be taken',
  },
  template: {
    examples: [
      {
        exam: 'algebra-1-midterm',
        learner_id: 'L-1001',
        started_at: '2026-03-02T09:05:00+01:00',
        submitted_at: '2026-03-02T10:20:00+01:00',
        correct: 31,
        incorrect: 6,
        unanswered: 3,
      },
      { exam: 'algebra-1-midterm', learner_id: 'L-1002', submitted_at: '2026-03-02T10:31:00+01:00' },
    ],
  },
  run: async (records, { accountId, sql }) => await recordAttempts(records, accountId, sql),
});

async function recordAttempts(
  records: readonly OperationRecord<AttemptInput>[],
  accountId: string,
  sql: TransactionSql,
): Promise<AttemptResult[]> {
  const inputs = records.map(({ input }) => input);
  const slugs = [...new Set(inputs.map(({ exam }) => exam))];
  await holdExams(sql, accountId, slugs);
  const exams = await readExams(sql, accountId, slugs);
  const learners = await lockLearners(sql, accountId, [
    ...new Set(inputs.map(({ learner_id }) => learner_id)),
  ]);
  const last = await lastAttempts(sql, accountId, inputs);
  const started = await sortableMoments(
    sql,
    inputs.map((input) => input.started_at),
  );
  const submitted = await sortableMoments(
    sql,
    inputs.map((input) => input.submitted_at),
    { absent: 'now' },
  );

  const attempts: (NewAttempt & { stored: StoredExam })[] = [];
  const judged = inputs.map((input, index) => {
    const exam = exams.get(input.exam);
    if (exam === undefined) return examNotFound(input.exam, 'exam');
    const { learner_id } = input;
    if (!learners.has(learner_id)) {
      return failed<never>(
        'learner_not_found',
        `there is no learner with the id "${learner_id}"`,
        'learner_id',
      );
    }
    const times = { started: started[index]!, submitted: submitted[index]! };
    const counts = checkCounts(input, exam, { scored: false });
    if (counts !== null && 'status' in counts) return counts;
    const before = last.get(takerKey(input)) ?? 0;
    const failure = timeFailure(exam, times) ?? retakeFailure(exam, learner_id, before);
    if (failure !== undefined) return failure;
    const number = before + 1;
    last.set(takerKey(input), number);
    const attempt = { exam: input.exam, learner_id, number, ...times, counts, score: null, stored: exam };
    attempts.push(attempt);
    return attempt;
  });
  await score(sql, attempts);
  if (attempts.length > 0) await insertAttempts(sql, accountId, attempts);
  return judged.map((attempt) => ('status' in attempt ? attempt : recorded(attempt)));
}

/** Gives those that have counts their scores. */
async function score(
  sql: TransactionSql,
  attempts: readonly (NewAttempt & { stored: StoredExam })[],
): Promise<void> {
  const counted = attempts.filter(({ counts }) => counts !== null);
  const graded = counted.map(({ stored, counts }) => ({ exam: stored, counts, score: null }));
  const scores = await computeScores(sql, graded);
  for (const [index, attempt] of counted.entries()) attempt.score = scores[index]!;
}

function recorded({ exam, learner_id, number, score }: NewAttempt): AttemptResult {
  return succeeded({
    exam,
    learner_id,
    attempt: number,
    state: score === null ? 'submitted' : 'graded',
    score: score === null ? null : Number(score.score),
    max_score: numberOf(score?.most),
    percentage: numberOf(score?.percentage),
  });
}

function numberOf(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

function timeFailure(
  { slug, starts, ends }: StoredExam,
  { started, submitted }: { started: string | null; submitted: string },
) {
  if (started !== null && submitted < started) {
    const message = `it was submitted at ${shown(submitted)}, before it was started at ${shown(started)}`;
    return failed<never>('submitted_before_start', message, 'submitted_at');
  }
  const closed =
    starts !== null && submitted < starts
      ? `starts at ${shown(starts)}`
      : ends !== null && submitted > ends
        ? `ended at ${shown(ends)}`
        : undefined;
  if (closed === undefined) return undefined;
  const message = `the exam "${slug}" ${closed}, and the attempt was submitted at ${shown(submitted)}`;
  return failed<never>('exam_not_open', message, 'submitted_at');
}

function retakeFailure({ slug, allowRetake, maxRetakes }: StoredExam, learner: string, before: number) {
  if (before > 0 && !allowRetake) {
    const message = `the learner "${learner}" has taken the exam "${slug}", which allows no retake`;
    return failed<never>('retake_not_allowed', message, 'learner_id');
  }
  if (maxRetakes === null || before <= maxRetakes) return undefined;
  const message = `the learner "${learner}" has taken the exam "${slug}" ${before} times, with all of its ${maxRetakes} retakes`;
  return failed<never>('retakes_used_up', message, 'learner_id');
}
