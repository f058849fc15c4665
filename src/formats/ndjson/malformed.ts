import { parse } from 'lossless-json';
import type { RecordFault } from '../../core/chunk.ts';
import { MOST_LEVELS, tooDeep } from './soundness.ts';
import { endOfString, isQuote } from './tokens.ts';

/** In longer lines the place is not looked for: its parser builds strings by the character and is slow. */
const LONGEST_SEARCHED = 64 * 1024;

/**
 * What is wrong with a line that `JSON.parse` refuses, and at which character: that is what its own messages do not
 * always say.
 */
export function malformed(line: string, refusal: Error): RecordFault {
  if (levels(line) > MOST_LEVELS) return tooDeep();
  let why = refusal.message;
  if (line.length <= LONGEST_SEARCHED) {
    try {
      parse(line);
    } catch (error) {
      const [, what, position] = /^(.*) at position (\d+)$/s.exec((error as Error).message) ?? [];
      if (what !== undefined) why = `${what} at character ${Number(position) + 1}`;
    }
  }
  return { code: 'json_malformed', message: `The line is not JSON: ${printable(why)}` };
}

/** How deep a recursive parser would go, at most: up to what it refuses, texts end where it thinks they do. */
function levels(line: string): number {
  let level = 0;
  let deepest = 0;
  for (let at = 0; at < line.length; ) {
    if (isQuote(line, at)) {
      at = endOfString(line, at);
      continue;
    }
    const character = line.charAt(at);
    if (character === '[' || character === '{') level += 1;
    else if (character === ']' || character === '}') level -= 1;
    deepest = Math.max(deepest, level);
    at += 1;
  }
  return deepest;
}

/** What the message quotes of the line may be a control character or half of a surrogate pair. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Surrogate}]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
