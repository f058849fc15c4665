import { buffer } from 'node:stream/consumers';
import type { LightMyRequestResponse } from 'fastify';
import Type from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RetryableFault } from '../../src/core/errors.ts';
import { leafFields } from '../../src/core/field.ts';
import type { TransactionSql } from '../../src/core/sql.ts';
import { inputColumns } from '../../src/formats/template/column.ts';
import { templateFile } from '../../src/formats/template/template-file.ts';
import { columnLetters } from '../../src/formats/xlsx/write/table.ts';
import { BUILT_IN_OPERATIONS } from '../../src/operations/built-in.ts';
import { createCohort } from '../../src/operations/training/create-cohort.ts';
import { createLearner } from '../../src/operations/training/create-learner.ts';
import { gradeSubmission } from '../../src/operations/training/grade-submission.ts';
import { openTestApi, type TestApi } from '../support/api.ts';
import { convert } from '../support/libreoffice.ts';
import { type Typed, typedInto } from '../support/libreoffice-typing.ts';
import { closed, operationOf } from '../support/operation-of.ts';
import { readTemplate } from '../support/read-template.ts';
import { required } from '../support/requirements.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';
import { opened } from '../unit/xlsx-write-book.ts';

let sheaf: TestSheaf;
let api: TestApi;

beforeAll(async () => {
  sheaf = await openTestSheaf();
  api = await openTestApi(sheaf);
  await sheaf.startWorkers();
});
afterAll(async () => {
  await api.close();
  await sheaf.close();
});

async function template(name: string, query = ''): Promise<LightMyRequestResponse> {
  return await api.request({ method: 'GET', url: `/operations/${name}/template?${query}` });
}

async function templateBytes(name: string, query = ''): Promise<Buffer> {
  const response = await template(name, query);
  expect(response.statusCode, response.body.slice(0, 500)).toBe(200);
  return response.rawPayload;
}

const names = BUILT_IN_OPERATIONS.map(({ name }) => name);

describe.each(['csv', 'xlsx'])('the template as %s, uploaded as it is, validates', (format) => {
  test.each(names)('%s', async (operation) => {
    const bytes = await templateBytes(operation, `format=${format}`);
    const batch = await sheaf.run(bytes, { operation, dry_run: true });
    expect(batch).toMatchObject({ status: 'completed', read: { format }, counts: { failed: 0 } });
    expect(batch.counts.unprocessed).toBeGreaterThan(0);
  });
});

/** Two learners with attempts that wait to be graded, one of them called like a formula; and another account’s. */
async function attemptsToGrade(): Promise<void> {
  const { sql } = sheaf;
  const [mine, other] = [sheaf.caller.accountId, '00000000-0000-4000-8000-000000000000'];
  await sql`delete from attempts`;
  await sql`delete from exams`;
  await sql`delete from learners`;
  for (const account of [mine, other]) {
    await sql`insert into exams (account_id, slug, title, course, number_of_questions, mark_per_question)
      values (${account}, 'maths', 'Mathematics', 'M1', 10, 1)`;
  }
  await sql`insert into learners (account_id, learner_id, given_name, family_name)
    values (${mine}, '007', '=1+1', 'Bond'), (${mine}, 'L-2', 'Grace', null)`;
  for (const [account, learner, state] of [
    [mine, '007', 'submitted'],
    [mine, 'L-2', 'submitted'],
    [mine, 'L-3', 'started'],
    [other, 'L-4', 'submitted'],
  ] as const) {
    await sql`insert into attempts (account_id, exam, learner_id, number, state, submitted_at)
      values (${account}, 'maths', ${learner}, 1, ${state}, '2026-01-31T08:00:00Z')`;
  }
}

describe('the template for grading', () => {
  beforeEach(attemptsToGrade);

  test('comes with the attempts that wait to be graded, and nobody else’s', async () => {
    const lines = (await templateBytes('grade_submission', 'format=csv&exam=maths')).toString().split('\r\n');
    expect(lines[0]).toContain('learner_name,submitted_at,exam,learner_id,attempt,score');
    expect(lines.slice(1).map((line) => line.split(',').slice(0, 5))).toEqual([
      ["'=1+1 Bond", '2026-01-31T08:00:00Z', 'maths', '007', '1'],
      ['Grace', '2026-01-31T08:00:00Z', 'maths', 'L-2', '1'],
      [''],
    ]);
  });

  test('is graded once it is filled in', async () => {
    const book = await opened(await templateBytes('grade_submission', 'exam=maths'));
    const sheet = book.worksheets[0]!;
    const score = (sheet.getRow(1).values as string[]).indexOf('score');
    sheet.getCell(2, score).value = 7.5;
    sheet.getCell(3, score).value = 9;
    const batch = await sheaf.run(Buffer.from(await book.xlsx.writeBuffer()), {
      operation: 'grade_submission',
    });
    expect(batch).toMatchObject({ status: 'completed', counts: { succeeded: 2, failed: 0 } });
    expect(batch.read?.columns.slice(0, 2)).toEqual([
      { name: 'learner_name', field: null },
      { name: 'submitted_at', field: null },
    ]);
    const graded = await sheaf.sql`
      select learner_id, score::float8 as score from attempts where state = 'graded' order by learner_id`;
    expect([...graded]).toEqual([
      { learner_id: '007', score: 7.5 },
      { learner_id: 'L-2', score: 9 },
    ]);
  });

  test('names an exam that is not there', async () => {
    const response = await template('grade_submission', 'exam=history');
    expect(response.json()).toMatchObject({
      status: 422,
      errors: [{ pointer: '?exam', code: 'not_allowed' }],
    });
  });
});

