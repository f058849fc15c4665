import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildApi } from '../../src/api/app.ts';
import { ExamDetailSchema, ExamSchema } from '../../src/api/schemas/training-exam.ts';
import { addQuestion } from '../../src/operations/training/add-question.ts';
import { createCohort } from '../../src/operations/training/create-cohort.ts';
import { createExam } from '../../src/operations/training/create-exam.ts';
import { enrollLearner } from '../../src/operations/training/enroll-learner.ts';
import { gradeSubmission } from '../../src/operations/training/grade-submission.ts';
import { recordAttempt } from '../../src/operations/training/record-attempt.ts';
import { withdrawLearner } from '../../src/operations/training/withdraw-learner.ts';
import { testCaller } from '../support/caller.ts';
import { addAccount } from '../support/rows.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { clearTraining, openTraining, type Training } from '../support/training.ts';

/** The reads of exams over HTTP, on a real database, for staff and for learners. */

let sheaf: TestSheaf;
let training: Training;
let app: FastifyInstance;

const ajv = new Ajv2020({ strict: false });
const checks = { list: ajv.compile({ ...ExamSchema, additionalProperties: false }), detail: detailCheck() };

/** Nothing that is not described is answered, in the members neither. */
function detailCheck() {
  const closed = structuredClone(ExamDetailSchema) as unknown as {
    additionalProperties: false;
    properties: Record<'attempts' | 'questions', { items: { additionalProperties: false } }>;
  };
  closed.additionalProperties = false;
  closed.properties.attempts.items.additionalProperties = false;
  closed.properties.questions.items.additionalProperties = false;
  return ajv.compile(closed);
}

beforeAll(async () => {
  sheaf = await openTestSheaf();
  training = openTraining(sheaf);
  // Who calls is said as account, user and what the role allows.
  const authenticate = async (authorization = '') => {
    const [accountId = '', user = '', ...actions] = authorization.split(' ');
    return testCaller({ accountId, user, statements: [{ effect: 'allow', actions }] });
  };
  app = await buildApi({ ...sheaf.services, authenticator: { authenticate } });
});
afterAll(async () => {
  await app.close();
  await training.close();
  await sheaf.close();
});
beforeEach(async () => {
  await clearTraining(sheaf.sql);
  await training.addLearners('ada', 'bob', 'eve');
});

async function get(url: string, caller = 'tester get_* update_exam', account = sheaf.caller.accountId) {
  const response = await app.inject({
    method: 'GET',
    url,
    headers: { authorization: `${account} ${caller}` },
  });
  return { status: response.statusCode, body: response.json() };
}

const asLearner = (name: string) => `${name} get_exams get_exam`;

const exam = (slug: string, more: object = {}) => ({
  slug,
  title: `About ${slug}`,
  course: 'Algebra',
  ...more,
});
const PAST = '2020-01-01T00:00:00Z';
const FUTURE = '2999-01-01T00:00:00Z';

async function slugs(query = ''): Promise<string[]> {
  const { status, body } = await get(`/training/exams${query}`);
  expect(status).toBe(200);
  for (const result of body.results) expect(checks.list(result) || checks.list.errors).toBe(true);
  return body.results.map(({ slug }: { slug: string }) => slug);
}

