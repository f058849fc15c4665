import { type Coerced, isProblem, type Problem, type ReadText } from './coerced.ts';
import { type DatePattern, exists, ISO_8601, parseDatePattern, type ReadTime } from './date-pattern.ts';
import type { RecordErrorCode } from './errors.ts';
import { isIsoDateTime } from './format.ts';
import type { ValueRules } from './value-rules.ts';

export type DateFormat = 'date' | 'date-time';

/** @returns what is wrong with a pattern of dates that a client states, in plain words; `null`: nothing */
export function datePatternProblem(pattern: string): string | null {
  const parsed = parseDatePattern(pattern);
  return 'problem' in parsed ? parsed.problem : null;
}

/** As far as clocks differ from UTC, which is as far as date-times may (core/format.ts). */
const ZONE = /^(Z|[+-](0\d|1[0-4]):[0-5]\d)$/;

/** @returns what is wrong with the zone that a client states for times without one; `null`: nothing */
export function timeZoneProblem(timeZone: string): string | null {
  if (ZONE.test(timeZone)) return null;
  return 'must be Z or an offset such as +01:00; names of zones are not read';
}

/**
 * Reads texts of a field that holds dates, or times: ISO 8601 always, and what the client’s patterns read. A text that
 * two of them read differently is nobody’s guess.
 *
 * @throws {Error} when a pattern is none: they are checked with the request
 */
export function dateReader(format: DateFormat, rules: Pick<ValueRules, 'dates' | 'timeZone'>): ReadText {
  const patterns = [ISO_8601, ...rules.dates.map(known)];
  const meaning = format === 'date' ? dateOf : (read: ReadTime) => momentOf(read, rules.timeZone);
  const unlike = `must be ${EXAMPLES[format]}${otherForms(rules.dates)}`;
  const looksIso = format === 'date' ? isWrittenLikeIsoDate : isWrittenLikeIsoDateTime;
  return (text) => {
    // Most texts of most files; the check of the schema tells those that only look like it.
    if (rules.dates.length === 0 && looksIso(text)) return text;
    return readBy(patterns, text.trim(), meaning) ?? bad('invalid_format', unlike);
  };
}

const EXAMPLES: Record<DateFormat, string> = {
  date: 'a date such as 1999-12-31',
  'date-time': 'a date and time with its zone such as 1999-12-31T23:59:00Z',
};

const MOST_PATTERNS_SHOWN = 5;

function otherForms(dates: readonly string[]): string {
  if (dates.length === 0) return '; other forms are stated in format.dates';
  return dates.length > MOST_PATTERNS_SHOWN
    ? ', or as format.dates says'
    : `, or be written ${dates.join(' or ')}`;
}

function known(pattern: string): DatePattern {
  const parsed = parseDatePattern(pattern);
  if ('problem' in parsed) throw new Error(`the pattern ${JSON.stringify(pattern)} ${parsed.problem}`);
  return parsed;
}

/** `null` when no pattern is like the text. Of what is wrong by several of them the first is told. */
function readBy(
  patterns: readonly DatePattern[],
  text: string,
  meaning: (read: ReadTime) => Coerced,
): Coerced | null {
  let found: { value: Coerced; by: DatePattern } | null = null;
  let problem: Problem | null = null;
  for (const by of patterns) {
    const read = by.read(text);
    if (read === null) continue;
    const value = exists(read) ? meaning(read) : missing(by);
    if (isProblem(value)) problem ??= value;
    else if (found === null) found = { value, by };
    else if (found.value !== value) {
      const ways = `${found.value} by ${found.by.name}, but ${value} by ${by.name}`;
      return bad('ambiguous_date', `is ${ways}`);
    }
  }
  return found?.value ?? problem;
}

function missing({ name }: DatePattern): Problem {
  return bad('invalid_format', `is written as ${name}, but there is no such date or time`);
}

/** A time is never cut off: only midnight is no more than its date, and in one zone it is another’s other day. */
function dateOf({ date, time, zone }: ReadTime): Coerced {
  if (time === null || (zone === null && MIDNIGHT.test(time))) return date;
  const what = zone === null ? 'a time of day' : 'a time and its zone';
  return bad('invalid_format', `has ${what}, which a date would lose; must be ${EXAMPLES.date}`);
}

const MIDNIGHT = /^00:00:00(\.0+)?$/;

function momentOf({ date, time, zone }: ReadTime, timeZone: string | null): Coerced {
  if (time === null) {
    return bad('invalid_format', `is a date without a time; must be ${EXAMPLES['date-time']}`);
  }
  const named = zone ?? timeZone;
  if (named === null) {
    return bad(
      'invalid_format',
      'has no time zone; state format.time_zone, or write it as in 1999-12-31T23:59:00Z',
    );
  }
  const value = `${date}T${time}${named}`;
  return isIsoDateTime(value) ? value : bad('invalid_format', 'is not in the years 0001 to 9999');
}

const [HYPHEN, LETTER_T, LETTER_Z, PLUS] = [45, 84, 90, 43];

function isWrittenLikeIsoDate(text: string): boolean {
  return text.length === 10 && text.charCodeAt(4) === HYPHEN && text.charCodeAt(7) === HYPHEN;
}

function isWrittenLikeIsoDateTime(text: string): boolean {
  if (text.charCodeAt(10) !== LETTER_T || text.charCodeAt(4) !== HYPHEN) return false;
  const sign = text.charCodeAt(text.length - 6);
  return text.charCodeAt(text.length - 1) === LETTER_Z || sign === PLUS || sign === HYPHEN;
}

function bad(code: RecordErrorCode, message: string): Problem {
  return { code, message };
}
