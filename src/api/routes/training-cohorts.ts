import { RequestError } from '../../core/errors.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
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

export function trainingCohortRoutes(app: ApiInstance, services: ApiServices): void {
  listCohorts(app, services);
  oneCohort(app, services);

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
      pageAnswer(request, await accountOf(request, services).training.courses.list(askedPage(request))),
  );
}

function listCohorts(app: ApiInstance, services: ApiServices): void {
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
      const { cohorts } = accountOf(request, services).training;
      return pageAnswer(request, await cohorts.list(filters, askedPage(request)));
    },
  );
}

function oneCohort(app: ApiInstance, services: ApiServices): void {
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
      return (await accountOf(request, services).training.cohorts.find(id)) ?? notFound();
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
      const { cohorts } = accountOf(request, services).training;
      const learners = await cohorts.learners(id, askedPage(request));
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
