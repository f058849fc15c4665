import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Problem } from '../../src/api/schemas/problem.ts';
import type { RecordError, ResultLine } from '../../src/core/result.ts';
import { BUILT_IN_OPERATIONS } from '../../src/operations/built-in.ts';
import { openTestApi, type TestApi } from '../support/api.ts';
import { openTestSheaf, type TestSheaf } from '../support/sheaf.ts';

/**
 * For every operation: a record that is sent by itself and the same record in a batch come to the same. Each way has a
 * Sheaf of its own, in which the operations are called in this order, so that what comes later finds what it needs.
 */
const MORE: Record<string, object[]> = {
  create_learner: [
    { learner_id: 'ada' },
    { learner_id: 'L-1001' },
    { learner_id: 'L-1002' },
    { learner_id: '  ', email: 'x' },
    { learner_id: 'zoë 李', email: 'ADA@example.org' },
  ],
  create_cohort: [
    { course: 'Algebra', name: 'tiny', quota: 1 },
    { course: 'Algebra', name: 'x', quota: -1 },
  ],
  update_cohort: [{ course: 'Algebra', cohort: 'Spring 2027', quota: 'many' }],
  publish_cohort: [{ course: 'Algebra', cohort: 'nowhere' }],
  enroll_learner: [
    { learner_id: 'ada', course: 'Algebra', cohort: 'tiny' },
    { learner_id: 'L-1001', course: 'Algebra', cohort: 'tiny' },
    { learner_id: 'nobody', course: 'Algebra', cohort: 'tiny' },
  ],
  withdraw_learner: [],
  delete_cohort: [{ course: 'Algebra', cohort: 'tiny' }],
  create_exam: [{ slug: 'No Slug', title: 'x', course: 'y' }],
  update_exam: [{ slug: 'nothing', title: 'x' }],
  add_question: [{ exam: 'nothing', question: 'x', type: 'text' }],
  record_attempt: [{ exam: 'algebra-1-midterm', learner_id: 'nobody' }],
  grade_submission: [{ exam: 'algebra-1-midterm', learner_id: 'nobody', score: 1 }],
};

/** What is wrong in the same way for every operation. */
const WRONG = ['{}', '[]', '{"a":1,"a":2}', '{"__proto__":{}}', '{"\\ud800":1}'];

let single: TestSheaf;
let bulk: TestSheaf;
let api: TestApi;
beforeAll(async () => {
  // One after the other, as calls are.
  const settings = { SHEAF_CHUNK_RECORDS: '1' };
  [single, bulk] = await Promise.all([openTestSheaf(), openTestSheaf(settings)]);
  api = await openTestApi(single);
  await bulk.startWorkers();
});
afterAll(async () => {
  await api.close();
  await Promise.all([single.close(), bulk.close()]);
});

/** The lines of a file: rows that the operation takes, the same again, and some that are wrong in each field. */
function linesFor(operation: (typeof BUILT_IN_OPERATIONS)[number]): string[] {
  const examples = (operation.template?.examples ?? []) as Record<string, unknown>[];
  const [first = {}] = examples;
  const fields = Object.keys(operation.input.properties);
  const faults = [[1], '\u0000', 'x'.repeat(70_000)];
  const broken = fields.map((field, index) => JSON.stringify({ ...first, [field]: faults[index % 3] }));
  const numbers = fields.map((field) =>
    JSON.stringify({ ...first, [field]: 'NUMBER' }).replace('"NUMBER"', '1.50'),
  );
  const good = [...examples, ...(MORE[operation.name] ?? [])].map((record) => JSON.stringify(record));
  return [...good, ...good, ...WRONG, ...broken, ...numbers];
}

interface Outcome {
  output?: unknown;
  errors?: { code: string; message: string; pointer: string }[];
}

const pointerTo = (field: string | undefined) =>
  field === undefined ? '' : `/${field.split('.').join('/')}`;

/** Ids that are made anew differ, and so does the moment at which something is done. */
function plain(outcome: Outcome): unknown {
  const text = JSON.stringify(outcome)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<moment>');
  return JSON.parse(text);
}

async function bySingle(name: string, line: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const response = await api.request({ method: 'POST', url: `/operations/${name}`, payload: line, headers });
  if (response.statusCode === 200) return plain({ output: response.json().output });
  const { errors = [] } = response.json<Problem>();
  return plain({ errors: errors.map(({ code, message, pointer }) => ({ code, message, pointer })) });
}

function ofLine(line: ResultLine): unknown {
  if (line.status === 'succeeded') return plain({ output: line.output });
  if (line.status !== 'failed') throw new Error(`record ${line.record} was not processed`);
  const errors: RecordError[] = line.errors ?? [line.error];
  return plain({
    errors: errors.map(({ code, message, field }) => ({ code, message, pointer: pointerTo(field) })),
  });
}

test('every operation is tried', () => {
  expect(Object.keys(MORE).sort()).toEqual(BUILT_IN_OPERATIONS.map(({ name }) => name).sort());
});

const named = (name: string) => BUILT_IN_OPERATIONS.find((operation) => operation.name === name)!;

test.each(Object.keys(MORE))('%s', async (name) => {
  const lines = linesFor(named(name));
  const batch = await bulk.run(`${lines.join('\n')}\n`, {
    operation: name,
    on_invalid: 'skip',
    execution: 'serial',
  });
  expect(batch.status).toBe('completed');
  const inBulk = (await bulk.lines(batch)).map(ofLine);
  const bySelf: unknown[] = [];
  for (const line of lines) bySelf.push(await bySingle(name, line));
  expect(bySelf.map((outcome, index) => [lines[index]!.slice(0, 200), outcome])).toEqual(
    inBulk.map((outcome, index) => [lines[index]!.slice(0, 200), outcome]),
  );
  const statuses = new Set(inBulk.map((outcome) => Object.keys(outcome as object)[0]));
  expect([...statuses].sort()).toEqual(['errors', 'output']);
});
