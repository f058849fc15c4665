import { failed } from '../../core/result.ts';
import type { GradeInput } from './attempt-input.ts';
import type { StoredAttempt } from './attempt-store.ts';
import { type Counts, checkCounts } from './counts.ts';
import type { StoredExam } from './exam-store.ts';
import type { Graded } from './scores.ts';

/** What a record makes of an attempt. */
export interface GradedAttempt extends Graded {
  attempt: StoredAttempt;
  regraded: boolean;
}

type Failure = ReturnType<typeof failed<never>>;

/**
 * Takes one record after the other: what it says is noted in the attempt, as the next one finds it.
 * @param attempts of the learner at the exam, in the order of their numbers, which have no gaps
 */
export function judgeGrade(
  input: GradeInput,
  exam: StoredExam,
  attempts: readonly StoredAttempt[],
): GradedAttempt | Failure {
  const attempt = attempts[(input.attempt ?? attempts.length) - 1];
  if (attempt === undefined) return attemptNotFound(input);
  const { score = null } = input;
  const given = checkCounts(input, exam, { scored: score !== null });
  if (given !== null && 'status' in given) return given;
  if (score === null && given === null) {
    return failed('nothing_to_grade', 'give either a score or correct and incorrect', 'score');
  }
  const counts = given ?? attempt.counts;
  const failure = score === null ? undefined : scoreFailure(exam, counts, score);
  if (failure !== undefined) return failure;
  const regraded = attempt.state === 'graded';
  attempt.counts = counts;
  attempt.state = 'graded';
  attempt.remarks = input.remarks ?? attempt.remarks;
  return { exam, counts, score, attempt, regraded };
}

function attemptNotFound({ exam, learner_id, attempt }: GradeInput): Failure {
  const which = attempt === undefined ? 'no attempt' : `no attempt ${attempt}`;
  const message = `the learner "${learner_id}" has ${which} at the exam "${exam}"`;
  return failed('attempt_not_found', message, attempt === undefined ? 'learner_id' : 'attempt');
}

/** Both have at most fifteen digits: as doubles they are in the same order as the decimal numbers that they stand for. */
function scoreFailure(exam: StoredExam, counts: Counts | null, score: number): Failure | undefined {
  const wrong = (limit: string) =>
    failed<never>(
      'score_out_of_range',
      `the score "${score}" is ${limit} that the exam "${exam.slug}" gives`,
      'score',
    );
  const { most, least } = scoreRange(exam, counts);
  if (most !== null && score > most) return wrong(`above ${most}, the highest`);
  // Of 0 and its negative, which numbers compare as equal, the plain one is shown.
  if (least !== null && score < least) return wrong(`below ${least + 0}, the lowest`);
  return undefined;
}

/** `null`: no such bound is known. Without a number of its own the exam has as many questions as the counts come to. */
function scoreRange(
  { most, least, mark, negative }: StoredExam,
  counts: Counts | null,
): { most: number | null; least: number | null } {
  if (most !== null && least !== null) return { most: Number(most), least: Number(least) };
  if (counts === null) return { most: null, least: Number(negative) === 0 ? 0 : null };
  const total = counts.correct + counts.incorrect + counts.unanswered;
  return { most: times(mark, total), least: -times(negative, total) };
}

/** Exact for marks, which have two decimals. */
function times(marks: string, count: number): number {
  return (Math.round(Number(marks) * 100) * count) / 100;
}
