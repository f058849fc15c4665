import type { RecordErrorCode } from './errors.ts';
import type { Field } from './field.ts';
import type { JsonValue } from './json-record.ts';
import { parseDecimal } from './number.ts';

/** A cell's text may hold numbers and booleans with blanks around them; text fields are kept to the letter. */
const BOOLEANS = new Map([
  ['true', true],
  ['false', false],
  ['TRUE', true],
  ['FALSE', false],
  ['True', true],
  ['False', false],
]);

const TOO_PRECISE = 'has more digits than can be kept exactly';

export interface Problem {
  code: RecordErrorCode;
  message: string;
}

/** A value as the type of its field, or why it is none. */
export type Coerced =
  | { value: string | number | boolean; error?: undefined }
  | { error: Problem; value?: undefined };

/** Reads a text, which is not empty. */
export function coerceText(text: string, type: Field['type']): Coerced {
  if (type === 'string') {
    return text.includes('\0')
      ? bad('nul_character', 'holds a NUL character, which cannot be stored')
      : { value: text };
  }
  if (type === 'boolean') {
    const value = BOOLEANS.get(text.trim());
    return value === undefined ? bad('invalid_type', 'must be true or false') : { value };
  }
  const value = parseDecimal(text.trim());
  if (value === null) return bad('invalid_type', 'must be a number, with a point before decimals');
  return value === 'inexact' ? bad('too_precise', TOO_PRECISE) : { value };
}

/** Reads a number of JSON by its literal: as a text it is that literal, to the letter. */
export function coerceLiteral(literal: string, type: Field['type']): Coerced {
  if (type === 'boolean') return bad('invalid_type', 'must be true or false, not a number');
  if (type === 'string') return { value: literal };
  // An exponent may have zeros in front, which say nothing.
  const value = parseDecimal(literal.replace(/([eE][+-]?)0+(?=\d)/, '$1'));
  return typeof value === 'number' ? { value } : bad('too_precise', TOO_PRECISE);
}

/** Reads what else JSON has, by no other rule than that it is that already. */
export function coerceOther(value: Exclude<JsonValue, string | number | null>, type: Field['type']): Coerced {
  if (typeof value === 'boolean') {
    if (type === 'boolean') return { value };
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

function bad(code: RecordErrorCode, message: string): Coerced {
  return { error: { code, message } };
}