describe('a read transaction', () => {
  const reads = () => sheaf.account.reads;

  test('writes nothing', async () => {
    await expect(
      reads().read(
        ({ sql }) => sql`insert into learners (account_id, learner_id)
      values (${sheaf.caller.accountId}, 'written')`,
      ),
    ).rejects.toThrow('read-only transaction');
    expect(await sheaf.sql`select from learners where learner_id = 'written'`).toHaveLength(0);
  });

  test('sees one moment, whatever is written meanwhile', async () => {
    const learners = async (sql: TransactionSql) =>
      (await sql<{ count: number }>`select count(*)::int as count from learners`)[0]!.count;
    const [before, after] = await reads().read(async ({ sql }) => {
      const before = await learners(sql);
      await sheaf.sql`insert into learners (account_id, learner_id) values (${sheaf.caller.accountId}, 'meanwhile')`;
      return [before, await learners(sql)];
    });
    expect(after).toBe(before);
  });

  test('is over when the work is done', async () => {
    let kept: TransactionSql | undefined;
    const seven = await reads().read(async ({ sql }) => {
      kept = sql;
      return await sql<{ n: number }>`select 7 as n`;
    });
    expect([...seven]).toEqual([{ n: 7 }]);
    await expect(kept!`select 8`).rejects.toThrow('answered already');
  });

  test('a session that the server ends is a passing trouble', async () => {
    const work = reads().read(async ({ sql }) => {
      const [{ pid } = { pid: 0 }] = await sql<{ pid: number }>`select pg_backend_pid() as pid`;
      await sheaf.sql`select pg_terminate_backend(${pid})`;
      await sql`select 1`;
    });
    await expect(work).rejects.toBeInstanceOf(RetryableFault);
    expect([...(await reads().read(({ sql }) => sql`select 1 as n`))]).toEqual([{ n: 1 }]);
  });
});

const soffice = required('TEST_SOFFICE');

/** The cells of a row of a table, by the names of its columns. */
function cellsOf(columns: readonly string[], row: number, texts: Readonly<Record<string, string>>): Typed {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [`${columnLetters(columns.indexOf(name))}${row}`, text]),
  );
}

