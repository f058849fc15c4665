/**
 * JSON is told by a brace or bracket and, after nothing but blanks, a quote. Read as CSV that quote is misplaced, so
 * no sound CSV is taken for JSON: `{a: 1}` and `[a],b` may all be headers. `{}` and `[1,2]` could be too, but nobody
 * names columns so, while programs write them.
 */
const KEY = String.raw`"(?:[^"\\\n]|\\.)*"[ \t\r]*:`;
const BLANKS = String.raw`[ \t\r\n]*`;
const EMPTY_OBJECT = String.raw`\{${BLANKS}\}`;
/** An object that begins on one line with its first key, or an empty one, after nothing but blank lines. */
const OBJECT_LINE = new RegExp(String.raw`^${BLANKS}\{[ \t\r]*(?:${KEY}|\}[ \t\r]*(?:\n|$))`);
const OBJECT_OVER_LINES = new RegExp(String.raw`^${BLANKS}\{${BLANKS}${KEY}`);
const SCALAR = String.raw`(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)[ \t\r]*`;
/** `[1],b` is none: where a line's only array ends, the line does. */
const ITEM = String.raw`[ \t\r]*(?:"|${SCALAR},|(?:${SCALAR})?\][ \t\r]*(?:\n|$)|\[[ \t\r]*(?:["[{\]]|${SCALAR}[,\]]))`;
const OBJECT_ITEM = String.raw`${BLANKS}(?:\{${BLANKS}${KEY}|${EMPTY_OBJECT}${BLANKS}(?:\]|,${BLANKS}[{[]))`;
/** Over several lines an empty array is all of the file: with text after it, it may be a table's rows. */
const EMPTY_ARRAY = String.raw`${BLANKS}\]${BLANKS}$`;
const ARRAY = new RegExp(String.raw`^${BLANKS}\[(?:${ITEM}|${OBJECT_ITEM}|${EMPTY_ARRAY})`);

/** Whether a text begins as one object a line, as one array, or as an object that goes on over several lines. */
type JsonOpening = 'lines' | 'array' | 'object';

export function jsonOpening(text: string): JsonOpening | null {
  if (OBJECT_LINE.test(text)) return 'lines';
  if (ARRAY.test(text)) return 'array';
  return OBJECT_OVER_LINES.test(text) ? 'object' : null;
}

const QUOTED_KEY = new RegExp(String.raw`^${BLANKS}(?:\[${BLANKS})?\{${BLANKS}${KEY}`);

/** Whether what `jsonOpening` has found can be nothing else, not even for who says that it is. */
export function isCertainlyJson(text: string): boolean {
  return QUOTED_KEY.test(text);
}

/** Whether some line looks like an object, or the beginning of one. */
export function hasObjectLine(text: string): boolean {
  // With the flag `m` a line begins after each CR too: many of them would each be looked at from all before it.
  return /(?:^|\n)[ \t\r]*\{/.test(text);
}

/** Whether the first line is JSON by itself, and others follow it. */
export function firstLineIsWhole(text: string): boolean {
  const [first = '', ...others] = text.trim().split('\n');
  try {
    JSON.parse(first);
    return others.length > 0;
  } catch {
    return false;
  }
}
