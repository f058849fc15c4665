import type { TransactionSql } from '../../../core/sql.ts';
import { type CohortReads, cohortReads } from './cohort-reads.ts';
import { type CourseReads, courseReads } from './course-reads.ts';
import { type ExamReads, examReads } from './exam-reads.ts';

/** What can be looked at of an account’s part of the training pack. */
export interface TrainingReads {
  cohorts: CohortReads;
  courses: CourseReads;
  exams: ExamReads;
}

/** @param sql each statement by itself: what two of them answer may be of two moments */
export function openTrainingReads(sql: TransactionSql, accountId: string): TrainingReads {
  return {
    cohorts: cohortReads(sql, accountId),
    courses: courseReads(sql, accountId),
    exams: examReads(sql, accountId),
  };
}
