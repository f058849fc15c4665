import type { RecordFault } from '../../core/chunk.ts';
import { endOfString, skipBlanks } from './tokens.ts';

/** Of all objects of a record together. */
const MOST_KEYS = 10_000;

/** What a key takes at least: two quotes, a colon, and one character of a value. */
const SHORTEST_KEY = 4;

/**
 * Whether a line has more keys than a record may have, by the strings that a colon follows. It reads only lines that are
 * long enough; in one that is no JSON it may count what is none.
 */
export function hasTooManyKeys(line: string): boolean {
  if (line.length <= MOST_KEYS * SHORTEST_KEY) return false;
  let keys = 0;
  for (let quote = line.indexOf('"'); quote !== -1; ) {
    const end = endOfString(line, quote);
    if (line.charAt(skipBlanks(line, end)) === ':') keys += 1;
    if (keys > MOST_KEYS) return true;
    quote = line.indexOf('"', end);
  }
  return false;
}

export function tooManyKeys(): RecordFault {
  return {
    code: 'json_too_many_keys',
    message: `The record has more than ${MOST_KEYS} keys, with those of the objects in it`,
  };
}
