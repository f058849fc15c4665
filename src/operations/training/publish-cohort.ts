import Type, { type Static } from 'typebox';
import { defineOperation } from '../../core/operation.ts';
import { type FinalResult, failed, succeeded } from '../../core/result.ts';
import { COHORT_FAILURES, cohortName, namingField } from './cohort-name.ts';
import { publishCohorts } from './cohort-store.ts';
import { type LockedCohort, lockCohorts } from './locked-cohorts.ts';

const output = Type.Object(
  {
    cohort_id: Type.String(),
    course: Type.String(),
    name: Type.String(),
    status: Type.Unsafe<'published'>({ type: 'string', enum: ['published'] }),
    learners: Type.Integer({ minimum: 0, description: 'How many are enrolled' }),
    notified: Type.Boolean({ description: 'Whether the event cohort.published was sent' }),
  },
  { additionalProperties: false },
);

const settings = Type.Object(
  {
    notify_applicable_users: Type.Boolean({
      default: true,
      description: 'Whether the event cohort.published is sent',
    }),
  },
  { additionalProperties: false },
);

/** Publishes drafts. Learners hear of it, so it is limited: 30 a minute, and who tries more waits for five. */
export const publishCohort = defineOperation({
  name: 'publish_cohort',
  version: 1,
  title: 'Publish cohorts',
  description:
    'Publishes the cohort that each record names, by cohort_id, or by course and cohort, and tells of it with the event cohort.published.',
  input: Type.Object(cohortName, { additionalProperties: false }),
  output,
  settings,
  failures: {
    ...COHORT_FAILURES,
    already_published: 'The cohort was published before',
  },
  limits: { rate: { records: 30, seconds: 60, per: 'account', lockSeconds: 300 } },
  template: {
    examples: [
      { course: 'Algebra', cohort: 'Spring 2027' },
      { cohort_id: '019b0b1e-7c3a-7d51-9f0e-3c5f8f6a2b10' },
    ],
  },
  run: async (records, { accountId, sql, emit, settings: { notify_applicable_users: notified } }) => {
    const cohorts = await lockCohorts(sql, accountId, records);
    const published: LockedCohort[] = [];
    const results = records.map(({ input }): FinalResult<Static<typeof output>> => {
      const found = cohorts.find(input);
      if ('failure' in found) return found.failure;
      const { cohort } = found;
      const { id: cohort_id, course, name, enrolled: learners } = cohort;
      if (cohort.status === 'published') {
        const message = `the cohort ${JSON.stringify(name)} is published already`;
        return failed('already_published', message, namingField(input));
      }
      cohort.status = 'published';
      published.push(cohort);
      return succeeded({ cohort_id, course, name, status: 'published', learners, notified });
    });
    await publishCohorts(
      sql,
      accountId,
      published.map(({ id }) => id),
    );
    if (notified) await emit(published.map(publishedEvent));
    return results;
  },
});

function publishedEvent({ id: cohort_id, course, name, enrolled: learners }: LockedCohort) {
  return { type: 'cohort.published', data: { cohort: { cohort_id, course, name }, learners } };
}
