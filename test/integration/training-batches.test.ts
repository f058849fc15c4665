import { describe, expect, it } from 'vitest';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { createCohort } from '../../src/operations/training/create-cohort.ts';
import { enrollLearner } from '../../src/operations/training/enroll-learner.ts';
import type { TestSheaf } from '../support/sheaf.ts';
import { numbered, type Training, told, useTraining } from '../support/training.ts';

/** Cohorts and enrolments from files, through the whole pipeline, with workers in two places. */

let sheaf: TestSheaf;
let training: Training;

useTraining((opened) => ({ sheaf, training } = opened), {
  environment: { SHEAF_CHUNK_RECORDS: '50' },
  workers: true,
});

const csv = (header: string, rows: readonly (string | number)[][]) =>
  `${[header, ...rows.map((row) => row.join(','))].join('\n')}\n`;

async function ended(batch: BatchRow): Promise<BatchRow> {
  expect([batch.status, batch.statusReason]).toEqual(['completed', null]);
  return batch;
}

describe('the last seats', () => {
  it('of 1,000 records in 4 batches at once for 10 seats, 10 succeed', async () => {
    const learners = numbered(1000);
    await training.addLearners(...learners);
    await training.apply(createCohort, [{ course: 'Algebra', name: 'a', quota: 10 }]);
    const files = [0, 1, 2, 3].map((file) =>
      csv(
        'learner_id,course,cohort',
        learners.slice(file * 250, (file + 1) * 250).map((id) => [id, 'Algebra', 'a']),
      ),
    );
    const handlers = await Promise.all(files.map((file) => sheaf.upload(file)));
    const batches = await Promise.all(
      handlers.map((handler) => sheaf.submit(handler, { operation: 'enroll_learner' })),
    );
    const counts: Record<string, number> = {};
    for (const id of batches) {
      const batch = await ended(await sheaf.ended(id));
      for (const [code, count] of Object.entries(await told(sheaf, batch)))
        counts[code] = (counts[code] ?? 0) + count;
    }
    expect(counts).toEqual({ succeeded: 10, quota_exceeded: 990 });
    expect(await training.enrolled('a')).toBe(10);
  });

  it('in the order of the file, if it is processed serially', async () => {
    const learners = numbered(300);
    await training.addLearners(...learners);
    await training.apply(createCohort, [{ course: 'Algebra', name: 'a', quota: 120 }]);
    // Against the order of the ids, so that only the file can be the reason.
    const rows = [...learners].sort((a, b) => (a < b ? 1 : -1)).map((id) => [id, 'Algebra', 'a']);
    const batch = await ended(
      await sheaf.run(csv('learner_id,course,cohort', rows), {
        operation: 'enroll_learner',
        execution: 'serial',
      }),
    );
    const statuses = (await sheaf.lines(batch)).map(({ status }) => status);
    expect(statuses).toEqual(rows.map((_, index) => (index < 120 ? 'succeeded' : 'failed')));
    const enrolled = await sheaf.sql<{ learner_id: string }[]>`select learner_id from enrollments`;
    expect(enrolled.map(({ learner_id }) => learner_id).sort()).toEqual(
      rows
        .slice(0, 120)
        .map(([id]) => id)
        .sort(),
    );
  });

  it('go to others when they are given back by a batch', async () => {
    const learners = numbered(200);
    await training.addLearners(...learners);
    await training.apply(createCohort, [{ course: 'Algebra', name: 'a', quota: 100 }]);
    const file = (ids: string[]) =>
      csv(
        'learner_id,course,cohort',
        ids.map((id) => [id, 'Algebra', 'a']),
      );
    const enrol = { operation: 'enroll_learner' };
    await ended(await sheaf.run(file(learners.slice(0, 100)), enrol));
    expect(await told(sheaf, await sheaf.run(file(learners.slice(100)), enrol))).toEqual({
      quota_exceeded: 100,
    });
    const withdrawn = await sheaf.run(file(learners.slice(40, 120)), { operation: 'withdraw_learner' });
    expect(await told(sheaf, withdrawn)).toEqual({ succeeded: 60, not_enrolled: 20 });
    expect(await told(sheaf, await sheaf.run(file(learners.slice(100)), enrol))).toEqual({
      succeeded: 60,
      quota_exceeded: 40,
    });
    expect(await training.enrolled('a')).toBe(100);
  });
});

/** Files as the Open University publishes them, made small: presentations of modules, and who took which. */
const PRESENTATIONS = [
  ['AAA', '2013J', 268],
  ['AAA', '2014J', 269],
  ['BBB', '2013B', 240],
  ['BBB', '2013J', 268],
  ['CCC', '2014B', 241],
] as const;

const QUOTAS: Record<string, number> = { 'AAA 2013J': 30, 'BBB 2013B': 1, 'BBB 2013J': 1000 };

/** Every student takes several presentations, in some order. */
function studentInfo(): (string | number)[][] {
  const students = Array.from({ length: 140 }, (_, index) => 11_391 + 37 * index);
  return PRESENTATIONS.flatMap(([module, presentation], place) =>
    students
      .filter((student) => (student + place) % 3 !== 0)
      .map((student) => [module, presentation, student, 'M', 'East Anglian Region', '"90-100%"', 'Pass']),
  );
}

