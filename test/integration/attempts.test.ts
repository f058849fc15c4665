import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Operation } from '../../src/core/operation.ts';
import { addQuestion } from '../../src/operations/training/add-question.ts';
import { createExam } from '../../src/operations/training/create-exam.ts';
import { gradeSubmission } from '../../src/operations/training/grade-submission.ts';
import { recordAttempt } from '../../src/operations/training/record-attempt.ts';
import { updateExam } from '../../src/operations/training/update-exam.ts';
import { overlapping } from '../support/overlapping.ts';
import { addAccount } from '../support/rows.ts';
import type { TestSheaf } from '../support/sheaf.ts';
import { type Training, useTraining } from '../support/training.ts';

/** Recording and grading attempts, in transactions of their own, on a real database. */

let sheaf: TestSheaf;
let training: Training;

useTraining((opened) => ({ sheaf, training } = opened), { sessions: 12 });
beforeEach(() => training.addLearners('ada', 'bob', 'eve'));

const START = '2026-03-02T09:00:00.5Z';
const END = '2026-03-06T18:00:00Z';

async function addExam(slug: string, more: object = {}): Promise<void> {
  const exam = { slug, title: slug, course: 'Algebra', ...more };
  expect(await training.codes(createExam, [exam])).toEqual(['ok']);
}

const attempt = (exam: string, learner_id: string, more: object = {}) => ({ exam, learner_id, ...more });
const counted = (
  exam: string,
  learner_id: string,
  correct: number,
  incorrect: number,
  more: object = {},
) => ({
  ...attempt(exam, learner_id, { correct, incorrect }),
  ...more,
});

/** Of each record what it answered, or the failure. */
async function answers(operation: Operation, inputs: readonly object[]): Promise<unknown[]> {
  const results = await training.apply(operation, inputs);
  return results.map((result) => (result.status === 'succeeded' ? result.output : result.error));
}

async function said(operation: Operation, input: object): Promise<unknown> {
  return (await answers(operation, [input]))[0];
}

const stored = async () =>
  await sheaf.sql`
    select exam, learner_id, number, state, correct, incorrect, unanswered, score, max_score, percentage
    from attempts order by exam, learner_id, number`;

