import { type Caller, isAllowed } from '../../core/access.ts';
import { RequestError } from '../../core/errors.ts';
import type { ExamReads, ShownExam } from '../../operations/training/reads/exam-reads.ts';
import { accountOf } from '../account-of.ts';
import type { ApiServices } from '../api-services.ts';
import { callerOf } from '../plugins/access.ts';
import { answer, NoQuery } from '../schemas/component.ts';
import {
  type ExamDetail,
  ExamDetailSchema,
  type ExamPage,
  ExamPageSchema,
  ExamParams,
  ExamsQuery,
} from '../schemas/training-exam.ts';
import { askedPage, pageAnswer } from '../training-page.ts';
import type { ApiInstance } from '../typed-instance.ts';

export function trainingExamRoutes(app: ApiInstance, services: ApiServices): void {
  app.get(
    '/training/exams',
    {
      config: { permission: 'get_exams' },
      schema: {
        operationId: 'listExams',
        tags: ['Training'],
        summary: 'List the exams',
        description: 'Newest first, without their questions. Every filter that is given must fit.',
        querystring: ExamsQuery,
        response: { 200: answer('A page of exams', ExamPageSchema) },
      },
    },
    async (request): Promise<ExamPage> => {
      const { page: _, ...filters } = request.query;
      const { exams } = accountOf(request, services).training;
      return pageAnswer(request, await exams.list(filters, askedPage(request)));
    },
  );

  app.get(
    '/training/exams/:slug',
    {
      config: { permission: 'get_exam', errors: ['exam_not_found', 'exam_not_open'] },
      schema: {
        operationId: 'getExam',
        tags: ['Training'],
        summary: 'Look at an exam',
        description:
          'With its questions, and the attempts of the caller: those of the learner whose `learner_id` is the caller’s user name. It is open to whoever may run `update_exam`, and once it has started to a learner who is enrolled in a cohort of its course; to others it is 403.',
        params: ExamParams,
        querystring: NoQuery,
        response: { 200: answer('The exam', ExamDetailSchema) },
      },
    },
    async (request): Promise<ExamDetail> => {
      const caller = callerOf(request);
      const { exams } = accountOf(request, services).training;
      const exam = await openExam(exams, caller, request.params.slug);
      const [attempts, questions] = await Promise.all([
        exams.attempts(exam.slug, caller.user),
        exams.questions(exam.slug),
      ]);
      const graded = attempts.some(({ state }) => state === 'graded');
      const shown = isStaff(caller) || (exam.show_answers && graded);
      return {
        ...exam,
        answers_shown: shown,
        attempts,
        questions: questions.map(({ answer, explanation, ...question }) =>
          shown ? { ...question, answer, explanation } : question,
        ),
      };
    },
  );
}

/** As `create_exam` takes them: what is no slug is not looked for. */
const SLUG = /^[A-Za-z0-9_-]{1,100}$/;

/** @throws {RequestError} exam_not_found, exam_not_open */
async function openExam(exams: ExamReads, caller: Caller, slug: string): Promise<ShownExam> {
  const exam = SLUG.test(slug) ? await exams.find(slug) : null;
  if (exam === null) {
    throw new RequestError('exam_not_found', 'there is no exam with this slug in the account');
  }
  if (isStaff(caller)) return exam;
  if (!(await exams.isEnrolled(exam.course, caller.user))) {
    const detail = `${caller.user} is not enrolled in a cohort of the course of this exam`;
    throw new RequestError('exam_not_open', detail);
  }
  if (exam.state === 'upcoming') throw new RequestError('exam_not_open', 'this exam has not started');
  return exam;
}

/** Whoever may change exams sees all of them, with their answers. */
function isStaff({ statements }: Caller): boolean {
  return isAllowed(statements, 'update_exam');
}
