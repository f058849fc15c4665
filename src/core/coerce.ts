import type { Coerced, Problem, ReadText } from './coerced.ts';
import { dateReader } from './dates.ts';
import type { RecordErrorCode } from './errors.ts';
import type { Field } from './field.ts';
import type { FileType } from './file-format.ts';
import type { JsonValue } from './json-record.ts';
import { parseDecimal } from './number.ts';
import { numberReader, unlikeNumber } from './number-notation.ts';
import type { Coercion } from './tally.ts';
import type { ValueRules } from './value-rules.ts';

/**
 * A cell’s text may hold numbers, booleans and dates with blanks around them; text fields are kept to the letter.
 */
const BOOLEANS = new Map([
  ['true', true],
  ['false', false],
  ['TRUE', true],
  ['FALSE', false],
  ['True', true],
  ['False', false],
]);

const TOO_PRECISE = 'has more digits than can be kept exactly';

/** How texts of a field are read in a file of this format, `undefined` when they come from no file. */
export function textReader(field: Field, rules: ValueRules, format?: FileType): ReadText {
  if (field.type === 'boolean') return readBoolean;
  if (field.type === 'string') {
    return field.format === 'date' || field.format === 'date-time'
      ? dateReader(field.format, rules)
      : readString;
  }
  const read = numberReader(rules, format === 'xlsx');
  return (text) => {
    const value = read(text.trim());
    if (typeof value === 'number') return value;
    if (value === 'inexact') return bad('too_precise', TOO_PRECISE);
    return bad('invalid_type', value === null ? unlikeNumber(text.trim(), rules) : eitherNumber(value));
  };
}

function readString(text: string): Coerced {
  return text.includes('\0') ? bad('nul_character', 'holds a NUL character, which cannot be stored') : text;
}

function readBoolean(text: string): Coerced {
  return BOOLEANS.get(text.trim()) ?? bad('invalid_type', 'must be true or false');
}

function eitherNumber([one, other]: [number, number]): string {
  return `may be ${one} or ${other}: number cells of a workbook have a point before decimals, and format.thousands is one too`;
}

/** Reads a number of JSON by its literal: as a text it is that literal, to the letter. */
export function coerceLiteral(literal: string, { type }: Field, read: ReadText): Coerced {
  if (type === 'boolean') return bad('invalid_type', 'must be true or false, not a number');
  if (type === 'string') return read(literal);
  // An exponent may have zeros in front, which say nothing.
  const value = parseDecimal(literal.replace(/([eE][+-]?)0+(?=\d)/, '$1'));
  return typeof value === 'number' ? value : bad('too_precise', TOO_PRECISE);
}

/** Reads what else JSON has, by no other rule than that it is that already. */
export function coerceOther(value: Exclude<JsonValue, string | number | null>, { type }: Field): Coerced {
  if (typeof value === 'boolean') {
    if (type === 'boolean') return value;
    const advice = type === 'string' ? '; put it in quotes' : '';
    return bad('invalid_type', `must be ${NAMES[type]}, not ${value}${advice}`);
  }
  return bad('invalid_type', `must be ${NAMES[type]}, not an ${Array.isArray(value) ? 'array' : 'object'}`);
}

const NAMES: Record<Field['type'], string> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
};

/** What was done to a value of a field where another came out than was given. */
export function coercionOf({ type, format }: Field): Coercion {
  if (type === 'boolean') return 'boolean';
  if (type !== 'string') return 'number';
  if (format === 'date') return 'date';
  return format === 'date-time' ? 'date_time' : 'text';
}

function bad(code: RecordErrorCode, message: string): Problem {
  return { code, message };
}
