import type { FieldProblem } from '../core/errors.ts';
import { endOfString, isQuote, skipBlanks } from '../formats/ndjson/tokens.ts';
import { memberPointer } from './member-pointer.ts';
import { MOST_ERRORS } from './problem.ts';

/** An object or array around the place, and the member of it that the place is in. */
interface Around {
  /** How often an object has given each so far; an array has none. */
  names: Map<string, number> | null;
  member: string | number;
}

/**
 * The names that a body gives twice in the same object: which of the two counts is anyone's guess, and `JSON.parse`
 * takes the last without a word.
 *
 * @param text well-formed JSON
 * @param deepest what lies deeper is not looked at: it is refused anyway, or is part of a value that is given again
 */
export function repeatedNames(text: string, deepest: number): FieldProblem[] {
  const pointers = new Set<string>();
  const around: Around[] = [];
  let deeper = 0;
  for (let at = 0; at < text.length && pointers.size < MOST_ERRORS; ) {
    const innermost = deeper > 0 ? undefined : around.at(-1);
    if (isQuote(text, at)) {
      const end = endOfString(text, at);
      const next = skipBlanks(text, end);
      if (innermost?.names && text.charAt(next) === ':') {
        innermost.member = JSON.parse(text.slice(at, end)) as string;
        const before = innermost.names.get(innermost.member) ?? 0;
        if (before === 1) pointers.add(pointerTo(around));
        innermost.names.set(innermost.member, before + 1);
      }
      at = next;
      continue;
    }
    const character = text.charAt(at);
    if (character === '{' || character === '[') {
      if (around.length === deepest) deeper += 1;
      else around.push({ names: character === '{' ? new Map() : null, member: 0 });
    } else if (character === '}' || character === ']') {
      if (deeper > 0) deeper -= 1;
      else around.pop();
    } else if (character === ',' && typeof innermost?.member === 'number') innermost.member += 1;
    at += 1;
  }
  return [...pointers].map((pointer) => ({ pointer, code: 'invalid', message: 'is given more than once' }));
}

function pointerTo(around: readonly Around[]): string {
  return around.reduce((pointer, { member }) => memberPointer(pointer, String(member)), '');
}
