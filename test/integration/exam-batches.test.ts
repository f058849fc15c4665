import { describe, expect, it } from 'vitest';
import { createExam } from '../../src/operations/training/create-exam.ts';
import { recordAttempt } from '../../src/operations/training/record-attempt.ts';
import { openTestApi } from '../support/api.ts';
import type { TestSheaf } from '../support/sheaf.ts';
import { numbered, type Training, told, useTraining } from '../support/training.ts';

/** Exams, questions, attempts and grades from files, through the whole pipeline, with workers in two places. */

let sheaf: TestSheaf;
let training: Training;

useTraining((opened) => ({ sheaf, training } = opened), {
  environment: { SHEAF_CHUNK_RECORDS: '50' },
  workers: true,
});

describe('the assessments of the Open University', () => {
  const modules = ['AAA', 'BBB', 'CCC'];
  const types = ['TMA', 'CMA', 'Exam'];
  const rows = Array.from({ length: 206 }, (_, n) => {
    const [module, type] = [modules[n % 3]!, types[n % 7 === 0 ? 2 : n % 2]!];
    // Most exams have no date there.
    const date = type === 'Exam' ? '' : String(19 + n);
    return [
      module,
      n % 2 ? '2013J' : '2014B',
      String(1752 + n),
      type,
      date,
      type === 'Exam' ? '100' : '12.5',
    ];
  });
  const file = [
    ['code_module', 'code_presentation', 'id_assessment', 'assessment_type', 'date', 'weight'],
    ...rows,
  ]
    .map((row) => row.map((cell) => `"${cell}"`).join(','))
    .join('\r\n');
  const mapping = { code_module: 'course', id_assessment: 'slug', assessment_type: 'title' };

  it('become exams by a mapping of three columns, once', async () => {
    const batch = await sheaf.run(file, { operation: 'create_exam', mapping });
    expect(await told(sheaf, batch)).toEqual({ succeeded: 206 });
    const stored = await sheaf.sql`select course, slug, title from exams`;
    const key = (row: readonly string[]) => row.join(' ');
    expect(stored.map(({ course, slug, title }) => key([course, slug, title])).sort()).toEqual(
      rows.map(([module, , id, type]) => key([module!, id!, type!])).sort(),
    );
    const again = await sheaf.run(file, { operation: 'create_exam', mapping });
    expect(await told(sheaf, again)).toEqual({ exam_exists: 206 });
  });
});

describe('a course’s exam from its creation to its grades', () => {
  it('is made, filled, taken and graded by four files', async () => {
    await training.addLearners(...numbered(300));
    const exams =
      'slug,title,course,number_of_questions,negative_marks,start_date\nfinal,Final,A,100,0.25,2026-01-01T00:00:00Z\n';
    expect(await told(sheaf, await sheaf.run(exams, { operation: 'create_exam' }))).toEqual({ succeeded: 1 });

    const questions = [
      'exam,number,question,type,option_a,option_b,answer',
      ...Array.from(
        { length: 130 },
        (_, n) => `final,,"Is it ${n}, or not?",single,yes,no,${n % 2 ? 'A' : 'b'}`,
      ),
    ].join('\n');
    expect(await told(sheaf, await sheaf.run(questions, { operation: 'add_question' }))).toEqual({
      ...{ succeeded: 100, too_many_questions: 30 },
    });
    const [numbers] =
      await sheaf.sql`select count(distinct number)::int, min(number), max(number) from questions`;
    expect(numbers).toEqual({ count: 100, min: 1, max: 100 });

    const attempts = [
      'exam,learner_id,correct,incorrect',
      ...numbered(301).map((id, n) => `final,${id},${n % 2 ? `${n % 90},10` : ','}`),
    ].join('\n');
    expect(await told(sheaf, await sheaf.run(attempts, { operation: 'record_attempt' }))).toEqual({
      ...{ succeeded: 300, learner_not_found: 1 },
    });

    const grades = [
      'exam,learner_id,learner_name,submitted_at,score,remarks',
      ...numbered(300)
        .filter((_, n) => n % 2 === 0)
        .map((id, n) => `final,${id},Somebody,2026-01-02T00:00:00Z,${n === 0 ? 100.25 : n / 4},`),
    ].join('\n');
    expect(await told(sheaf, await sheaf.run(grades, { operation: 'grade_submission' }))).toEqual({
      ...{ succeeded: 149, score_out_of_range: 1 },
    });
    const [sums] = await sheaf.sql`
      select count(*) filter (where state = 'graded')::int as graded, sum(score)::text as score from attempts`;
    const byCounts = numbered(300).map((_, n) => (n % 2 ? (n % 90) - 2.5 : 0));
    const byScore = Array.from({ length: 149 }, (_, n) => (n + 1) / 4);
    const sum = [...byCounts, ...byScore].reduce((a, b) => a + b, 0);
    expect(sums).toEqual({ graded: 299, score: sum.toFixed(2) });
  });
});

