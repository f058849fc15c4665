import Type from 'typebox';
import { type FinalResult, failed } from '../../core/result.ts';

/** How a record names a cohort that is there: by its id, or by its course and its name in it. Both must agree if given. */
export interface NamedCohort {
  cohort_id?: string | undefined;
  course?: string | undefined;
  cohort?: string | undefined;
}

/** A course and a name are a key of an index together: longer ones would not fit into it. */
export const LONGEST_NAME = 200;

/** The fields of a record that names a cohort. */
export const cohortName = {
  cohort_id: Type.Optional(
    Type.String({ format: 'uuid', description: 'The id of the cohort; or else give course and cohort' }),
  ),
  course: Type.Optional(
    Type.String({ minLength: 1, maxLength: LONGEST_NAME, description: 'The course of the cohort' }),
  ),
  cohort: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: LONGEST_NAME,
      description: 'The name of the cohort in its course',
    }),
  ),
};

/** What a record that names a cohort can fail with. */
export const COHORT_FAILURES = {
  cohort_not_named: 'Neither cohort_id nor course and cohort are given',
  cohort_not_found: 'There is no such cohort',
  cohort_differs: 'cohort_id is the id of another cohort than the one that course and cohort name',
};

/** The id of a cohort as it is stored: RFC 9562 lets it be written in capitals, and as a URN. */
export function cohortId(text: string): string {
  return text.toLowerCase().replace('urn:uuid:', '');
}

/** One text for a course and a name in it, for maps. */
export function nameKey(course: string, name: string): string {
  return JSON.stringify([course, name]);
}

/** What is wrong with the way in which a record names its cohort, whatever is stored. */
export function namingFailure({ cohort_id, course, cohort }: NamedCohort): FinalResult<never> | undefined {
  if (cohort_id !== undefined || (course !== undefined && cohort !== undefined)) return undefined;
  const field = course !== undefined ? 'cohort' : cohort !== undefined ? 'course' : 'cohort_id';
  return failed('cohort_not_named', 'name the cohort: give cohort_id, or both course and cohort', field);
}

/** The field by which a record names its cohort, for what is said of the cohort. */
export function namingField({ cohort_id }: NamedCohort): 'cohort_id' | 'cohort' {
  return cohort_id === undefined ? 'cohort' : 'cohort_id';
}

export function notFound({ cohort_id, course, cohort }: NamedCohort): FinalResult<never> {
  return cohort_id !== undefined
    ? failed('cohort_not_found', `there is no cohort with the id ${JSON.stringify(cohort_id)}`, 'cohort_id')
    : failed(
        'cohort_not_found',
        `the course ${JSON.stringify(course)} has no cohort ${JSON.stringify(cohort)}`,
        'cohort',
      );
}

/** Whether the other way of naming it, if it is used too, means the same cohort. */
export function namesDiffer(
  { course, cohort }: NamedCohort,
  stored: { course: string; name: string },
): FinalResult<never> | undefined {
  const field =
    course !== undefined && course !== stored.course
      ? 'course'
      : cohort !== undefined && cohort !== stored.name
        ? 'cohort'
        : undefined;
  if (field === undefined) return undefined;
  const is = `${JSON.stringify(stored.name)} of the course ${JSON.stringify(stored.course)}`;
  return failed('cohort_differs', `the cohort with this cohort_id is ${is}`, field);
}