describe('record_attempt', () => {
  it('with counts is graded, without it waits to be', async () => {
    await addExam('a', { number_of_questions: 40, mark_per_question: 2.5, negative_marks: 0.5 });
    const times = { started_at: '2026-03-02T10:00:00+01:00', submitted_at: '2026-03-02T10:30:00.123456Z' };
    expect(await answers(recordAttempt, [counted('a', 'ada', 31, 6, times), attempt('a', 'bob')])).toEqual([
      {
        ...{ exam: 'a', learner_id: 'ada', attempt: 1, state: 'graded' },
        ...{ score: 74.5, max_score: 100, percentage: 74.5 },
      },
      {
        ...{ exam: 'a', learner_id: 'bob', attempt: 1, state: 'submitted' },
        ...{ score: null, max_score: null, percentage: null },
      },
    ]);
    const rows = await sheaf.sql`
      select state, unanswered, score, max_score, percentage, graded_at is not null as graded,
        started_at = '2026-03-02T09:00:00Z' as started, submitted_at = '2026-03-02T10:30:00.123456Z' as submitted,
        abs(extract(epoch from submitted_at - created_at)) < 1 as now
      from attempts order by learner_id`;
    expect(rows).toEqual([
      {
        ...{ state: 'graded', unanswered: 3, score: '74.50', max_score: '100.00', percentage: '74.50' },
        ...{ graded: true, started: true, submitted: true, now: false },
      },
      {
        ...{ state: 'submitted', unanswered: null, score: null, max_score: null, percentage: null },
        ...{ graded: false, started: null, submitted: false, now: true },
      },
    ]);
  });

  it('takes as the number of questions what is stated, else those there are, else those counted', async () => {
    await addExam('stated', { number_of_questions: 10 });
    await addExam('added');
    await addExam('neither', { mark_per_question: 2 });
    const question = { question: 'Why?', type: 'text' };
    const questions = ['stated', 'added', 'added', 'added'].map((exam) => ({ exam, ...question }));
    expect(await training.codes(addQuestion, questions)).toEqual(Array(4).fill('ok'));
    const results = await answers(recordAttempt, [
      counted('stated', 'ada', 4, 1),
      counted('added', 'ada', 2, 0),
      counted('neither', 'ada', 3, 0, { unanswered: 1 }),
      counted('neither', 'bob', 0, 0),
    ]);
    expect(results).toMatchObject([
      { score: 4, max_score: 10, percentage: 40 },
      { score: 2, max_score: 3, percentage: 66.67 },
      { score: 6, max_score: 8, percentage: 75 },
      { score: 0, max_score: 0, percentage: null },
    ]);
    expect((await stored()).map(({ unanswered }) => unanswered)).toEqual([1, 1, 0, 5]);
  });

  it.each<[object, object, object]>([
    [
      {},
      counted('none', 'ada', 1, 0),
      { code: 'exam_not_found', message: 'there is no exam with the slug "none"', field: 'exam' },
    ],
    [
      {},
      attempt('a', 'nobody'),
      { code: 'learner_not_found', message: 'there is no learner with the id "nobody"', field: 'learner_id' },
    ],
    [
      {},
      counted('a', 'ada', 8, 2, { unanswered: 1 }),
      {
        code: 'counts_too_high',
        message: 'the counts come to 11, but the exam "a" has 10 questions',
        field: 'correct',
      },
    ],
    [{}, counted('a', 'ada', 11, 0), { code: 'counts_too_high' }],
    [
      {},
      attempt('a', 'ada', { correct: 3 }),
      { code: 'counts_incomplete', message: 'incorrect must be given too', field: 'incorrect' },
    ],
    [{}, attempt('a', 'ada', { unanswered: 3 }), { code: 'counts_incomplete', field: 'correct' }],
    [
      {},
      attempt('a', 'ada', {
        started_at: '2026-03-02T10:00:00.000001Z',
        submitted_at: '2026-03-02T11:00:00+01:00',
      }),
      {
        code: 'submitted_before_start',
        message:
          'it was submitted at 2026-03-02T10:00:00Z, before it was started at 2026-03-02T10:00:00.000001Z',
        field: 'submitted_at',
      },
    ],
    [
      { start_date: START, end_date: END },
      attempt('a', 'ada', { submitted_at: '2026-03-02T09:00:00.499999Z' }),
      {
        code: 'exam_not_open',
        message: `the exam "a" starts at ${START}, and the attempt was submitted at 2026-03-02T09:00:00.499999Z`,
        field: 'submitted_at',
      },
    ],
    [
      { start_date: START, end_date: END },
      attempt('a', 'ada', { submitted_at: '2026-03-06T19:00:00.000001+01:00' }),
      { code: 'exam_not_open', field: 'submitted_at' },
    ],
    [{ end_date: '2020-01-01T00:00:00Z' }, attempt('a', 'ada'), { code: 'exam_not_open' }],
    [{ start_date: '2999-01-01T00:00:00Z' }, attempt('a', 'ada'), { code: 'exam_not_open' }],
  ])('of an exam with %j fails %j', async (more, input, failure) => {
    await addExam('a', { number_of_questions: 10, ...more });
    expect(await said(recordAttempt, input)).toMatchObject(failure);
    expect(await stored()).toEqual([]);
  });

  it.each([START, END, '2026-03-04T00:00:00+14:00'])('is within the dates at %s', async (submitted_at) => {
    await addExam('a', { start_date: START, end_date: END });
    expect(await said(recordAttempt, attempt('a', 'ada', { submitted_at }))).toMatchObject({ attempt: 1 });
  });

  it('says that counts do not do where questions have marks of their own', async () => {
    await addExam('a', { mark_per_question: 2 });
    await training.apply(addQuestion, [{ exam: 'a', question: 'Why?', type: 'text', marks: 2 }]);
    expect(await said(recordAttempt, counted('a', 'ada', 1, 0))).toMatchObject({ score: 2, max_score: 2 });
    await training.apply(addQuestion, [{ exam: 'a', question: 'How?', type: 'text', marks: 5 }]);
    expect(await said(recordAttempt, counted('a', 'bob', 1, 0))).toEqual({
      code: 'score_needed',
      message: 'questions of the exam "a" have marks of their own: give the score to grade_submission',
      field: 'correct',
    });
    expect(await said(recordAttempt, attempt('a', 'bob'))).toMatchObject({ state: 'submitted' });
  });

  it('numbers attempts in the file’s order, and goes by what retakes are allowed', async () => {
    await addExam('once');
    await addExam('thrice', { allow_retake: true, max_retakes: 2 });
    await addExam('free', { allow_retake: true });
    const results = await training.apply(recordAttempt, [
      counted('thrice', 'ada', 1, 0),
      attempt('once', 'ada'),
      attempt('thrice', 'ada', { correct: 1 }),
      counted('thrice', 'ada', 2, 0),
      attempt('once', 'ada'),
      counted('thrice', 'bob', 9, 0),
      counted('thrice', 'ada', 3, 0),
      counted('thrice', 'ada', 4, 0),
      ...Array.from({ length: 5 }, () => attempt('free', 'ada')),
    ]);
    const words = results.map((it) =>
      it.status === 'succeeded' ? (it.output as { attempt: number }).attempt : it.error.code,
    );
    expect(words).toEqual([
      ...[1, 1, 'counts_incomplete', 2, 'retake_not_allowed', 1, 3, 'retakes_used_up'],
      ...[1, 2, 3, 4, 5],
    ]);
    const [once, ada] = await answers(recordAttempt, [attempt('once', 'ada'), attempt('thrice', 'ada')]);
    expect(once).toEqual({
      code: 'retake_not_allowed',
      message: 'the learner "ada" has taken the exam "once", which allows no retake',
      field: 'learner_id',
    });
    expect(ada).toEqual({
      code: 'retakes_used_up',
      message: 'the learner "ada" has taken the exam "thrice" 3 times, with all of its 2 retakes',
      field: 'learner_id',
    });
    const scores = await sheaf.sql`
      select number, score from attempts where exam = 'thrice' and learner_id = 'ada' order by number`;
    expect(scores.map(({ score }) => score)).toEqual(['1.00', '2.00', '3.00']);
  });

  it('holds the limits of retakes however many sessions record at once', async () => {
    await addExam('once');
    await addExam('four', { allow_retake: true, max_retakes: 3 });
    const recording = Array.from({ length: 12 }, (_, n) => {
      const inputs = ['ada', 'bob', 'eve'].flatMap((id) => [attempt('once', id), attempt('four', id)]);
      return training.codes(recordAttempt, n % 2 ? inputs : inputs.toReversed());
    });
    const codes = (await Promise.all(recording)).flat();
    expect(codes.filter((code) => code === 'ok')).toHaveLength(3 * (1 + 4));
    expect(codes.filter((code) => code === 'retake_not_allowed')).toHaveLength(3 * 11);
    expect(codes.filter((code) => code === 'retakes_used_up')).toHaveLength(3 * 8);
    const rows = await sheaf.sql`
      select exam, count(*)::int, max(number) from attempts group by exam, learner_id order by exam`;
    expect(rows).toEqual([
      ...Array(3).fill({ exam: 'four', count: 4, max: 4 }),
      ...Array(3).fill({ exam: 'once', count: 1, max: 1 }),
    ]);
  });

  it('waits for whoever changes the exam, and goes by what was made of it', async () => {
    await addExam('a', { allow_retake: true });
    await training.apply(recordAttempt, [attempt('a', 'ada')]);
    const [changed, recorded] = await overlapping(
      sheaf,
      (beforeCommit) => training.codes(updateExam, [{ slug: 'a', allow_retake: false }], { beforeCommit }),
      () => training.codes(recordAttempt, [attempt('a', 'ada'), attempt('a', 'bob')]),
    );
    expect(changed).toEqual(['ok']);
    expect(recorded).toEqual(['retake_not_allowed', 'ok']);
  });

  it('knows what is of its own account only', async () => {
    const other = await addAccount(sheaf.sql);
    await addExam('a');
    expect(await training.codes(recordAttempt, [attempt('a', 'ada')], { accountId: other })).toEqual([
      'exam_not_found',
    ]);
    await training.apply(createExam, [{ slug: 'a', title: 'x', course: 'y' }], { accountId: other });
    expect(await training.codes(recordAttempt, [attempt('a', 'ada')], { accountId: other })).toEqual([
      'learner_not_found',
    ]);
  });
});