describe('GET /training/exams', () => {
  it('has everything of an exam but its questions', async () => {
    const dates = { start_date: '2026-03-02T09:00:00.123956Z', end_date: FUTURE };
    const rules = { allow_retake: true, max_retakes: 2, show_answers: true, template_type: 'sectional' };
    await training.apply(createExam, [
      exam('full', {
        ...{ description: 'd', duration: 90, number_of_questions: 4, negative_marks: 0.25 },
        ...{ mark_per_question: 2.5, ...dates, ...rules },
      }),
    ]);
    await training.apply(addQuestion, [{ exam: 'full', question: 'Why?', type: 'text', marks: 10 }]);
    const { body } = await get('/training/exams');
    expect(body).toEqual({
      ...{ count: 1, next: null, previous: null, per_page: 20 },
      results: [
        {
          ...{ slug: 'full', title: 'About full', description: 'd', course: 'Algebra', state: 'available' },
          ...{ start_date: 1772442000.123, end_date: 32472144000, duration: 90, number_of_questions: 4 },
          ...{ question_count: 1, mark_per_question: 2.5, negative_marks: 0.25, max_score: 17.5, ...rules },
          ...{ created_at: expect.any(Number), modified_at: expect.any(Number) },
        },
      ],
    });
  });

  it('tells the state by the dates, and lists those in one', async () => {
    await training.apply(createExam, [
      exam('always'),
      exam('now', { start_date: PAST, end_date: FUTURE }),
      exam('soon', { start_date: FUTURE }),
      exam('over', { end_date: PAST }),
    ]);
    expect(await slugs('?state=available')).toEqual(['always', 'now']);
    expect(await slugs('?state=upcoming')).toEqual(['soon']);
    expect(await slugs('?state=history')).toEqual(['over']);
    const { body } = await get('/training/exams');
    expect(body.results.map(({ state }: { state: string }) => state)).toEqual([
      ...['available', 'available', 'history', 'upcoming'],
    ]);
  });

  it('lists by course, and by any text', async () => {
    await training.apply(createExam, [
      exam('a', { course: 'Physics', title: '100% sure' }),
      exam('b', { description: 'Of PHYSICISTS' }),
      exam('c_1'),
    ]);
    expect(await slugs('?course=Physics')).toEqual(['a']);
    expect(await slugs('?course=physics')).toEqual([]);
    expect(await slugs('?search=physic')).toEqual(['a', 'b']);
    expect(await slugs('?search=100%25')).toEqual(['a']);
    expect(await slugs('?search=%25')).toEqual(['a']);
    expect(await slugs('?search=_')).toEqual(['c_1']);
    expect(await slugs('?search=about%20B&course=Algebra&state=available')).toEqual(['b']);
  });

  it('has pages of 20, newest first, which lead to each other with the filters', async () => {
    const names = Array.from({ length: 45 }, (_, n) => `e${String(n).padStart(2, '0')}`);
    await training.apply(
      createExam,
      names.slice(0, 30).map((slug) => exam(slug)),
    );
    await training.apply(createExam, [
      exam('other', { course: 'x' }),
      ...names.slice(30).map((slug) => exam(slug)),
    ]);
    const seen: string[] = [];
    let next: string | null = '/training/exams?course=Algebra';
    const counts: number[] = [];
    while (next !== null) {
      const { body } = await get(next);
      counts.push(body.results.length);
      expect([body.count, body.per_page]).toEqual([45, 20]);
      seen.push(...body.results.map(({ slug }: { slug: string }) => slug));
      next = body.next;
    }
    expect(counts).toEqual([20, 20, 5]);
    expect(seen).toEqual([...names.slice(30), ...names.slice(0, 30)]);
    expect((await get('/training/exams?page=2')).body.previous).toBe('/training/exams?page=1');
    expect((await get('/training/exams?page=9')).body).toMatchObject({ count: 46, results: [], next: null });
  });

  it.each(['?state=open', '?page=0', '?page=x', '?course=', '?nothing=1', '?search=%00'])(
    'refuses %s',
    async (query) => {
      const { status, body } = await get(`/training/exams${query}`);
      expect([status, body.code]).toEqual([422, 'invalid_request']);
    },
  );

  it('has what belongs to the account, for whoever may see it', async () => {
    const other = await addAccount(sheaf.sql);
    await training.apply(createExam, [exam('a')]);
    expect((await get('/training/exams', 'x *', other)).body.count).toBe(0);
    expect((await get('/training/exams', 'x get_exam')).body.code).toBe('forbidden');
  });
});

