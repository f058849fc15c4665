import Type from 'typebox';
import { defineOperation } from '../../core/operation.ts';
import { type FinalResult, failed, succeeded } from '../../core/result.ts';
import { COHORT_FAILURES, cohortName, namingField } from './cohort-name.ts';
import { deleteCohorts } from './cohort-store.ts';
import { lockCohorts } from './locked-cohorts.ts';

const output = Type.Object(
  {
    cohort_id: Type.String(),
    withdrawn: Type.Integer({ minimum: 0, description: 'How many learners were enrolled' }),
  },
  { additionalProperties: false },
);

const settings = Type.Object(
  {
    with_enrollments: Type.Boolean({
      default: false,
      description: 'Whether cohorts with learners are deleted too; their learners are withdrawn',
    }),
  },
  { additionalProperties: false },
);

export const deleteCohort = defineOperation({
  name: 'delete_cohort',
  version: 1,
  title: 'Delete cohorts',
  description:
    'Deletes the cohort that each record names, by cohort_id, or by course and cohort; one with learners only with with_enrollments: true.',
  input: Type.Object(cohortName, { additionalProperties: false }),
  output,
  settings,
  failures: {
    ...COHORT_FAILURES,
    cohort_not_empty: 'Learners are enrolled in the cohort',
  },
  template: {
    examples: [
      { course: 'Algebra', cohort: 'Spring 2027' },
      { cohort_id: '019b0b1e-7c3a-7d51-9f0e-3c5f8f6a2b10' },
    ],
  },
  run: async (records, { accountId, sql, settings: { with_enrollments } }) => {
    const cohorts = await lockCohorts(sql, accountId, records);
    const deleted: string[] = [];
    const results = records.map(({ input }): FinalResult<{ cohort_id: string; withdrawn: number }> => {
      const found = cohorts.find(input);
      if ('failure' in found) return found.failure;
      const { cohort } = found;
      const { id: cohort_id, name, enrolled: withdrawn } = cohort;
      if (withdrawn > 0 && !with_enrollments) {
        const learners = withdrawn === 1 ? 'a learner' : `${withdrawn} learners`;
        const message = `the cohort ${JSON.stringify(name)} has ${learners}`;
        return failed('cohort_not_empty', message, namingField(input));
      }
      cohorts.remove(cohort);
      deleted.push(cohort_id);
      return succeeded({ cohort_id, withdrawn });
    });
    await deleteCohorts(sql, accountId, deleted);
    return results;
  },
});
