import Type, { type Static } from 'typebox';
import { invalidRequest } from '../../core/errors.ts';
import { shortened } from '../../core/result.ts';
import type { TransactionSql } from '../../core/sql.ts';
import type { GradeInput } from './attempt-input.ts';

/** A file to fill in is made in memory, and graded by people. */
const MOST_ROWS = 50_000;

export const fillParameters = Type.Object(
  {
    exam: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: 'The slug of an exam: the file then has a row for each attempt that waits to be graded.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const SHOWN_COLUMNS = [
  { name: 'learner_name', description: 'Whose attempt it is' },
  { name: 'submitted_at', description: 'When it was submitted, in UTC' },
];

/** A row to be graded: what names the attempt, and what tells people whose it is. */
type SubmissionRow = Pick<GradeInput, 'exam' | 'learner_id' | 'attempt'> & {
  learner_name?: string;
  submitted_at?: string;
};

/**
 * The attempts at an exam that wait to be graded, by learner; without an exam nothing, so that the examples are shown.
 * @throws {RequestError} invalid_request
 */
export async function submissionsToGrade(
  { exam }: Static<typeof fillParameters>,
  { accountId, sql }: { accountId: string; sql: TransactionSql },
): Promise<readonly SubmissionRow[] | null> {
  if (exam === undefined) return null;
  const [known] = await sql<object>`
    select slug from exams where account_id = ${accountId}::uuid and slug = ${exam}`;
  if (known === undefined) {
    const message = `there is no exam with the slug "${shortened(exam)}"`;
    throw invalidRequest({ pointer: '?exam', code: 'not_allowed', message });
  }
  const rows = await sql<{ learner_id: string; attempt: number; name: string; submitted: string | null }>`
    select a.learner_id, a.number as attempt, concat_ws(' ', l.given_name, l.family_name) as name,
      to_char(a.submitted_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as submitted
    from attempts a left join learners l on l.account_id = a.account_id and l.learner_id = a.learner_id
    where a.account_id = ${accountId}::uuid and a.exam = ${exam} and a.state = 'submitted'
    order by a.learner_id, a.number limit ${MOST_ROWS + 1}`;
  if (rows.length > MOST_ROWS) {
    const message = `has more than ${MOST_ROWS} attempts to be graded: too many for one file to fill in`;
    throw invalidRequest({ pointer: '?exam', code: 'too_large', message });
  }
  return rows.map(({ learner_id, attempt, name, submitted }) => ({
    exam,
    learner_id,
    attempt,
    ...(name !== '' && { learner_name: name }),
    ...(submitted !== null && { submitted_at: submitted }),
  }));
}