describe('grade_submission', () => {
  beforeEach(() => addExam('a', { number_of_questions: 10, mark_per_question: 2, negative_marks: 0.5 }));

  it('grades by counts or by a score, and says when it was graded before', async () => {
    await training.apply(recordAttempt, [attempt('a', 'ada'), attempt('a', 'bob')]);
    const first = await answers(gradeSubmission, [
      counted('a', 'ada', 6, 3, { remarks: 'good' }),
      attempt('a', 'bob', { score: 12.25 }),
    ]);
    expect(first).toEqual([
      {
        exam: 'a',
        learner_id: 'ada',
        attempt: 1,
        score: 10.5,
        max_score: 20,
        percentage: 52.5,
        regraded: false,
      },
      {
        exam: 'a',
        learner_id: 'bob',
        attempt: 1,
        score: 12.25,
        max_score: 20,
        percentage: 61.25,
        regraded: false,
      },
    ]);
    expect(await said(gradeSubmission, attempt('a', 'ada', { score: 11 }))).toMatchObject({
      ...{ score: 11, percentage: 55, regraded: true },
    });
    const rows = await sheaf.sql`
      select learner_id, state, correct, incorrect, unanswered, score, max_score, percentage, remarks,
        graded_at is not null as graded from attempts order by learner_id`;
    expect(rows).toEqual([
      {
        ...{ learner_id: 'ada', state: 'graded', correct: 6, incorrect: 3, unanswered: 1, score: '11.00' },
        ...{ max_score: '20.00', percentage: '55.00', remarks: 'good', graded: true },
      },
      {
        ...{
          learner_id: 'bob',
          state: 'graded',
          correct: null,
          incorrect: null,
          unanswered: null,
          score: '12.25',
        },
        ...{ max_score: '20.00', percentage: '61.25', remarks: null, graded: true },
      },
    ]);
  });

  it('grades the attempt that is named, else the latest', async () => {
    await training.apply(updateExam, [{ slug: 'a', allow_retake: true }]);
    await training.apply(recordAttempt, Array(3).fill(attempt('a', 'ada')));
    await training.apply(gradeSubmission, [attempt('a', 'ada', { attempt: 1, score: 1 })]);
    await training.apply(gradeSubmission, [attempt('a', 'ada', { score: 3 })]);
    expect((await stored()).map(({ score, state }) => [score, state])).toEqual([
      ['1.00', 'graded'],
      [null, 'submitted'],
      ['3.00', 'graded'],
    ]);
  });

  it('takes records of the same attempt one after the other', async () => {
    await training.apply(recordAttempt, [attempt('a', 'ada')]);
    const results = await answers(gradeSubmission, [
      counted('a', 'ada', 4, 0, { remarks: 'first' }),
      attempt('a', 'ada', { score: 99 }),
      attempt('a', 'ada', { score: 7, attempt: 1 }),
    ]);
    expect(results).toMatchObject([
      { score: 8, regraded: false },
      { code: 'score_out_of_range' },
      { score: 7, regraded: true },
    ]);
    const [row] = await sheaf.sql`select correct, score, remarks from attempts`;
    expect(row).toEqual({ correct: 4, score: '7.00', remarks: 'first' });
  });

  it.each<[object, object]>([
    [attempt('none', 'ada', { score: 1 }), { code: 'exam_not_found', field: 'exam' }],
    [
      attempt('a', 'eve', { score: 1 }),
      {
        code: 'attempt_not_found',
        message: 'the learner "eve" has no attempt at the exam "a"',
        field: 'learner_id',
      },
    ],
    [
      attempt('a', 'ada', { score: 1, attempt: 2 }),
      {
        code: 'attempt_not_found',
        message: 'the learner "ada" has no attempt 2 at the exam "a"',
        field: 'attempt',
      },
    ],
    [attempt('a', 'ada', { remarks: 'x' }), { code: 'nothing_to_grade', field: 'score' }],
    [attempt('a', 'ada', { correct: 1 }), { code: 'counts_incomplete', field: 'incorrect' }],
    [counted('a', 'ada', 6, 5), { code: 'counts_too_high' }],
    [
      attempt('a', 'ada', { score: 20.01 }),
      {
        code: 'score_out_of_range',
        message: 'the score "20.01" is above 20, the highest that the exam "a" gives',
        field: 'score',
      },
    ],
    [
      attempt('a', 'ada', { score: -5.01 }),
      {
        code: 'score_out_of_range',
        message: 'the score "-5.01" is below -5, the lowest that the exam "a" gives',
      },
    ],
  ])('fails %j', async (input, failure) => {
    await training.apply(recordAttempt, [attempt('a', 'ada')]);
    expect(await said(gradeSubmission, input)).toMatchObject(failure);
    expect(await stored()).toMatchObject([{ state: 'submitted', score: null }]);
  });

  it.each([20, -5, 0])('takes the score %d', async (score) => {
    await training.apply(recordAttempt, [attempt('a', 'ada')]);
    expect(await said(gradeSubmission, attempt('a', 'ada', { score }))).toMatchObject({ score });
  });

  it('goes by the marks that questions have of their own', async () => {
    await addExam('own', { number_of_questions: 3, negative_marks: 0.25 });
    const question = { exam: 'own', question: 'Why?', type: 'text' };
    await training.apply(addQuestion, [
      { ...question, marks: 10, negative_marks: 4 },
      { ...question, negative_marks: 0 },
    ]);
    await training.apply(recordAttempt, [attempt('own', 'ada')]);
    expect(await training.codes(gradeSubmission, [counted('own', 'ada', 1, 1)])).toEqual(['score_needed']);
    const over = await answers(gradeSubmission, [
      attempt('own', 'ada', { score: 12.01 }),
      attempt('own', 'ada', { score: -4.26 }),
    ]);
    expect(over).toMatchObject(Array(2).fill({ code: 'score_out_of_range' }));
    expect(await said(gradeSubmission, counted('own', 'ada', 2, 1, { score: 10.75 }))).toMatchObject({
      ...{ score: 10.75, max_score: 12, percentage: 89.58 },
    });
    expect(await stored()).toMatchObject([{ correct: 2, incorrect: 1, unanswered: 0 }]);
  });

  it('keeps what it does not know unknown', async () => {
    await addExam('vague');
    await training.apply(recordAttempt, [attempt('vague', 'ada'), counted('vague', 'bob', 3, 1)]);
    const results = await answers(gradeSubmission, [
      attempt('vague', 'ada', { score: 17.5 }),
      attempt('vague', 'ada', { score: -0.01 }),
      attempt('vague', 'bob', { score: 2 }),
    ]);
    expect(results).toMatchObject([
      { score: 17.5, max_score: null, percentage: null },
      {
        code: 'score_out_of_range',
        message: 'the score "-0.01" is below 0, the lowest that the exam "vague" gives',
      },
      { score: 2, max_score: 4, percentage: 50 },
    ]);
  });

  it('takes no score beyond what the counts come to, where the exam does not say how many questions it has', async () => {
    await addExam('vague', { mark_per_question: 0.07, negative_marks: 0.01 });
    await training.apply(recordAttempt, [attempt('vague', 'ada'), counted('vague', 'bob', 2, 1)]);
    const results = await answers(gradeSubmission, [
      counted('vague', 'ada', 1, 2, { score: 10_000_000 }),
      counted('vague', 'ada', 1, 2, { score: 0.22 }),
      counted('vague', 'ada', 1, 2, { score: 0.21 }),
      attempt('vague', 'bob', { score: 0.22 }),
      attempt('vague', 'bob', { score: -0.04 }),
      attempt('vague', 'bob', { score: -0.03 }),
    ]);
    const outside = { code: 'score_out_of_range', field: 'score' };
    expect(results).toMatchObject([
      { ...outside, message: 'the score "10000000" is above 0.21, the highest that the exam "vague" gives' },
      outside,
      { score: 0.21, max_score: 0.21, percentage: 100 },
      outside,
      { ...outside, message: 'the score "-0.04" is below -0.03, the lowest that the exam "vague" gives' },
      { score: -0.03, max_score: 0.21, percentage: -14.29 },
    ]);
  });

  it('leaves what is graded as it is when the exam changes, until it is graded again', async () => {
    await training.apply(recordAttempt, [counted('a', 'ada', 5, 0)]);
    await training.apply(updateExam, [{ slug: 'a', mark_per_question: 3 }]);
    expect(await stored()).toMatchObject([{ score: '10.00', max_score: '20.00' }]);
    expect(await said(gradeSubmission, counted('a', 'ada', 5, 0))).toMatchObject({
      score: 15,
      max_score: 30,
    });
  });

  it('grades the same attempts in many sessions, one after the other', async () => {
    await training.apply(recordAttempt, [attempt('a', 'ada'), attempt('a', 'bob')]);
    const grading = Array.from({ length: 12 }, (_, n) => {
      const inputs = [attempt('a', 'ada', { score: n }), attempt('a', 'bob', { score: n })];
      return answers(gradeSubmission, n % 2 ? inputs : inputs.toReversed());
    });
    const outputs = (await Promise.all(grading)).flat() as { regraded: boolean }[];
    expect(outputs.filter(({ regraded }) => regraded === false)).toHaveLength(2);
    const rows = await sheaf.sql`select distinct score from attempts`;
    expect(rows).toHaveLength(1);
  });
});

