import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { FastifySchemaCompiler } from 'fastify';
import { type FieldErrorCode, type FieldProblem, invalidRequest } from '../core/errors.ts';
import { shortened } from '../core/result.ts';
import { memberPointer } from './member-pointer.ts';
import { MOST_ERRORS } from './problem.ts';
import { type Query, queryProblems } from './query-check.ts';
import type { Component } from './schemas/component.ts';
import { UUID } from './uuid.ts';

/**
 * Compiles the schemas of routes. Bodies are checked as they are: nothing is converted, filled in or taken out. The
 * values of a query are text, so they are converted. Parameters of a path are not checked here: what cannot
 * be the name of anything is simply not found, which the handler says with the code of its resource.
 */
export function requestChecker(components: readonly Component[]): FastifySchemaCompiler<object> {
  const ajvs = { body: makeAjv(components, false), querystring: makeAjv(components, true) };
  return ({ schema, httpPart }) => {
    if (httpPart === 'params') return () => true;
    const query = httpPart === 'querystring';
    const check = (query ? ajvs.querystring : ajvs.body).compile(schema);
    const problemsOf = (value: unknown): FieldProblem[] =>
      check(value) ? [] : problemsFrom(check.errors ?? [], query);
    return (value: unknown) => {
      const problems = query ? queryProblems(value as Query, problemsOf) : problemsOf(value);
      return problems.length > 0 ? { error: invalidRequest(...problems) } : { value };
    };
  };
}

function makeAjv(components: readonly Component[], coerceTypes: boolean): Ajv2020 {
  const ajv = new Ajv2020({ allErrors: true, strict: true, verbose: true, coerceTypes });
  ajv.addFormat('uuid', UUID);
  for (const component of components) ajv.addSchema(component);
  return ajv;
}

/** One for each place, as far as they are listed: what breaks one rule there often breaks another. */
function problemsFrom(errors: readonly ErrorObject[], query: boolean): FieldProblem[] {
  const problems = new Map<string, FieldProblem>();
  for (const error of errors) {
    // What is wrong with a key is told by `propertyNames`.
    if (error.propertyName !== undefined) continue;
    const problem = problemFrom(error, query);
    if (!problems.has(problem.pointer)) problems.set(problem.pointer, problem);
    if (problems.size === MOST_ERRORS) break;
  }
  return [...problems.values()];
}

function problemFrom(error: ErrorObject, query: boolean): FieldProblem {
  const [code, message, key] = inPlainWords(error);
  const pointer = key === undefined ? error.instancePath : memberPointer(error.instancePath, key);
  return { pointer: query ? pointer.replace('/', '?') : pointer, code, message };
}

/** What an object may hold, as a list. */
function knownNames({ properties = {}, patternProperties = {} }: Record<string, object>): string {
  const patterns = Object.keys(patternProperties).map((pattern) => `what matches ${pattern}`);
  return [...Object.keys(properties), ...patterns].join(', ');
}

/** Code, message and, where the rule is about a member of the place that ajv names, its key. */
function inPlainWords(error: ErrorObject): [FieldErrorCode, string, string?] {
  const { params } = error;
  switch (error.keyword) {
    case 'required':
      return ['required', 'must be given', params.missingProperty];
    case 'additionalProperties': {
      const known = knownNames(error.parentSchema ?? {});
      const there = known === '' ? 'there are none here' : `there are ${known}`;
      return ['unknown_field', `is not known; ${there}`, params.additionalProperty];
    }
    case 'propertyNames': {
      const name = shortened(params.propertyName);
      return [
        'invalid_format',
        `the key "${name}" must match ${(error.schema as { pattern: string }).pattern}`,
        params.propertyName,
      ];
    }
    case 'type':
      if (isInfiniteNumber(error)) return ['out_of_range', 'is a larger number than any that is kept'];
      return ['invalid_type', wrongType(error)];
    case 'enum':
      return ['not_allowed', `must be one of ${params.allowedValues.map(shownValue).join(', ')}`];
    case 'pattern':
      return ['invalid_format', `must match ${params.pattern}`];
    case 'format':
      return ['invalid_format', `must be a ${params.format === 'uuid' ? 'UUID' : params.format}`];
    case 'minProperties':
      return ['required', `must hold at least one of ${knownNames(error.parentSchema ?? {})}`];
    case 'minItems':
      return ['too_short', 'must not be empty'];
    case 'maxItems':
      return ['too_long', `must have at most ${params.limit} entries`];
    case 'uniqueItems':
      return ['invalid', 'is there already', String(Math.max(params.i, params.j))];
    case 'minLength':
      return ['too_short', `must have at least ${params.limit} character${params.limit === 1 ? '' : 's'}`];
    case 'maxLength':
      return ['too_long', `must have at most ${params.limit} character${params.limit === 1 ? '' : 's'}`];
    case 'maxProperties':
      return ['too_many', `must have at most ${params.limit} keys`];
    case 'minimum':
      return ['out_of_range', `must be at least ${params.limit}`];
    case 'exclusiveMinimum':
      return ['out_of_range', `must be more than ${params.limit}`];
    case 'maximum':
      return ['out_of_range', `must be at most ${params.limit}`];
    default:
      return ['invalid', error.message ?? 'breaks a rule of the schema'];
  }
}

/** A word as it is, anything else as it stands in JSON: a space would not be seen, nor told from one that does not break. */
function shownValue(value: unknown): string {
  if (typeof value === 'string' && /^[\w-]+$/.test(value)) return value;
  return JSON.stringify(value).replaceAll(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const TYPES: Record<string, string> = {
  object: 'a JSON object',
  integer: 'a whole number',
  array: 'an array',
  null: 'null',
};

/** What `JSON.parse` makes of `1e400` is of no type that ajv knows, though a number is what was asked for. */
function isInfiniteNumber({ data, params }: ErrorObject): boolean {
  const types: string[] = [params.type].flat();
  return (
    (data === Number.POSITIVE_INFINITY || data === Number.NEGATIVE_INFINITY) &&
    (types.includes('integer') || types.includes('number'))
  );
}

function wrongType(error: ErrorObject): string {
  const types = [error.params.type as string | string[]].flat();
  const must = `must be ${types.map((type) => TYPES[type] ?? `a ${type}`).join(' or ')}`;
  return error.instancePath === '' && error.data === null
    ? `${must}, sent with the header Content-Type: application/json`
    : must;
}