const STUDENT_COLUMNS = 'code_module,code_presentation,id_student,gender,region,imd_band,final_result';

describe('presentations and their students', () => {
  it('become cohorts and enrolments, some of them full', async () => {
    const cohorts = await ended(
      await sheaf.run(
        csv('code_module,code_presentation,module_presentation_length', [
          ...PRESENTATIONS.map((row) => [...row]),
        ]),
        {
          operation: 'create_cohort',
          mapping: { code_module: 'course', code_presentation: 'name' },
        },
      ),
    );
    expect(await told(sheaf, cohorts)).toEqual({ succeeded: PRESENTATIONS.length });
    const quotas = csv(
      'course,cohort,quota',
      Object.entries(QUOTAS).map(([name, quota]) => [...name.split(' '), quota]),
    );
    await ended(await sheaf.run(quotas, { operation: 'update_cohort' }));

    const rows = studentInfo();
    const students = csv(STUDENT_COLUMNS, rows);
    const people = await sheaf.run(students, {
      operation: 'create_learner',
      mapping: { id_student: 'learner_id' },
      settings: { on_duplicate: 'update' },
    });
    expect(await told(sheaf, people)).toEqual({ succeeded: rows.length });

    const enrolments = await ended(
      await sheaf.run(students, {
        operation: 'enroll_learner',
        mapping: { code_module: 'course', code_presentation: 'cohort', id_student: 'learner_id' },
      }),
    );
    const asked = new Map<string, number>();
    for (const [module, presentation] of rows) {
      const name = `${module} ${presentation}`;
      asked.set(name, (asked.get(name) ?? 0) + 1);
    }
    const expected = [...asked].map(([name, count]) => ({
      name,
      enrolled: Math.min(count, QUOTAS[name] ?? count),
      counted: Math.min(count, QUOTAS[name] ?? count),
    }));
    const stored = await sheaf.sql<{ name: string; enrolled: number; counted: number }[]>`
      select c.course || ' ' || c.name as name, c.enrolled, count(e.learner_id)::int as counted
      from cohorts c left join enrollments e on e.cohort_id = c.id
      group by c.account_id, c.id order by name`;
    expect([...stored]).toEqual(expected.sort((a, b) => (a.name < b.name ? -1 : 1)));
    const seats = expected.reduce((sum, { enrolled }) => sum + enrolled, 0);
    expect(seats).toBeLessThan(rows.length);
    expect(await told(sheaf, enrolments)).toEqual({ succeeded: seats, quota_exceeded: rows.length - seats });
    const [learners] = await sheaf.sql`select count(*)::int as count from learners`;
    expect(learners).toEqual({ count: new Set(rows.map(([, , student]) => student)).size });
  });

  it('that nobody made are told by the columns of the file', async () => {
    await training.addLearners('1');
    const file = csv(STUDENT_COLUMNS, [['AAA', '2013J', 1, 'M', 'x', 'y', 'Pass']]);
    const batch = await sheaf.run(file, {
      operation: 'enroll_learner',
      mapping: { code_module: 'course', code_presentation: 'cohort', id_student: 'learner_id' },
    });
    const [line] = await sheaf.lines(batch);
    expect(line).toMatchObject({
      error: {
        code: 'cohort_not_found',
        message: 'the course "AAA" has no cohort "2013J"',
        field: 'cohort',
        column: 'code_presentation',
      },
    });
  });
});

describe('drafts', () => {
  it('are published by a batch, whose events are there with its results', async () => {
    await training.addLearners('1');
    await training.apply(
      createCohort,
      ['a', 'b', 'c'].map((name) => ({ course: 'Algebra', name })),
    );
    await training.apply(enrollLearner, [{ learner_id: '1', course: 'Algebra', cohort: 'b' }]);
    const file = csv(
      'course,cohort',
      ['a', 'b', 'nothing', 'b'].map((name) => ['Algebra', name]),
    );
    const batch = await ended(await sheaf.run(file, { operation: 'publish_cohort' }));
    expect(await told(sheaf, batch)).toEqual({ succeeded: 2, cohort_not_found: 1, already_published: 1 });
    const events = await sheaf.sql`
      select data #>> '{cohort,name}' as name, data -> 'learners' as learners from events
      where type = 'cohort.published' order by 1`;
    expect([...events]).toEqual([
      { name: 'a', learners: 0 },
      { name: 'b', learners: 1 },
    ]);
    expect(await sheaf.sql`select name from cohorts where status = 'draft'`).toEqual([{ name: 'c' }]);
  });
});

describe('one record', () => {
  it('comes to the same by itself and in a batch', async () => {
    await training.addLearners('1');
    await training.apply(createCohort, [{ course: 'Algebra', name: 'a' }]);
    const input = { learner_id: '1', course: 'Algebra', cohort: 'a' };
    const [alone] = await training.apply(enrollLearner, [input]);
    await sheaf.sql`delete from enrollments`;
    await sheaf.sql`update cohorts set enrolled = 0`;
    const batch = await sheaf.run(`${JSON.stringify(input)}\n`, { operation: 'enroll_learner' });
    const [line] = await sheaf.lines(batch);
    expect(line).toMatchObject(alone!);
  });
});
