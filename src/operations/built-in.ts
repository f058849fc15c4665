import type { Operation } from '../core/operation.ts';
import { addQuestion } from './training/add-question.ts';
import { createCohort } from './training/create-cohort.ts';
import { createExam } from './training/create-exam.ts';
import { createLearner } from './training/create-learner.ts';
import { deleteCohort } from './training/delete-cohort.ts';
import { enrollLearner } from './training/enroll-learner.ts';
import { gradeSubmission } from './training/grade-submission.ts';
import { publishCohort } from './training/publish-cohort.ts';
import { recordAttempt } from './training/record-attempt.ts';
import { updateCohort } from './training/update-cohort.ts';
import { updateExam } from './training/update-exam.ts';
import { withdrawLearner } from './training/withdraw-learner.ts';

/** The operations that every Sheaf has. */
export const BUILT_IN_OPERATIONS: readonly Operation[] = [
  createLearner,
  createCohort,
  updateCohort,
  deleteCohort,
  publishCohort,
  enrollLearner,
  withdrawLearner,
  createExam,
  updateExam,
  addQuestion,
  recordAttempt,
  gradeSubmission,
];
