import type { LightMyRequestResponse } from 'fastify';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { invalidRequest, RetryableFault } from '../../src/core/errors.ts';
import { defineOperation, OperationRegistry } from '../../src/core/operation.ts';
import { readTemplate } from '../support/read-template.ts';
import { addPerson, apiInMemory, callerWith, type World } from './api-memory.ts';

const closed = { additionalProperties: false };

const asked: unknown[] = [];

/** Its template is filled in for an exam that exists. */
const gradePeople = defineOperation({
  name: 'grade_people',
  version: 1,
  title: 'Grade people',
  description: 'Grades people.',
  input: Type.Object({ name: Type.String(), score: Type.Optional(Type.Number()) }, closed),
  output: Type.Object({}, closed),
  failures: {},
  template: {
    examples: [{ name: 'Ada', score: 17.5 }],
    parameters: Type.Object(
      { exam: Type.Optional(Type.String({ maxLength: 5 })), from: Type.Integer({ default: 1 }) },
      closed,
    ),
    shown: [{ name: 'seat', description: 'Where they sit' }],
    fill: async (parameters, { accountId }) => {
      asked.push({ parameters, accountId });
      if (parameters.exam === undefined) return null;
      if (parameters.exam !== 'maths') {
        throw invalidRequest({ pointer: '?exam', code: 'not_allowed', message: 'there is no such exam' });
      }
      return [{ name: 'Grace', seat: 'A1' }];
    },
  },
  run: async () => [],
});

/** It needs to be told something, and no table can be of it. */
const noFields = defineOperation({
  name: 'no_fields',
  version: 1,
  title: 'Do something',
  description: 'Does something.',
  input: Type.Object({}, closed),
  output: Type.Object({}, closed),
  failures: {},
  template: { examples: [], parameters: Type.Object({ day: Type.String({ format: 'date' }) }, closed) },
  run: async () => [],
});

let world: World;
beforeEach(async () => {
  asked.length = 0;
  world = await apiInMemory({ operations: new OperationRegistry([addPerson, gradePeople]) });
});
afterEach(() => world.app.close());

const CSV = { 'content-type': 'text/csv; charset=utf-8' };

function problem(response: LightMyRequestResponse) {
  const { status, code, errors = [] } = response.json();
  return [
    status,
    code,
    ...errors.map((error: { pointer: string; code: string }) => [error.pointer, error.code]),
  ];
}

describe('a template', () => {
  test('is a workbook, unless it is asked for as CSV', async () => {
    const response = await world.get('/operations/add_person/template');
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      'content-type': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
      'content-disposition': 'attachment; filename="add_person-template.xlsx"',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const { records } = await readTemplate(response.rawPayload, addPerson);
    expect(records).toEqual([{ input: { name: 'text', age: 1 }, errors: [] }]);
  });

  test('as CSV', async () => {
    const response = await world.get('/operations/add_person/template?format=csv');
    expect(response.headers).toMatchObject({
      ...CSV,
      'content-disposition': 'attachment; filename="add_person-template.csv"',
    });
    expect(response.body).toBe('\uFEFFname,age\r\ntext,1\r\n');
  });

  test('is found by the links of its operation', async () => {
    const { links } = (await world.get('/operations/grade_people')).json();
    expect(links).toEqual({
      run: '/operations/grade_people',
      template_csv: '/operations/grade_people/template?format=csv',
      template_xlsx: '/operations/grade_people/template?format=xlsx',
    });
    for (const link of [links.template_csv, links.template_xlsx]) {
      expect((await world.get(link)).statusCode).toBe(200);
    }
  });

  test('HEAD tells what GET would', async () => {
    const response = await world.request({
      method: 'HEAD',
      url: '/operations/add_person/template?format=csv',
    });
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject(CSV);
    expect(response.body).toBe('');
  });

  test.each([
    ['/operations/nothing/template', [404, 'operation_not_found']],
    ['/operations/add_person/template?format=ods', [422, 'invalid_request', ['?format', 'not_allowed']]],
    ['/operations/add_person/template?exam=x', [422, 'invalid_request', ['?exam', 'unknown_field']]],
    [
      '/operations/add_person/template?__proto__=x',
      [422, 'invalid_request', ['?__proto__', 'unknown_field']],
    ],
    ['/operations/grade_people/template?exam=a&exam=b', [422, 'invalid_request', ['?exam', 'invalid']]],
    ['/operations/grade_people/template?exam=%00', [422, 'invalid_request', ['?exam', 'nul_character']]],
    ['/operations/grade_people/template?exam=history', [422, 'invalid_request', ['?exam', 'too_long']]],
    ['/operations/grade_people/template?exam=x', [422, 'invalid_request', ['?exam', 'not_allowed']]],
    [
      '/operations/grade_people/template?from=one&to=2',
      [422, 'invalid_request', ['?from', 'invalid_type'], ['?to', 'unknown_field']],
    ],
  ])('%s', async (url, expected) => {
    expect(problem(await world.get(url))).toEqual(expected);
  });

  test('of an operation that must be told something, and that has no fields', async () => {
    const other = await apiInMemory({ operations: new OperationRegistry([noFields]) });
    const get = (query: string) => other.get(`/operations/no_fields/template?${query}`);
    expect(problem(await get(''))).toEqual([422, 'invalid_request', ['?day', 'required']]);
    expect(problem(await get('day=31.1.26'))).toEqual([422, 'invalid_request', ['?day', 'invalid_format']]);
    expect(problem(await get('day=2026-01-31'))).toEqual([
      422,
      'invalid_request',
      ['?format', 'not_allowed'],
    ]);
    await other.app.close();
  });
});

describe('a template that is filled in', () => {
  const url = '/operations/grade_people/template?format=csv';

  test('has the account’s data in place of the examples, and what is there to be read', async () => {
    const response = await world.get(`${url}&exam=maths`);
    expect(response.body).toBe('\uFEFFseat,name,score\r\nA1,Grace,\r\n');
    expect(asked).toEqual([{ parameters: { exam: 'maths', from: 1 }, accountId: 'account-1' }]);
  });

  test('shows the examples where there is nothing to fill in', async () => {
    expect((await world.get(url)).body).toBe('\uFEFFname,score\r\nAda,17.5\r\n');
  });

  test('is for those who may run the operation', async () => {
    const only = (...actions: string[]) => callerWith([{ effect: 'allow', actions }]);
    world.callers.set('reader', only('get_operations'));
    world.callers.set('grader', only('get_operations', 'grade_people'));
    const refused = await world.get(`${url}&exam=maths`, 'reader');
    expect(problem(refused)).toEqual([403, 'forbidden']);
    expect(refused.json().detail).toContain('grade_people');
    expect((await world.get(url, 'reader')).body).toContain('Ada');
    expect(asked).toEqual([]);
    expect((await world.get(`${url}&exam=maths`, 'grader')).body).toContain('Grace');
  });

  test('is 503 when the database does not answer', async () => {
    world.trouble = new RetryableFault('the database could not be reached');
    expect(problem(await world.get(`${url}&exam=maths`))).toEqual([503, 'unavailable']);
    expect((await world.get('/operations/add_person/template')).statusCode).toBe(200);
  });
});
