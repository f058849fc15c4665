import { beforeEach, describe, expect, it } from 'vitest';
import { addQuestion } from '../../src/operations/training/add-question.ts';
import { createExam } from '../../src/operations/training/create-exam.ts';
import { updateExam } from '../../src/operations/training/update-exam.ts';
import { overlapping } from '../support/overlapping.ts';
import { addAccount } from '../support/rows.ts';
import type { TestSheaf } from '../support/sheaf.ts';
import { type Training, useTraining } from '../support/training.ts';

/** The operations on exams and their questions, in transactions of their own, on a real database. */

let sheaf: TestSheaf;
let training: Training;

useTraining((opened) => ({ sheaf, training } = opened), { sessions: 12 });

const exam = (slug: string, more: object = {}) => ({
  slug,
  title: `About ${slug}`,
  course: 'Algebra',
  ...more,
});
const question = (more: object = {}) => ({ exam: 'a', question: 'Why?', type: 'text', ...more });
const single = (more: object = {}) => ({
  ...question({ type: 'single', option_a: 'one', option_b: 'two', answer: 'a' }),
  ...more,
});

/** Of a record alone: the failure, or `ok`. */
async function said(operation: typeof createExam, input: object): Promise<unknown> {
  const [result] = await training.apply(operation, [input]);
  return result?.status === 'failed' ? result.error : 'ok';
}

describe('create_exam', () => {
  it('keeps everything that is given, to the microsecond and the hundredth', async () => {
    const full = exam('mid-term_1', {
      description: 'Chapters 1–4',
      start_date: '2027-03-01T09:00:00.123456+01:00',
      end_date: '2027-03-05T18:00:00Z',
      duration: 90,
      number_of_questions: 40,
      negative_marks: 0.33,
      mark_per_question: 9999.99,
      template_type: 'sectional',
      allow_retake: true,
      max_retakes: 3,
      show_answers: true,
    });
    expect(await training.apply(createExam, [full])).toEqual([
      { status: 'succeeded', output: { slug: 'mid-term_1' } },
    ]);
    const [row] = await sheaf.sql`
      select slug, title, description, course, duration, number_of_questions, negative_marks, mark_per_question,
        template_type, allow_retake, max_retakes, show_answers,
        start_date = '2027-03-01T08:00:00.123456Z' and end_date = '2027-03-05T18:00:00Z' as timely
      from exams where account_id = ${sheaf.caller.accountId}`;
    const { start_date: _start, end_date: _end, ...kept } = full as Record<string, unknown>;
    expect(row).toEqual({ ...kept, negative_marks: '0.33', mark_per_question: '9999.99', timely: true });
  });

  it('needs no more than a slug, a title and a course', async () => {
    expect(await said(createExam, exam('bare'))).toBe('ok');
    const [row] = await sheaf.sql`
      select start_date, end_date, duration, number_of_questions, negative_marks, mark_per_question, template_type,
        allow_retake, max_retakes, show_answers from exams`;
    expect(row).toEqual({
      ...{ start_date: null, end_date: null, duration: null, number_of_questions: null, max_retakes: null },
      ...{ negative_marks: '0.00', mark_per_question: '1.00', template_type: 'standard' },
      ...{ allow_retake: false, show_answers: false },
    });
  });

  it('fails a slug that is there; the first sound one of the records has it', async () => {
    await training.apply(createExam, [exam('a')]);
    const results = await training.codes(createExam, [
      exam('a'),
      exam('b', { max_retakes: 1 }),
      exam('b', { title: 'first' }),
      exam('b', { title: 'second' }),
      exam('B'),
    ]);
    expect(results).toEqual(['exam_exists', 'max_retakes_without_retake', 'ok', 'exam_exists', 'ok']);
    const [row] = await sheaf.sql`select title from exams where slug = 'b'`;
    expect(row).toEqual({ title: 'first' });
    expect(await said(createExam, exam('a'))).toEqual({
      code: 'exam_exists',
      message: 'an exam with the slug "a" exists already',
      field: 'slug',
    });
  });

  it.each([
    ['2027-03-01T10:00:00+02:00', '2027-03-01T08:00:00Z', 'ok'],
    ['2027-03-01T10:00:00.000002+02:00', '2027-03-01T08:00:00.000001Z', 'ends_before_start'],
    ['2027-03-01T09:00:00Z', '2027-03-01T10:30:00+02:00', 'ends_before_start'],
    [undefined, '2000-01-01T00:00:00Z', 'ok'],
    ['2000-01-01T00:00:00Z', undefined, 'ok'],
  ])('from %s until %s: %s', async (start_date, end_date, code) => {
    const dates = { ...(start_date && { start_date }), ...(end_date && { end_date }) };
    expect(await training.codes(createExam, [exam('a', dates)])).toEqual([code]);
  });

  it('says in plain words what does not go together', async () => {
    const dates = { start_date: '2027-03-01T10:00:00Z', end_date: '2027-02-01T10:00:00.5Z' };
    expect(await said(createExam, exam('a', dates))).toEqual({
      code: 'ends_before_start',
      message: 'the exam would end at 2027-02-01T10:00:00.5Z, before it starts at 2027-03-01T10:00:00Z',
      field: 'end_date',
    });
    expect(await said(createExam, exam('a', { max_retakes: 2, allow_retake: false }))).toEqual({
      code: 'max_retakes_without_retake',
      message: 'max_retakes is "2", but allow_retake is not true',
      field: 'max_retakes',
    });
    expect(await sheaf.sql`select from exams`).toHaveLength(0);
  });

  it('knows the exams of its own account only', async () => {
    const other = await addAccount(sheaf.sql);
    await training.apply(createExam, [exam('a')]);
    expect(await training.codes(createExam, [exam('a')], { accountId: other })).toEqual(['ok']);
    const change = [{ slug: 'a', title: 'theirs' }];
    expect(await training.codes(updateExam, change, { accountId: other })).toEqual(['ok']);
    const rows = await sheaf.sql`select title from exams where account_id = ${sheaf.caller.accountId}`;
    expect(rows).toEqual([{ title: 'About a' }]);
  });

  it('lets one of many at once have a slug', async () => {
    const tries = Array.from({ length: 12 }, (_, n) =>
      training.codes(createExam, [exam('b', { title: String(n) }), exam('a', { title: String(n) })]),
    );
    const codes = (await Promise.all(tries)).flat();
    expect(codes.filter((code) => code === 'ok')).toHaveLength(2);
    expect(codes.filter((code) => code === 'exam_exists')).toHaveLength(22);
  });
});