describe('GET /training/exams/{slug}', () => {
  const detail = async (slug: string, caller?: string) => {
    const { status, body } = await get(`/training/exams/${slug}`, caller);
    if (status === 200) expect(checks.detail(body) || checks.detail.errors).toBe(true);
    return { status, body };
  };
  const enrol = (...learners: string[]) =>
    training.apply(
      enrollLearner,
      learners.map((learner_id) => ({ learner_id, course: 'Algebra', cohort: 'Spring' })),
    );

  beforeEach(async () => {
    await training.apply(createCohort, [{ course: 'Algebra', name: 'Spring' }]);
  });

  it('has the questions, with answers for staff', async () => {
    await training.apply(createExam, [exam('a', { mark_per_question: 2, negative_marks: 0.5 })]);
    await training.apply(addQuestion, [
      { exam: 'a', number: 2, question: '2 + 2?', type: 'number', answer: '4', marks: 1.25 },
      {
        ...{ exam: 'a', number: 1, question: 'Primes?', type: 'multiple', option_a: '2', option_b: '3' },
        ...{ answer: 'a,b', explanation: 'Both', negative_marks: 0 },
      },
    ]);
    const { body } = await detail('a');
    expect(body).toMatchObject({ question_count: 2, max_score: 3.25, answers_shown: true, attempts: [] });
    expect(body.questions).toEqual([
      {
        ...{
          number: 1,
          question: 'Primes?',
          type: 'multiple',
          options: ['2', '3'],
          marks: 2,
          negative_marks: 0,
        },
        ...{ answer: 'a;b', explanation: 'Both' },
      },
      {
        ...{ number: 2, question: '2 + 2?', type: 'number', options: [], marks: 1.25, negative_marks: 0.5 },
        ...{ answer: '4', explanation: null },
      },
    ]);
  });

  it('is open to learners of its course once it has started', async () => {
    await training.apply(createExam, [
      exam('open', { start_date: PAST }),
      exam('over', { end_date: PAST }),
      exam('soon', { start_date: FUTURE }),
      exam('other', { course: 'Physics' }),
    ]);
    await enrol('ada');
    const statuses = async (caller: string) =>
      await Promise.all(
        ['open', 'over', 'soon', 'other'].map(
          async (slug) => (await detail(slug, caller)).body.code ?? 'open',
        ),
      );
    const closed = 'exam_not_open';
    expect(await statuses(asLearner('ada'))).toEqual(['open', 'open', closed, closed]);
    expect(await statuses(asLearner('bob'))).toEqual([closed, closed, closed, closed]);
    expect(await statuses('staff get_exam update_exam')).toEqual(['open', 'open', 'open', 'open']);
    expect(await detail('soon', asLearner('ada'))).toMatchObject({
      status: 403,
      body: { code: 'exam_not_open', detail: 'this exam has not started' },
    });
    expect(await detail('open', asLearner('bob'))).toMatchObject({
      status: 403,
      body: { detail: 'bob is not enrolled in a cohort of the course of this exam' },
    });
    await training.apply(withdrawLearner, [{ learner_id: 'ada', course: 'Algebra', cohort: 'Spring' }]);
    expect(await statuses(asLearner('ada'))).toEqual([closed, closed, closed, closed]);
  });

  it('shows answers to a learner once an attempt is graded, if it does at all', async () => {
    await training.apply(createExam, [exam('shown', { show_answers: true }), exam('hidden')]);
    const question = { question: 'Why?', type: 'text', answer: 'secret', explanation: 'secret' };
    await training.apply(addQuestion, [
      { exam: 'shown', ...question },
      { exam: 'hidden', ...question },
    ]);
    await enrol('ada', 'bob');
    const shown = async (slug: string, learner: string) => {
      const { body } = await detail(slug, asLearner(learner));
      expect(JSON.stringify(body).includes('secret')).toBe(body.answers_shown);
      return body.answers_shown;
    };
    expect(await shown('shown', 'ada')).toBe(false);
    const taken = ['shown', 'hidden'].map((slug) => ({ exam: slug, learner_id: 'ada' }));
    await training.apply(recordAttempt, taken);
    expect(await shown('shown', 'ada')).toBe(false);
    await training.apply(
      gradeSubmission,
      taken.map((it) => ({ ...it, score: 1 })),
    );
    expect(await shown('shown', 'ada')).toBe(true);
    expect(await shown('shown', 'bob')).toBe(false);
    expect(await shown('hidden', 'ada')).toBe(false);
  });

  it('has the caller’s attempts, the latest first, with their ranks', async () => {
    await training.apply(createExam, [exam('a', { number_of_questions: 10, allow_retake: true }), exam('b')]);
    await enrol('ada', 'bob', 'eve');
    const times = { started_at: '2026-03-02T09:00:00Z', submitted_at: '2026-03-02T09:30:00.1239Z' };
    const attempt = (learner_id: string, correct: number) => ({
      exam: 'a',
      learner_id,
      correct,
      incorrect: 0,
    });
    await training.apply(recordAttempt, [
      { ...attempt('ada', 7), ...times },
      attempt('bob', 9),
      attempt('eve', 7),
      attempt('ada', 3),
      { exam: 'a', learner_id: 'ada' },
      { exam: 'b', learner_id: 'ada', correct: 10, incorrect: 0 },
    ]);
    await training.apply(gradeSubmission, [
      { exam: 'a', learner_id: 'ada', attempt: 2, score: 3, remarks: 'Hm' },
    ]);
    const { body } = await detail('a', asLearner('ada'));
    expect(body.attempts).toEqual([
      {
        ...{ attempt: 3, state: 'submitted', score: null, max_score: null, percentage: null, rank: null },
        ...{ correct: null, incorrect: null, unanswered: null, remarks: null, started_at: null },
        ...{ submitted_at: expect.any(Number), graded_at: null },
      },
      {
        ...{ attempt: 2, state: 'graded', score: 3, max_score: 10, percentage: 30, rank: 4 },
        ...{ correct: 3, incorrect: 0, unanswered: 7, remarks: 'Hm', started_at: null },
        ...{ submitted_at: expect.any(Number), graded_at: expect.any(Number) },
      },
      {
        ...{ attempt: 1, state: 'graded', score: 7, max_score: 10, percentage: 70, rank: 2 },
        ...{ correct: 7, incorrect: 0, unanswered: 3, remarks: null, started_at: 1772442000 },
        ...{ submitted_at: 1772443800.123, graded_at: expect.any(Number) },
      },
    ]);
    const ranks = async (learner: string) =>
      (await detail('a', asLearner(learner))).body.attempts.map(({ rank }: { rank: number }) => rank);
    expect([await ranks('bob'), await ranks('eve')]).toEqual([[1], [2]]);
    const told = await sheaf.sql`
      select rank() over (order by score desc)::int from attempts where exam = 'a' and state = 'graded' order by 1`;
    expect(told.map(({ rank }) => rank)).toEqual([1, 2, 2, 4]);
  });

  it.each(['none', 'A', '%00', 'a%2Fb', "'", '..', 'ä', 'x'.repeat(100)])('%s is not found', async (slug) => {
    await training.apply(createExam, [exam('a')]);
    const { status, body } = await detail(slug);
    expect([status, body.code]).toEqual([404, slug === '..' ? 'route_not_found' : 'exam_not_found']);
  });

  it('is not found in another account', async () => {
    const other = await addAccount(sheaf.sql);
    await training.apply(createExam, [exam('a')]);
    expect((await get('/training/exams/a', 'x *', other)).body.code).toBe('exam_not_found');
  });
});
