import { RequestError } from '../../core/errors.ts';
import type { ApiServices } from '../api-services.ts';
import { callerOf } from '../plugins/access.ts';
import { answer, NoQuery } from '../schemas/component.ts';
import {
  type Cohort,
  type CohortLearnerPage,
  CohortLearnerPageSchema,
  type CohortPage,
  CohortPageSchema,
  CohortParams,
  CohortSchema,
  CohortsQuery,
} from '../schemas/training-cohort.ts';
import { type CoursePage, CoursePageSchema } from '../schemas/training-course.ts';
import { PageQuery } from '../schemas/training-page.ts';
import { askedPage, pageAnswer } from '../training-page.ts';
import type { ApiInstance } from '../typed-instance.ts';
import { isUuid } from '../uuid.ts';

export function trainingCohortRoutes(app: ApiInstance, { training }: ApiServices): void {
  listCohorts(app, training);
  oneCohort(app, training);

  app.get(
    '/training/courses',
    {
      config: { permission: 'get_courses' },
      schema: {
        operationId: 'listCourses',
        tags: ['Training'],
        summary: 'List the courses',
        description: 'By name. A course is there as long as a cohort or an exam names it.',
        querystring: PageQuery,
        response: { 200: answer('A page of courses', CoursePageSchema) },
      },
    },
    async (request): Promise<CoursePage> =>
      pageAnswer(request, await training.courses.list(callerOf(request).accountId, askedPage(request))),
  );
}

function listCohorts(app: ApiInstance, training: ApiServices['training']): void {
  app.get(
    '/training/cohorts',
    {
      config: { permission: 'get_cohorts' },
      schema: {
        operationId: 'listCohorts',
        tags: ['Training'],
        summary: 'List the cohorts',
        description: 'Newest first. Every filter that is given must fit.',
        querystring: CohortsQuery,
        response: { 200: answer('A page of cohorts', CohortPageSchema) },
      },
    },
    async (request): Promise<CohortPage> => {
      const { page: _, ...filters } = request.query;
      const { accountId } = callerOf(request);
      return pageAnswer(request, await training.cohorts.list(accountId, filters, askedPage(request)));
    },
  );
}

function oneCohort(app: ApiInstance, training: ApiServices['training']): void {
  app.get(
    '/training/cohorts/:cohort_id',
    {
      config: { permission: 'get_cohort', errors: ['cohort_not_found'] },
      schema: {
        operationId: 'getCohort',
        tags: ['Training'],
        summary: 'Look at a cohort',
        params: CohortParams,
        querystring: NoQuery,
        response: { 200: answer('The cohort', CohortSchema) },
      },
    },
    async (request): Promise<Cohort> => {
      const id = cohortId(request.params.cohort_id);
      return (await training.cohorts.find(callerOf(request).accountId, id)) ?? notFound();
    },
  );

  app.get(
    '/training/cohorts/:cohort_id/learners',
    {
      config: { permission: 'get_cohort_learners', errors: ['cohort_not_found'] },
      schema: {
        operationId: 'listCohortLearners',
        tags: ['Training'],
        summary: 'List the learners of a cohort',
        description: 'By their ids.',
        params: CohortParams,
        querystring: PageQuery,
        response: { 200: answer('A page of learners', CohortLearnerPageSchema) },
      },
    },
    async (request): Promise<CohortLearnerPage> => {
      const id = cohortId(request.params.cohort_id);
      const { accountId } = callerOf(request);
      const learners = await training.cohorts.learners(accountId, id, askedPage(request));
      return pageAnswer(request, learners ?? notFound());
    },
  );
}

/** @throws {RequestError} cohort_not_found for what cannot be the id of a cohort */
function cohortId(text: string): string {
  return isUuid(text) ? text.toLowerCase() : notFound();
}

function notFound(): never {
  throw new RequestError('cohort_not_found', 'there is no cohort with this id in the account');
}
