import { Ajv2020, type ErrorObject, type Format } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { TObject } from 'typebox';
import type { RecordErrorCode } from './errors.ts';
import { isEmail, isIsoDate, isIsoDateTime } from './format.ts';
import { nameOf } from './json-pointer.ts';
import { multiplesOf } from './number.ts';
import { type RecordError, shortened } from './result.ts';

/** Checks a value; an empty array means that it is good. With `useDefaults` it fills the value in. */
export type SchemaCheck = (value: unknown) => SchemaError[];

export type SchemaError = RecordError & { code: RecordErrorCode };

/** A record that breaks every rule is told its first twenty broken ones. */
export const MOST_ERRORS = 20;

const ajvs = { plain: makeAjv(false), defaults: makeAjv(true) };

function makeAjv(useDefaults: boolean) {
  const ajv = new Ajv2020({ allErrors: true, verbose: true, strict: true, useDefaults, strictTypes: false });
  addFormats.default(ajv, ['uuid', 'uri', 'time']);
  const formats: Record<string, Format> = {
    date: isIsoDate,
    'date-time': isIsoDateTime,
    email: isEmail,
  };
  for (const [name, format] of Object.entries(formats)) ajv.addFormat(name, format);
  // ajv divides, which refuses 4.35 as a multiple of 0.01; its tolerance would let 99.990000000001 pass for one.
  ajv.removeKeyword('multipleOf');
  ajv.addKeyword({
    keyword: 'multipleOf',
    type: 'number',
    schemaType: 'number',
    compile: (step: number) => multiplesOf(step),
  });
  return ajv;
}

/** @throws {Error} when the schema itself is wrong. */
export function compileSchema(schema: TObject, options: { useDefaults?: boolean } = {}): SchemaCheck {
  const validate = (options.useDefaults ? ajvs.defaults : ajvs.plain).compile(schema);
  return (value) => {
    if (validate(value)) return [];
    return (validate.errors ?? []).slice(0, MOST_ERRORS).map(inPlainWords);
  };
}

function inPlainWords(error: ErrorObject): SchemaError {
  const parent = error.instancePath.slice(1).split('/').map(nameOf).join('.');
  const child = (name: unknown) => (parent === '' ? String(name) : `${parent}.${String(name)}`);
  const about = (code: RecordErrorCode, message: string, field = parent): SchemaError => {
    const plain: SchemaError = { code, message };
    if (field !== '') plain.field = field;
    if (code !== 'required') plain.value = shortened(error.data);
    return plain;
  };
  const limit = error.params.limit as number;

  switch (error.keyword) {
    case 'required':
      return about('required', 'must be given', child(error.params.missingProperty));
    case 'type':
      return about('invalid_type', `must be ${aType(error.params.type)}`);
    case 'minLength':
      return about('too_short', `must have at least ${characters(limit)}`);
    case 'maxLength':
      return about('too_long', `must have at most ${characters(limit)}`);
    case 'minimum':
      return about('out_of_range', `must be at least ${limit}`);
    case 'maximum':
      return about('out_of_range', `must be at most ${limit}`);
    case 'exclusiveMinimum':
      return about('out_of_range', `must be more than ${limit}`);
    case 'exclusiveMaximum':
      return about('out_of_range', `must be less than ${limit}`);
    case 'multipleOf':
      return about('too_precise', `must be a multiple of ${error.schema}`);
    case 'format':
      return about('invalid_format', `must be ${FORMATS[error.params.format] ?? error.params.format}`);
    case 'pattern':
      return about('invalid_format', `must match ${error.params.pattern}`);
    case 'enum':
    case 'const':
      return about('not_allowed', `must be ${oneOf(error)}`);
    case 'additionalProperties':
      return about('unknown_field', 'is not a known field', child(error.params.additionalProperty));
    default:
      return about('invalid', error.message ?? 'breaks a rule of the schema');
  }
}

const FORMATS: Record<string, string> = {
  date: 'a date such as 1999-12-31',
  'date-time': 'a date and time with its zone such as 1999-12-31T23:59:00Z',
  email: 'an e-mail address such as ada@example.org',
  uuid: 'a UUID',
  uri: 'a URI',
  time: 'a time such as 23:59:00Z',
};

function characters(count: number): string {
  return count === 1 ? '1 character' : `${count} characters`;
}

function aType(type: unknown): string {
  if (type === 'integer') return 'a whole number';
  if (type === 'boolean') return 'true or false';
  return type === 'object' || type === 'array' ? `an ${type}` : `a ${String(type)}`;
}

function oneOf(error: ErrorObject): string {
  const values: unknown[] =
    error.keyword === 'const' ? [error.params.allowedValue] : error.params.allowedValues;
  const shown = values.slice(0, 8).map((value) => String(value));
  return values.length > 8
    ? `one of ${shown.join(', ')}, … (${values.length} values)`
    : `one of ${shown.join(', ')}`;
}
