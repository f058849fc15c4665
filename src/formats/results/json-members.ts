import { endOfString, isQuote, skipBlanks } from '../ndjson/tokens.ts';

/** A member of a JSON object: its key, and its value as the text has it, so that no number loses digits. */
interface Member {
  key: string;
  raw: string;
}

/** What ends a number, `true`, `false` or `null`. */
const SCALAR_END = /[\s,\]}]/g;
const BRACKET_OR_STRING = /["[\]{}]/g;

/** The members of an object, in order. `text` must be JSON, and an object. */
export function membersOf(text: string): Member[] {
  const members: Member[] = [];
  let at = skipBlanks(text, text.indexOf('{') + 1);
  while (isQuote(text, at)) {
    const keyEnd = endOfString(text, at);
    const start = skipBlanks(text, text.indexOf(':', keyEnd) + 1);
    const end = endOfValue(text, start);
    members.push({ key: JSON.parse(text.slice(at, keyEnd)) as string, raw: text.slice(start, end) });
    at = skipBlanks(text, end);
    if (text[at] === ',') at = skipBlanks(text, at + 1);
  }
  return members;
}

function endOfValue(text: string, start: number): number {
  if (isQuote(text, start)) return endOfString(text, start);
  if (text[start] !== '{' && text[start] !== '[') return indexOf(SCALAR_END, text, start);
  let depth = 0;
  for (let at = start; at < text.length; ) {
    const found = indexOf(BRACKET_OR_STRING, text, at);
    if (isQuote(text, found)) {
      at = endOfString(text, found);
      continue;
    }
    depth += text[found] === '{' || text[found] === '[' ? 1 : -1;
    at = found + 1;
    if (depth === 0) return at;
  }
  return text.length;
}

function indexOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}
