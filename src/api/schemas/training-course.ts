import { type Static, Type } from 'typebox';
import { component } from './component.ts';
import { pageOf } from './training-page.ts';

export const CourseSchema = component(
  'Course',
  Type.Object(
    {
      course: Type.String({ description: 'Its name.' }),
      cohorts: Type.Integer({ minimum: 0, description: 'Cohorts that take it.' }),
      exams: Type.Integer({ minimum: 0, description: 'Exams about it.' }),
      enrolled: Type.Integer({
        minimum: 0,
        description: 'Enrolments in its cohorts; a learner of two of them counts twice.',
      }),
    },
    {
      description: 'A course: it is there as long as a cohort or an exam names it.',
      examples: [{ course: 'Algebra', cohorts: 2, exams: 1, enrolled: 57 }],
    },
  ),
);

export const CoursePageSchema = pageOf('CoursePage', CourseSchema, 'A page of courses, by name.');

export type CoursePage = Static<typeof CoursePageSchema>;