describe('the file to fill in for grading', () => {
  it('comes with the attempts that wait, and grades them once scores are filled in', async () => {
    await training.addLearners('l1', '007');
    await sheaf.sql`update learners set given_name = '=1+1', family_name = 'of, Ana' where learner_id = '007'`;
    await training.apply(createExam, [{ slug: 'a', title: 'A', course: 'A', number_of_questions: 10 }]);
    await training.apply(recordAttempt, [
      { exam: 'a', learner_id: 'l1' },
      { exam: 'a', learner_id: '007' },
    ]);
    const api = await openTestApi(sheaf);
    const url = '/operations/grade_submission/template?format=csv';
    const { body, statusCode } = await api.request({ method: 'GET', url: `${url}&exam=a` });
    const unknown = await api.request({ method: 'GET', url: `${url}&exam=none` });
    await api.close();
    expect(statusCode).toBe(200);
    expect(unknown.json()).toMatchObject({
      status: 422,
      errors: [{ pointer: '?exam', code: 'not_allowed' }],
    });

    // The name is in quotes and has a comma: the score is found from the end.
    const [header = '', ...rows] = body.trimEnd().split('\r\n');
    const columns = header.replace('\ufeff', '').split(',');
    expect(columns).toEqual(expect.arrayContaining(['learner_name', 'submitted_at', 'attempt', 'score']));
    const fromEnd = columns.indexOf('score') - columns.length;
    const filled = rows.map((row) => row.split(',').with(fromEnd, '7.5').join(','));
    expect(filled).toHaveLength(2);
    const batch = await sheaf.run([header, ...filled].join('\r\n'), { operation: 'grade_submission' });
    expect(await told(sheaf, batch)).toEqual({ succeeded: 2 });
    const graded = await sheaf.sql`select learner_id, state, score from attempts order by learner_id`;
    expect(graded).toEqual(
      ['007', 'l1'].map((learner_id) => ({ learner_id, state: 'graded', score: '7.50' })),
    );
  });
});

describe('retakes', () => {
  it('are never more than allowed, though four batches record them at once', async () => {
    await training.addLearners(...numbered(60));
    await training.apply(createExam, [
      { slug: 'a', title: 'A', course: 'A', allow_retake: true, max_retakes: 2 },
      { slug: 'once', title: 'B', course: 'A' },
    ]);
    const file = (order: string[]) =>
      ['exam,learner_id', ...order.flatMap((id) => [`a,${id}`, `once,${id}`, `a,${id}`])].join('\n');
    const files = [0, 1, 2, 3].map((n) => file(n % 2 ? numbered(60) : numbered(60).toReversed()));
    const batches = await Promise.all(
      files.map((body) => sheaf.run(body, { operation: recordAttempt.name })),
    );
    const counts: Record<string, number> = {};
    for (const batch of batches) {
      for (const [what, count] of Object.entries(await told(sheaf, batch)))
        counts[what] = (counts[what] ?? 0) + count;
    }
    expect(counts).toEqual({ succeeded: 60 * 4, retakes_used_up: 60 * 5, retake_not_allowed: 60 * 3 });
    const rows = await sheaf.sql`
      select exam, min(last) as least, max(last) as most from (
        select exam, learner_id, max(number) as last from attempts group by exam, learner_id having count(*) = max(number)) l
      group by exam order by exam`;
    expect(rows).toEqual([
      { exam: 'a', least: 3, most: 3 },
      { exam: 'once', least: 1, most: 1 },
    ]);
  });
});