describe('update_exam', () => {
  it('writes what is given and leaves the rest', async () => {
    const before = exam('a', {
      description: 'old',
      start_date: '2027-01-01T00:00:00Z',
      number_of_questions: 5,
      negative_marks: 0.25,
      allow_retake: true,
      max_retakes: 2,
    });
    await training.apply(createExam, [before]);
    const change = { slug: 'a', title: 'New', mark_per_question: 2, show_answers: true, allow_retake: true };
    expect(await training.apply(updateExam, [change])).toEqual([
      { status: 'succeeded', output: { slug: 'a' } },
    ]);
    const [row] = await sheaf.sql`
      select title, description, course, start_date = '2027-01-01' as kept, number_of_questions, negative_marks,
        mark_per_question, allow_retake, max_retakes, show_answers, modified_at >= created_at as touched from exams`;
    expect(row).toEqual({
      ...{ title: 'New', description: 'old', course: 'Algebra', kept: true, number_of_questions: 5 },
      ...{ negative_marks: '0.25', mark_per_question: '2.00', allow_retake: true, max_retakes: 2 },
      ...{ show_answers: true, touched: true },
    });
  });

  it('judges what the exam would be, with what is stored', async () => {
    await training.apply(createExam, [
      exam('a', { start_date: '2027-02-01T00:00:00Z', end_date: '2027-03-01T00:00:00Z' }),
    ]);
    const results = await training.codes(updateExam, [
      { slug: 'a', end_date: '2027-01-31T23:59:59Z' },
      { slug: 'a', start_date: '2027-03-01T00:00:01Z' },
      { slug: 'a', start_date: '2027-04-01T00:00:00Z', end_date: '2027-05-01T00:00:00Z' },
      { slug: 'a', end_date: '2027-03-15T00:00:00Z' },
      { slug: 'a', max_retakes: 1 },
      { slug: 'nothing', title: 'x' },
    ]);
    expect(results).toEqual([
      'ends_before_start',
      'ends_before_start',
      'ok',
      'ends_before_start',
      'max_retakes_without_retake',
      'exam_not_found',
    ]);
    const [row] =
      await sheaf.sql`select start_date = '2027-04-01' and end_date = '2027-05-01' as moved from exams`;
    expect(row).toEqual({ moved: true });
    const late = { slug: 'a', start_date: '2027-06-01T00:00:00Z' };
    expect(await said(updateExam, late)).toMatchObject({ code: 'ends_before_start', field: 'start_date' });
  });

  it('takes max_retakes away with allow_retake, in the order of the records', async () => {
    await training.apply(createExam, [exam('a', { allow_retake: true, max_retakes: 2 })]);
    const results = await training.codes(updateExam, [
      { slug: 'a', allow_retake: false, max_retakes: 1 },
      { slug: 'a', allow_retake: false },
      { slug: 'a', max_retakes: 3 },
      { slug: 'a', allow_retake: true, title: 'Again' },
    ]);
    expect(results).toEqual(['max_retakes_without_retake', 'ok', 'max_retakes_without_retake', 'ok']);
    const [row] = await sheaf.sql`select allow_retake, max_retakes, title from exams`;
    expect(row).toEqual({ allow_retake: true, max_retakes: null, title: 'Again' });
  });

  it('does not state fewer questions than there are', async () => {
    await training.apply(createExam, [exam('a')]);
    await training.apply(addQuestion, [question(), question(), question()]);
    expect(await said(updateExam, { slug: 'a', number_of_questions: 2 })).toEqual({
      code: 'too_many_questions',
      message: 'number_of_questions is "2", but the exam has 3 already',
      field: 'number_of_questions',
    });
    expect(await said(updateExam, { slug: 'a', number_of_questions: 3 })).toBe('ok');
    expect(await training.codes(addQuestion, [question()])).toEqual(['too_many_questions']);
  });

  it('lets changes at once all take effect', async () => {
    await training.apply(createExam, [exam('a'), exam('b')]);
    const changes = [
      [
        { slug: 'a', duration: 10 },
        { slug: 'b', duration: 10 },
      ],
      [
        { slug: 'b', description: 'x' },
        { slug: 'a', description: 'x' },
      ],
      [
        { slug: 'b', show_answers: true },
        { slug: 'a', show_answers: true },
      ],
    ];
    const results = await Promise.all(changes.map((inputs) => training.codes(updateExam, inputs)));
    expect(results.flat()).toEqual(Array(6).fill('ok'));
    const rows = await sheaf.sql`select distinct duration, description, show_answers from exams`;
    expect(rows).toEqual([{ duration: 10, description: 'x', show_answers: true }]);
  });
});