describe('the file to fill in for grading', () => {
  const fill = async (parameters: object) =>
    await gradeSubmission.template!.fill!(parameters as Record<string, unknown>, {
      accountId: sheaf.caller.accountId,
      sql: (strings, ...values) => sheaf.sql(strings, ...(values as string[])) as never,
    });

  it('has a row for each attempt that waits, which is graded once it is filled in', async () => {
    await addExam('a', { number_of_questions: 10, allow_retake: true });
    await addExam('b');
    await sheaf.sql`update learners set given_name = 'Ada', family_name = 'King' where learner_id = 'ada'`;
    await training.apply(recordAttempt, [
      attempt('a', 'eve', { submitted_at: '2026-03-02T10:00:00+01:00' }),
      attempt('a', 'ada', { submitted_at: '2026-03-02T10:00:00Z' }),
      counted('a', 'bob', 1, 1),
      attempt('a', 'ada', { submitted_at: '2026-03-03T10:00:00Z' }),
      attempt('b', 'bob'),
    ]);
    const rows = await fill({ exam: 'a' });
    const ada = { exam: 'a', learner_id: 'ada', learner_name: 'Ada King' };
    expect(rows).toEqual([
      { ...ada, attempt: 1, submitted_at: '2026-03-02T10:00:00Z' },
      { ...ada, attempt: 2, submitted_at: '2026-03-03T10:00:00Z' },
      { exam: 'a', learner_id: 'eve', attempt: 1, submitted_at: '2026-03-02T09:00:00Z' },
    ]);
    const shown = gradeSubmission.template!.shown!.map(({ name }) => name);
    expect(shown).toEqual(['learner_name', 'submitted_at']);
    const filled = rows!.map((row, index) => {
      const fields = Object.entries(row).filter(([name]) => !shown.includes(name));
      return { ...Object.fromEntries(fields), score: index };
    });
    expect(await training.codes(gradeSubmission, filled)).toEqual(['ok', 'ok', 'ok']);
    expect(await fill({ exam: 'a' })).toEqual([]);
  });

  it('says so when there are more attempts than a file can have', async () => {
    await addExam('a');
    const fillUp = (count: number) => sheaf.sql`
      insert into attempts (account_id, exam, learner_id, number, state)
      select ${sheaf.caller.accountId}, 'a', 'ada', n, 'submitted' from generate_series(1, ${count}::int) n
      on conflict do nothing`;
    await fillUp(50_000);
    expect(await fill({ exam: 'a' })).toHaveLength(50_000);
    await fillUp(50_001);
    await expect(fill({ exam: 'a' })).rejects.toMatchObject({
      errors: [{ pointer: '?exam', code: 'too_large' }],
    });
  });

  it('has the examples where no exam is named, and names one that is not there', async () => {
    expect(await fill({})).toBeNull();
    await expect(fill({ exam: 'none' })).rejects.toMatchObject({
      code: 'invalid_request',
      errors: [{ pointer: '?exam', code: 'not_allowed', message: 'there is no exam with the slug "none"' }],
    });
  });
});

