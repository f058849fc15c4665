import { LosslessNumber, parse } from 'lossless-json';
import { nameOf } from '../../core/json-pointer.ts';
import { parseDecimal } from '../../core/number.ts';

/** A value of JSON; a number that a double cannot hold keeps its digits. */
export type AnswerValue =
  | string
  | number
  | boolean
  | null
  | LosslessNumber
  | AnswerValue[]
  | { [name: string]: AnswerValue };

export type AnswerPath = readonly string[];

const DEEPEST = 100;
/** A number of fewer characters, without an exponent, is in a double what it is as written. */
const PERHAPS_INEXACT = 16;

/** `a.b.0`, or a JSON pointer: `/a/b/0` (RFC 6901). */
export function answerPath(text: string): AnswerPath {
  if (!text.startsWith('/')) return text.split('.');
  return text.slice(1).split('/').map(nameOf);
}

/** The body of one answer, read when it is asked for. */
export class AnswerBody {
  readonly text: string;
  #json: { value: AnswerValue } | 'none' | undefined;

  constructor(bytes: Uint8Array) {
    this.text = new TextDecoder().decode(bytes);
  }

  get empty(): boolean {
    return this.text.trim() === '';
  }

  /** `undefined`: it is no JSON, or nested deeper than anybody needs. */
  get json(): AnswerValue | undefined {
    this.#json ??= parsed(this.text);
    return this.#json === 'none' ? undefined : this.#json.value;
  }

  /** `undefined`: there is nothing. */
  at(path: AnswerPath): AnswerValue | undefined {
    let value = this.json;
    for (const step of path) {
      if (typeof value !== 'object' || value === null || value instanceof LosslessNumber) return undefined;
      if (Array.isArray(value) ? !/^\d+$/.test(step) : !Object.hasOwn(value, step)) return undefined;
      value = (value as Record<string, AnswerValue>)[step];
    }
    return value;
  }
}

function parsed(text: string): { value: AnswerValue } | 'none' {
  const form = formOf(text);
  if (form === 'too_deep') return 'none';
  try {
    if (form === 'plain') return { value: JSON.parse(text) as AnswerValue };
    // Of a name that is given twice the last value counts, as it does for `JSON.parse`.
    const options = { parseNumber: exactNumber, onDuplicateKey: lastValue };
    return { value: parse(text, undefined, options) as AnswerValue };
  } catch {
    return 'none';
  }
}

function lastValue({ newValue }: { newValue: unknown }): unknown {
  return newValue;
}

function exactNumber(literal: string): number | LosslessNumber {
  const value = parseDecimal(literal);
  return typeof value === 'number' ? value : new LosslessNumber(literal);
}

/**
 * Whether whatever walks the value would run out of stack, and whether it can hold a number that `JSON.parse` would
 * change. Texts are passed over: they are most of a large answer. A loop, as on what is no JSON an expression can take
 * hours.
 */
function formOf(text: string): 'plain' | 'inexact' | 'too_deep' {
  let depth = 0;
  let digits = 0;
  let inexact = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if ((character >= '0' && character <= '9') || character === '.') {
      digits += 1;
      inexact ||= digits >= PERHAPS_INEXACT;
      continue;
    }
    if (character === 'e' || character === 'E') inexact ||= digits > 0;
    else if (character === '"') at = endOfText(text, at + 1);
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth -= 1;
    if (depth > DEEPEST) return 'too_deep';
    digits = 0;
  }
  return inexact ? 'inexact' : 'plain';
}

/** Where the quotation mark stands that ends a text: one with an even number of backslashes before it. */
function endOfText(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (before > from && text[before - 1] === '\\') before -= 1;
    if ((end - before) % 2 === 0) return end;
  }
  return text.length;
}