describe('add_question', () => {
  beforeEach(async () => {
    await training.apply(createExam, [exam('a'), exam('b', { number_of_questions: 3 })]);
  });

  const stored = async () =>
    await sheaf.sql`select exam, number, options, answer from questions order by exam, number`;

  it('numbers questions on from the last one, in the file’s order', async () => {
    const results = await training.apply(addQuestion, [
      question(),
      question({ number: 7 }),
      question(),
      question({ exam: 'b' }),
      question({ number: 8 }),
      question({ number: 2 }),
      question({ exam: 'none' }),
    ]);
    expect(results.map((it) => (it.status === 'succeeded' ? it.output : it.error.code))).toEqual([
      { exam: 'a', number: 1 },
      { exam: 'a', number: 7 },
      { exam: 'a', number: 8 },
      { exam: 'b', number: 1 },
      'question_exists',
      { exam: 'a', number: 2 },
      'exam_not_found',
    ]);
    expect(await training.apply(addQuestion, [question(), question({ number: 9 })])).toMatchObject([
      { status: 'succeeded', output: { number: 9 } },
      { status: 'failed', error: { message: 'the exam "a" has a question 9 already', field: 'number' } },
    ]);
  });

  it.each<[string, object, string[], string | null]>([
    ['single', { answer: ' B ' }, ['one', 'two'], 'b'],
    ['multiple', { type: 'multiple', option_c: 'three', answer: 'C, a;c' }, ['one', 'two', 'three'], 'a;c'],
  ])('keeps options and the letters of the answer: %s', async (_type, more, options, answer) => {
    await training.apply(addQuestion, [single(more)]);
    expect(await stored()).toEqual([{ exam: 'a', number: 1, options, answer }]);
  });

  it.each<[string, string | undefined, string | null]>([
    ['true_false', 'TRUE', 'true'],
    ['true_false', ' false', 'false'],
    ['number', ' -12.50 ', '-12.50'],
    ['text', ' as it is ', ' as it is '],
    ['text', undefined, null],
  ])('keeps the answer of %s %j', async (type, answer, kept) => {
    expect(
      await training.codes(addQuestion, [question({ type, ...(answer !== undefined && { answer }) })]),
    ).toEqual(['ok']);
    expect(await stored()).toEqual([{ exam: 'a', number: 1, options: [], answer: kept }]);
  });

  it.each<[object, string, string, string]>([
    [
      single({ answer: 'c' }),
      'answer_wrong',
      'answer',
      'the answer "c" must be one letter from a to b, the options given',
    ],
    [
      single({ answer: 'a;b' }),
      'answer_wrong',
      'answer',
      'the answer "a;b" must be one letter from a to b, the options given',
    ],
    [
      single({ type: 'multiple', answer: 'a;;b' }),
      'answer_wrong',
      'answer',
      'the answer "a;;b" must be letters with ; between them, from a to b, the options given',
    ],
    [
      single({ answer: undefined }),
      'answer_wrong',
      'answer',
      'a question of the type single needs an answer',
    ],
    [
      question({ type: 'true_false', answer: 'yes' }),
      'answer_wrong',
      'answer',
      'the answer "yes" is neither true nor false',
    ],
    [
      question({ type: 'number', answer: '1,5' }),
      'answer_wrong',
      'answer',
      'the answer "1,5" is not a number',
    ],
    [question({ type: 'number' }), 'answer_wrong', 'answer', 'a question of the type number needs an answer'],
    [
      single({ option_b: undefined }),
      'options_wrong',
      'option_b',
      'a question of the type single needs at least two options',
    ],
    [
      single({ option_b: undefined, option_c: 'x' }),
      'options_wrong',
      'option_b',
      'option b is left out, but a later one is given',
    ],
    [single({ option_c: 'one' }), 'options_wrong', 'option_c', 'the options a and c are the same'],
    [question({ option_d: 'x' }), 'options_wrong', 'option_d', 'a question of the type text has no options'],
  ])('fails %j', async (input, code, field, message) => {
    const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
    expect(await said(addQuestion, given)).toEqual({ code, message, field });
    expect(await stored()).toEqual([]);
  });

  it('keeps marks of its own, and those of the exam where none are given', async () => {
    await training.apply(addQuestion, [question({ marks: 2.5, negative_marks: 0 }), question()]);
    expect(await sheaf.sql`select marks, negative_marks from questions order by number`).toEqual([
      { marks: '2.50', negative_marks: '0.00' },
      { marks: null, negative_marks: null },
    ]);
  });

  it('never adds more than the exam states', async () => {
    const results = await training.codes(addQuestion, [
      single({ exam: 'b', answer: 'x' }),
      ...Array.from({ length: 4 }, () => question({ exam: 'b' })),
    ]);
    expect(results).toEqual(['answer_wrong', 'ok', 'ok', 'ok', 'too_many_questions']);
    expect(await said(addQuestion, question({ exam: 'b', number: 9 }))).toEqual({
      code: 'too_many_questions',
      message: 'the exam "b" has all of its 3 questions already',
      field: 'exam',
    });
  });

  it('never adds more than an exam can have, nor numbers past the last', async () => {
    const results = await training.codes(addQuestion, [question({ number: 1000 }), question()]);
    expect(results).toEqual(['ok', 'too_many_questions']);
  });

  it('holds the limit and the numbers under any number of sessions', async () => {
    await training.apply(updateExam, [{ slug: 'b', number_of_questions: 10 }]);
    const adding = Array.from({ length: 12 }, (_, n) =>
      training.codes(addQuestion, [
        question({ exam: n % 2 ? 'a' : 'b' }),
        question({ exam: n % 2 ? 'b' : 'a' }),
        question({ exam: 'b' }),
      ]),
    );
    const codes = (await Promise.all(adding)).flat();
    expect(codes.filter((code) => code === 'too_many_questions')).toHaveLength(14);
    expect(codes.filter((code) => code === 'ok')).toHaveLength(22);
    const rows =
      await sheaf.sql`select exam, count(*)::int, max(number) from questions group by exam order by exam`;
    expect(rows).toEqual([
      { exam: 'a', count: 12, max: 12 },
      { exam: 'b', count: 10, max: 10 },
    ]);
  });

  it('waits for whoever changes the exam, and goes by what was made of it', async () => {
    const [change, adding] = await overlapping(
      sheaf,
      (beforeCommit) => training.codes(updateExam, [{ slug: 'b', number_of_questions: 1 }], { beforeCommit }),
      () => training.codes(addQuestion, [question({ exam: 'b' }), question({ exam: 'b' })]),
    );
    expect(change).toEqual(['ok']);
    expect(adding).toEqual(['ok', 'too_many_questions']);
  });
});

