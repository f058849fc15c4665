import type { JsonObject } from '../../core/json-record.ts';
import { endOfString, isQuote, skipBlanks } from './tokens.ts';

/**
 * A number of 16 or more characters, or with an exponent: only such a one can be other than what a double makes of
 * it. A number stands after a colon, comma or bracket; where a text looks like that, it is only looked at more closely.
 */
const UNCERTAIN = /[:,[][ \t\r]*-?(?:\d[\d.]{15}|[\d.]+[eE])/;

export function mayLoseDigits(line: string): boolean {
  return UNCERTAIN.test(line);
}

/** What can stand after an opening quote alone, so that a key in quotes is not found from a text's end. */
const PLAIN_KEY = /^[^\s,:}\]"\\][^"\\]*$/;

/**
 * The number that a well-formed line has at a key of its outermost object, found without reading the line again; null
 * when the line may have that key in another place or writing.
 */
export function literalOf(line: string, key: string): string | null {
  if (!PLAIN_KEY.test(key) || line.includes('\\')) return null;
  const quoted = `"${key}"`;
  const at = line.indexOf(quoted);
  // A text of just these characters counts as well, so that the only one must be the key.
  if (at === -1 || line.indexOf(quoted, at + quoted.length) !== -1) return null;
  const start = skipBlanks(line, skipBlanks(line, at + quoted.length) + 1);
  return line.slice(start, endOfNumber(line, start));
}

/** A well-formed line as an object that has each number as the text that the line has. */
export function withLiterals(line: string): JsonObject {
  let quoted = '';
  let from = 0;
  for (let at = 0; at < line.length; ) {
    if (isQuote(line, at)) {
      at = endOfString(line, at);
    } else if (isNumberStart(line.charCodeAt(at))) {
      const end = endOfNumber(line, at);
      quoted += `${line.slice(from, at)}"${line.slice(at, end)}"`;
      from = end;
      at = end;
    } else {
      at += 1;
    }
  }
  return JSON.parse(quoted + line.slice(from)) as JsonObject;
}

function isNumberStart(unit: number): boolean {
  return unit === 0x2d || isDigit(unit);
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

/** Whatever follows a number, none of these characters can. */
function endOfNumber(line: string, from: number): number {
  let at = from + 1;
  while (isDigit(line.charCodeAt(at)) || (at < line.length && '.eE+-'.includes(line.charAt(at)))) at += 1;
  return at;
}
