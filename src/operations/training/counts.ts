import { failed } from '../../core/result.ts';
import type { StoredExam } from './exam-store.ts';

/** How many questions of an attempt were answered, and how. */
export interface Counts {
  correct: number;
  incorrect: number;
  unanswered: number;
}

export const COUNT_FAILURES = {
  counts_incomplete: 'correct and incorrect are given together, and unanswered not without them',
  counts_too_high: 'The counts come to more than the exam has questions',
  score_needed: 'Questions of the exam have marks of their own, so that counts do not tell the score',
};

/**
 * The counts that a record gives, `null` if it gives none; a failure has a `status`.
 * @param scored whether the score is given as well
 */
export function checkCounts(
  input: Partial<Counts>,
  exam: StoredExam,
  { scored }: { scored: boolean },
): Counts | null | ReturnType<typeof failed<never>> {
  const { correct, incorrect, unanswered } = input;
  if (correct === undefined && incorrect === undefined && unanswered === undefined) return null;
  if (correct === undefined || incorrect === undefined) {
    const missing = correct === undefined ? 'correct' : 'incorrect';
    return failed('counts_incomplete', `${missing} must be given too`, missing);
  }
  if (exam.ownMarks && !scored) {
    const message = `questions of the exam "${exam.slug}" have marks of their own: give the score to grade_submission`;
    return failed('score_needed', message, 'correct');
  }
  const answered = correct + incorrect;
  const sum = answered + (unanswered ?? 0);
  if (exam.total !== null && sum > exam.total) {
    const message = `the counts come to ${sum}, but the exam "${exam.slug}" has ${exam.total} questions`;
    return failed('counts_too_high', message, 'correct');
  }
  return { correct, incorrect, unanswered: unanswered ?? (exam.total ?? answered) - answered };
}