describe('the statements of a call', () => {
  it('are as few for thousands of records as for one', async () => {
    const many = Array.from({ length: 3000 }, (_, n) => `l${n}`);
    await training.addLearners(...many);
    await addExam('a', { number_of_questions: 10, allow_retake: true });
    await addExam('b', { allow_retake: true });
    const times = { started_at: '2026-01-01T00:00:00Z', submitted_at: '2026-01-01T01:00:00Z' };
    const recording = await training.statements(recordAttempt, [counted('a', 'ada', 1, 1, times)]);
    expect(recording).toBeLessThanOrEqual(8);
    const attempts = many.flatMap((id) => [counted('a', id, 1, 1, times), counted('b', 'ada', 1, 1, times)]);
    expect(await training.statements(recordAttempt, attempts)).toBe(recording);

    const grading = await training.statements(gradeSubmission, [counted('a', 'ada', 1, 1)]);
    expect(grading).toBeLessThanOrEqual(5);
    const grades = many.flatMap((id) => [counted('a', id, 2, 1), attempt('a', id, { score: 1 })]);
    expect(await training.statements(gradeSubmission, grades)).toBe(grading);
  });
});

/** `units` of a hundredth, as a decimal number. */
const hundredths = (units: bigint) => Number(units) / 100;

/** Half a hundredth goes away from zero, as people round. */
function percentageOf(score: bigint, most: bigint): number | null {
  if (most <= 0n) return null;
  const magnitude = ((score < 0n ? -score : score) * 20_000n + most) / (2n * most);
  const percentage = score < 0n ? -magnitude : magnitude;
  return hundredths(percentage < -999_999n ? -999_999n : percentage);
}

