import type { HttpAnswer } from '../../core/http.ts';
import { type AnswerBody, type AnswerPath, answerPath } from './answer-body.ts';
import type { BodyCondition, Condition } from './definition-schema.ts';

/** An answer whose body is read on demand. */
export type ReadAnswer = Pick<HttpAnswer, 'status' | 'headers'> & { body: AnswerBody };

/** Whether all that a condition says holds of an answer. */
export type Test = (answer: ReadAnswer) => boolean;

/** @throws {Error} when no answer can be so */
export function testOf(condition: Condition): Test {
  const tests: Test[] = [];
  if (condition.status !== undefined) {
    const matches = statusMatch([condition.status].flat());
    tests.push(({ status }) => matches(status));
  }
  if (condition.header !== undefined) tests.push(headerTest(condition.header));
  for (const body of [condition.body ?? []].flat()) tests.push(bodyTest(body));
  return (answer) => tests.every((holds) => holds(answer));
}

/** Tells of which statuses a condition looks at the body. */
export function readsBodyOf({ status, body }: Condition): (status: number) => boolean {
  if (body === undefined) return () => false;
  return status === undefined ? () => true : statusMatch([status].flat());
}

function statusMatch(patterns: readonly (number | string)[]): (status: number) => boolean {
  const ranges = patterns.map((pattern): [number, number] => {
    if (typeof pattern === 'number') return [pattern, pattern];
    if (pattern.endsWith('xx')) return [Number(pattern[0]) * 100, Number(pattern[0]) * 100 + 99];
    const [from = 0, to = 0] = pattern.split('-').map(Number);
    if (from > to) throw new Error(`${pattern} ends before it begins`);
    return [from, to];
  });
  return (status) => ranges.some(([from, to]) => status >= from && status <= to);
}

function headerTest({ name, equals, exists }: NonNullable<Condition['header']>): Test {
  const lower = name.toLowerCase();
  return ({ headers }) => {
    const value = Object.hasOwn(headers, lower) ? headers[lower] : undefined;
    return agrees(value, equals, exists);
  };
}

function bodyTest({ path, equals, exists }: BodyCondition): Test {
  const steps: AnswerPath = answerPath(path);
  return ({ body }) => agrees(body.at(steps), equals, exists);
}

function agrees(value: unknown, equals: unknown, exists: boolean | undefined): boolean {
  if (exists !== undefined && exists !== (value !== undefined)) return false;
  return equals === undefined || value === equals;
}
