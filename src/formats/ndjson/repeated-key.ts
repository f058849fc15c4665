import type { RecordFault } from '../../core/chunk.ts';
import { shortened } from '../../core/result.ts';
import { endOfString, isQuote, skipBlanks } from './tokens.ts';

const BLANK_BEFORE_COLON = /"[ \t\r]+:/;
const END_OF_KEY = /"[ \t\r]*:/g;

/**
 * Whether a line may give more keys than the parsed object has left. Each key ends in a quote and a colon, mostly
 * with nothing between; a text may hold the two as well, but then the line is only looked at more closely.
 *
 * @param keys how many the parsed object has, with those of the objects in it
 */
export function mayRepeatKeys(line: string, keys: number): boolean {
  if (BLANK_BEFORE_COLON.test(line)) return line.match(END_OF_KEY)?.length !== keys;
  let ends = 0;
  for (let at = line.indexOf('":'); at !== -1; at = line.indexOf('":', at + 2)) ends += 1;
  return ends !== keys;
}

/** The first key that a well-formed line gives twice in the same object. */
export function repeatedKey(line: string): RecordFault | undefined {
  /** The keys of each object and array around the place, the innermost last. */
  const open: Set<string>[] = [];
  for (let at = 0; at < line.length; ) {
    const character = line.charAt(at);
    if (isQuote(line, at)) {
      const end = endOfString(line, at);
      const next = skipBlanks(line, end);
      if (line.charAt(next) === ':') {
        const key = JSON.parse(line.slice(at, end)) as string;
        const keys = open.at(-1);
        if (keys?.has(key)) return repeated(key, at);
        keys?.add(key);
      }
      at = next;
      continue;
    }
    if (character === '{' || character === '[') open.push(new Set());
    else if (character === '}' || character === ']') open.pop();
    at += 1;
  }
  return undefined;
}

function repeated(key: string, at: number): RecordFault {
  const message = `The key "${shortened(key)}" is given twice in the same object, again at character ${at + 1}`;
  return { code: 'json_key_repeated', message };
}
