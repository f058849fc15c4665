import { parse } from 'lossless-json';
import type { RecordFault } from '../../core/chunk.ts';
import { MOST_LEVELS, tooDeep } from './soundness.ts';
import { endOfString, isQuote } from './tokens.ts';

/** In longer lines the place is not looked for: its parser builds strings by the character and is slow. */
const LONGEST_SEARCHED = 64 * 1024;

const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/**
 * What is wrong with a line that `JSON.parse` refuses, and at which character: that is what its own messages do not
 * always say.
 */
export function malformed(line: string, refusal: Error): RecordFault {
  if (isTooDeep(line)) return tooDeep();
  let why = refusal.message;
  if (line.length <= LONGEST_SEARCHED) {
    try {
      parse(line);
    } catch (error) {
      const [, what, position] = /^(.*) at position (\d+)$/s.exec((error as Error).message) ?? [];
      if (what !== undefined) why = `${what} at character ${Number(position) + 1}`;
    }
  }
  return { code: 'json_malformed', message: `The record is not JSON: ${printable(why)}` };
}

/**
 * Whether a recursive parser may go too deep: up to what it refuses, texts end where it thinks they do. A line of
 * megabytes must not be looked through for longer than it takes to know.
 */
function isTooDeep(line: string): boolean {
  let level = 0;
  for (let at = 0; at < line.length; ) {
    if (isQuote(line, at)) {
      at = endOfString(line, at);
      continue;
    }
    const unit = line.charCodeAt(at);
    if (unit === OPENING_BRACKET || unit === OPENING_BRACE) level += 1;
    else if (unit === CLOSING_BRACKET || unit === CLOSING_BRACE) level -= 1;
    if (level > MOST_LEVELS) return true;
    at += 1;
  }
  return false;
}

/** What the message quotes of the line may be a control character or half of a surrogate pair. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Surrogate}]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