describe('scores', () => {
  const number = (minimum: number, maximum: number) => fc.integer({ min: minimum, max: maximum });
  const taken = fc
    .record({ mark: number(1, 999_999), negative: number(0, 999_999), questions: number(1, 1000) })
    .chain((exam) =>
      fc.record({
        exam: fc.constant(exam),
        correct: number(0, exam.questions),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        given: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    );

  it('and percentages are exact, whatever the marks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(taken, { minLength: 1, maxLength: 40 }), async (cases) => {
        await sheaf.sql`truncate exams, attempts`;
        const exams = cases.map(({ exam: { mark, negative, questions } }, index) => ({
          ...{ slug: `e${index}`, title: 'x', course: 'y', number_of_questions: questions },
          ...{ mark_per_question: mark / 100, negative_marks: negative / 100 },
        }));
        await training.apply(createExam, exams);
        const counts = cases.map(({ exam, correct, share }) => ({
          correct,
          incorrect: Math.floor(share * (exam.questions - correct)),
        }));
        const expected = cases.map(({ exam: { mark, negative, questions } }, index) => {
          const { correct, incorrect } = counts[index]!;
          const score = BigInt(correct) * BigInt(mark) - BigInt(incorrect) * BigInt(negative);
          const most = BigInt(questions) * BigInt(mark);
          return {
            score: hundredths(score),
            max_score: hundredths(most),
            percentage: percentageOf(score, most),
          };
        });
        const inputs = counts.map((given, index) => attempt(`e${index}`, 'ada', given));
        expect(await answers(recordAttempt, inputs)).toMatchObject(expected);

        const scores = cases.map(({ exam: { mark, questions }, given }) =>
          BigInt(Math.floor(given * mark * questions)),
        );
        const grades = scores.map((score, index) =>
          attempt(`e${index}`, 'ada', { score: hundredths(score) }),
        );
        expect(await answers(gradeSubmission, grades)).toMatchObject(
          scores.map((score, index) => {
            const most = BigInt(cases[index]!.exam.mark) * BigInt(cases[index]!.exam.questions);
            return { score: hundredths(score), percentage: percentageOf(score, most) };
          }),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('round halves away from zero, and end where no percentage is kept', async () => {
    await addExam('a', { number_of_questions: 100, mark_per_question: 2, negative_marks: 2 });
    await addExam('harsh', { number_of_questions: 2, mark_per_question: 0.01, negative_marks: 9999.99 });
    await training.apply(recordAttempt, [attempt('a', 'ada'), attempt('a', 'bob'), attempt('a', 'eve')]);
    const results = await answers(gradeSubmission, [
      attempt('a', 'ada', { score: 2.01 }),
      attempt('a', 'bob', { score: -2.01 }),
      attempt('a', 'eve', { score: 199.99 }),
    ]);
    expect(results).toMatchObject([{ percentage: 1.01 }, { percentage: -1.01 }, { percentage: 100 }]);
    expect(await said(recordAttempt, counted('harsh', 'ada', 0, 2))).toMatchObject({
      ...{ score: -19_999.98, max_score: 0.02, percentage: -9999.99 },
    });
  });
});
