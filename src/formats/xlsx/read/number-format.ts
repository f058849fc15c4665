/** What a number is shown as. */
export type ShownAs =
  | { kind: 'number' }
  /** Padded with zeros to so many digits, such as a postal code. */
  | { kind: 'digits'; digits: number }
  /** `elapsed`: hours, minutes or seconds that are not cut off at a day, an hour or a minute. */
  | { kind: 'date'; date: boolean; time: boolean; elapsed: boolean };

/** A format has one section for all numbers, or several, of which the number decides. */
export type NumberFormat = (value: number) => ShownAs;

const PLAIN: ShownAs = { kind: 'number' };
/** Excel takes no longer one. */
const LONGEST_CODE = 255;
const ELAPSED = /^(?:h+|m+|s+)$/i;
const CONDITION = /^(<=|>=|<>|<|>|=)(-?[0-9.]+(?:[eE][+-]?[0-9]+)?)$/;
/** A fraction of a second is the only digits that dates have. */
const SECONDS_FRACTION = /(s\]?)\.0+/g;

interface Section {
  shown: ShownAs;
  condition: ((value: number) => boolean) | null;
}

/** Reads the code of a number format (ECMA-376, 18.8.31); null for one that shows numbers as they are. */
export function numberFormat(code: string): NumberFormat | null {
  if (code.length > LONGEST_CODE) return null;
  // One with @ is for texts alone.
  const sections = sectionsOf(code)
    .filter((section, index) => index === 0 || !section.includes('@'))
    .map(readSection);
  if (sections.every(({ shown }) => shown.kind === 'number')) return null;
  const [first = { shown: PLAIN, condition: null }] = sections;
  if (sections.length === 1 && first.condition === null) return () => first.shown;
  return (value) => sectionFor(sections, value).shown;
}

/** Without conditions: positive, negative, zero, text. Whatever no condition takes is for the last one. */
function sectionFor(sections: readonly Section[], value: number): Section {
  const none = { shown: PLAIN, condition: null };
  const [first = none, second = first, third = first] = sections;
  const isFirst = first.condition ?? (sections.length > 2 ? isAbove : isNotBelow);
  if (sections.length === 1 || isFirst(value)) return first;
  if (sections.length === 2) return second;
  return (second.condition ?? isBelow)(value) ? second : third;
}

function isAbove(value: number): boolean {
  return value > 0;
}

function isNotBelow(value: number): boolean {
  return value >= 0;
}

function isBelow(value: number): boolean {
  return value < 0;
}

/**
 * The sections of a code, of each only what means something: colours, locales, quoted texts and escaped characters
 * become `"`, so that no letter of theirs is taken for a day or an hour.
 */
function sectionsOf(code: string): string[] {
  const TOKEN = /"[^"]*"?|[\\_*].?|\[([^\]]*)\]?|General|AM\/PM|A\/P|E[+-]|./gisu;
  let sections = '';
  for (const [token, bracket] of code.matchAll(TOKEN)) {
    if (bracket !== undefined) sections += ELAPSED.test(bracket) || CONDITION.test(bracket) ? token : '';
    else if (/^(?:am\/pm|a\/p)$/i.test(token)) sections += 'P';
    else if (token.length > 1 || /["\\_*]/.test(token)) sections += '"';
    else sections += token;
  }
  return sections.split(';');
}

function readSection(section: string): Section {
  let condition: Section['condition'] = null;
  const body = section.replace(/\[([<>=][^[\]]*)\]/g, (_, test: string) => {
    condition = conditionOf(test);
    return '';
  });
  return { shown: shownAs(body), condition };
}

function conditionOf(test: string): (value: number) => boolean {
  const [, sign, number] = CONDITION.exec(test) ?? [];
  const limit = Number(number);
  switch (sign) {
    case '<':
      return (value) => value < limit;
    case '<=':
      return (value) => value <= limit;
    case '>':
      return (value) => value > limit;
    case '>=':
      return (value) => value >= limit;
    case '=':
      return (value) => value === limit;
    default:
      return (value) => value !== limit;
  }
}

function shownAs(body: string): ShownAs {
  if (/^0{2,}$/.test(body)) return { kind: 'digits', digits: body.length };
  const parts = body.toLowerCase().replace(SECONDS_FRACTION, '$1');
  if (/[#?0]/.test(parts)) return PLAIN;
  const elapsed = /\[[hms]+\]/.test(parts);
  // Of the letters of dates only those are left that stand for themselves; a run of one letter is one part.
  const letters = parts.replace(/[^ymdhsegbp]/g, '').replace(/(.)(?=\1)/g, '');
  // `m` is a minute after an hour or before a second, and a month otherwise.
  const minutes = letters.replace(/hm/g, 'h').replace(/ms/g, 's');
  const date = /[ymdegb]/.test(minutes);
  const time = /[hsp]/.test(minutes) || elapsed;
  return date || time ? { kind: 'date', date: date && !elapsed, time, elapsed } : PLAIN;
}