describe('the statements of a call', () => {
  it('are as few for thousands of records as for one', async () => {
    const many = Array.from({ length: 2000 }, (_, n) => n);
    const dates = { start_date: '2027-01-01T00:00:00Z', end_date: '2027-01-02T00:00:00Z' };
    const creating = await training.statements(createExam, [exam('one', dates)]);
    expect(creating).toBeLessThanOrEqual(2);
    expect(
      await training.statements(
        createExam,
        many.map((n) => exam(`e${n}`, dates)),
      ),
    ).toBe(creating);

    const changing = await training.statements(updateExam, [{ slug: 'one', ...dates }]);
    expect(changing).toBeLessThanOrEqual(4);
    const changes = many.flatMap((n) => [
      { slug: `e${n}`, ...dates },
      { slug: 'one', duration: n + 1, ...dates },
    ]);
    expect(await training.statements(updateExam, changes)).toBe(changing);

    const adding = await training.statements(addQuestion, [question({ exam: 'one', number: 1 })]);
    expect(adding).toBeLessThanOrEqual(4);
    const questions = many.flatMap((n) => [
      question({ exam: `e${n}`, number: 5 }),
      question({ exam: `e${n}` }),
    ]);
    expect(await training.statements(addQuestion, questions)).toBe(adding);
  });
});