describe.skipIf(soffice.missing)(`a template that is filled in with LibreOffice${soffice.reason}`, () => {
  test('learners: what is typed is what comes', async () => {
    const columns = leafFields(createLearner.input).map(({ name }) => name);
    const saved = await typedInto(soffice.value(), await templateBytes('create_learner'), {
      ...cellsOf(columns, 4, {
        learner_id: '00042',
        email: 'x@example.org',
        given_name: '=1+1',
        family_name: '1/2',
        birth_date: '2001-02-03',
        phone: '0049 30 1',
        country: 'DE',
        score: '12.34',
        joined_at: '2026-01-31T08:00:00+01:00',
      }),
      ...cellsOf(columns, 5, { learner_id: '12345678901234567890', given_name: 'TRUE', country: 'NA' }),
      // Far below the examples the cells are still what they are.
      ...cellsOf(columns, 9000, { learner_id: '1e5', birth_date: '2000-02-29', phone: '+49' }),
    });
    const sheet = (await opened(saved)).worksheets[0]!;
    expect(sheet.getCell('G4').dataValidation).toMatchObject({ type: 'list' });
    expect(sheet.getCell('H4').dataValidation).toMatchObject({ type: 'decimal', formulae: [0, 100] });
    const { records } = await readTemplate(saved, createLearner);
    expect(records.slice(2)).toEqual([
      {
        input: {
          learner_id: '00042',
          email: 'x@example.org',
          given_name: '=1+1',
          family_name: '1/2',
          birth_date: '2001-02-03',
          phone: '0049 30 1',
          country: 'DE',
          score: 12.34,
          joined_at: '2026-01-31T08:00:00+01:00',
        },
        errors: [],
      },
      { input: { learner_id: '12345678901234567890', given_name: 'TRUE', country: 'NA' }, errors: [] },
      { input: { learner_id: '1e5', birth_date: '2000-02-29', phone: '+49' }, errors: [] },
    ]);
    const batch = await sheaf.run(saved, { operation: 'create_learner', dry_run: true });
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 5, failed: 0 } });
  });

  test('cohorts: enums, truth values, numbers and times', async () => {
    const columns = leafFields(createCohort.input).map(({ name }) => name);
    const typed = {
      name: '007',
      course: '1.10',
      starts_at: '2026-02-01T09:00:00Z',
      ends_at: '2026-03-01T09:00:00Z',
      quota: '25',
      delivery: 'hybrid',
      is_local: 'true',
    };
    const saved = await typedInto(
      soffice.value(),
      await templateBytes('create_cohort'),
      cellsOf(columns, 10, typed),
    );
    const { records } = await readTemplate(saved, createCohort);
    expect(records.at(-1)).toEqual({ input: { ...typed, quota: 25, is_local: true }, errors: [] });
  });

  test('values that a spreadsheet would take for something else', async () => {
    const texts = (values: string[]) => Type.Unsafe<string>({ type: 'string', enum: values });
    const input = Type.Object(
      {
        code: texts(['=1+1', '007', 'a,b', 'TRUE', '1/2']),
        long: texts(Array.from({ length: 300 }, (_, n) => `0${n}`)),
        level: Type.Unsafe<number>({ type: 'integer', enum: [1, 2, 3], description: '=1+1' }),
        note: Type.String({ description: '@SUM(A1)' }),
      },
      closed,
    );
    const operation = operationOf(input);
    const shown = { code: '=1+1', long: '0299', level: 3, note: '=HYPERLINK("http://example.org")' };
    const columns = inputColumns(input);
    const table = { title: '=1+1', description: '=1+1', columns, records: [shown], filled: false };
    const names = columns.map(({ name }) => name);
    const typed = {
      ...cellsOf(names, 3, { code: '007', long: '010', level: '2', note: '-1+1' }),
      ...cellsOf(names, 4, { code: 'TRUE', long: '00', level: '1', note: '1E5' }),
      ...cellsOf(names, 5, { code: '1/2', long: '099', level: '1', note: '+49 30' }),
    };
    const bytes = await buffer(templateFile('xlsx', table));
    const saved = await typedInto(soffice.value(), bytes, typed);
    const { records } = await readTemplate(saved, operation);
    expect(records.map(({ input }) => input)).toEqual([
      shown,
      { code: '007', long: '010', level: 2, note: '-1+1' },
      { code: 'TRUE', long: '00', level: 1, note: '1E5' },
      { code: '1/2', long: '099', level: 1, note: '+49 30' },
    ]);
    const book = await opened(saved);
    expect(book.worksheets[0]!.getCell('B3').dataValidation).toMatchObject({ type: 'list' });
    const formulas: string[] = [];
    book.eachSheet((sheet) =>
      sheet.eachRow((row) => row.eachCell((cell) => cell.formula && formulas.push(cell.formula))),
    );
    expect(formulas).toEqual([]);
  });

  test('grades: into what is there already', async () => {
    await attemptsToGrade();
    const columns = [
      'learner_name',
      'submitted_at',
      ...leafFields(gradeSubmission.input).map(({ name }) => name),
    ];
    const typed = {
      ...cellsOf(columns, 2, { score: '7.5' }),
      ...cellsOf(columns, 3, { correct: '9', incorrect: '1' }),
    };
    const bytes = await templateBytes('grade_submission', 'exam=maths');
    const { records } = await readTemplate(await typedInto(soffice.value(), bytes, typed), gradeSubmission);
    expect(records.map(({ input }) => input)).toEqual([
      { exam: 'maths', learner_id: '007', attempt: 1, score: 7.5 },
      { exam: 'maths', learner_id: 'L-2', attempt: 1, correct: 9, incorrect: 1 },
    ]);
  });

  test.each(names)('%s: saved as it is, it validates', async (name) => {
    const operation = BUILT_IN_OPERATIONS.find((one) => one.name === name)!;
    const bytes = await templateBytes(name);
    const saved = await convert(soffice.value(), { extension: 'xlsx', bytes }, 'xlsx');
    const [before, after] = [await readTemplate(bytes, operation), await readTemplate(saved, operation)];
    expect(after.fault).toBeNull();
    expect(after.records).toEqual(before.records);
    expect(after.records.flatMap(({ errors }) => errors)).toEqual([]);
    expect((await opened(saved)).worksheets.map((sheet) => sheet.name).slice(1, 2)).toEqual(['Columns']);
  });
});
