import { type FinalResult, failed, shortened } from '../../core/result.ts';
import type { CohortChange, CohortInput } from './cohort-input.ts';

/** What is to be stored of a cohort: what a record gives, with its lists read. What is not given is not there. */
export interface CohortDetails {
  name?: string | undefined;
  description?: string | undefined;
  thumbnail_url?: string | undefined;
  starts_at?: string | undefined;
  ends_at?: string | undefined;
  room?: string | undefined;
  quota?: number | undefined;
  delivery?: string | undefined;
  days?: readonly string[] | undefined;
  group_types?: readonly string[] | undefined;
  is_local?: boolean | undefined;
}

/** Two chunks that give a course the same name at once: the later one is told so by the database. */
export const COHORT_CONSTRAINTS = {
  cohorts_name: {
    code: 'cohort_exists',
    message: 'the course has a cohort of this name already',
    field: 'name',
  },
};

export const DETAIL_FAILURES = {
  day_unknown: 'A weekday is not one',
  ends_before_start: 'The cohort would end before it starts',
};

const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const SHORT = WEEKDAYS.map((day) => day.slice(0, 3));

/** Reads the lists of a record; the first of its weekdays that is none fails it. */
export function readDetails({
  days,
  group_types,
  name,
  description,
  thumbnail_url,
  starts_at,
  ends_at,
  room,
  quota,
  delivery,
  is_local,
}: CohortInput | CohortChange): { details: CohortDetails } | { failure: FinalResult<never> } {
  const given = days === undefined ? undefined : itemsOf(days);
  const unknown = given?.find((day) => weekday(day) === -1);
  if (unknown !== undefined) {
    const message = `${JSON.stringify(shortened(unknown))} is no weekday; they are ${SHORT.join(', ')}`;
    return { failure: failed('day_unknown', message, 'days') };
  }
  const details = {
    ...{ name, description, thumbnail_url, starts_at, ends_at, room, quota, delivery, is_local },
    days: given && SHORT.filter((_, index) => given.some((day) => weekday(day) === index)),
    group_types: group_types === undefined ? undefined : [...new Set(itemsOf(group_types))],
  };
  return { details };
}

/** Fails what would end before it starts; times in seconds, `null` where there is none. */
export function orderFailure(
  starts: number | null,
  ends: number | null,
  given: Pick<CohortDetails, 'ends_at'>,
): FinalResult<never> | undefined {
  if (starts === null || ends === null || ends >= starts) return undefined;
  return given.ends_at === undefined
    ? failed('ends_before_start', 'the cohort would start after it has ended', 'starts_at')
    : failed('ends_before_start', 'the cohort would end before it starts', 'ends_at');
}

/** Seconds of an RFC 3339 time to the microsecond, as it is stored; a Date alone has milliseconds. */
export function secondsOf(time: string): number {
  const fraction = /\.\d+/.exec(time)?.[0] ?? '';
  return Date.parse(time.replace(fraction, '')) / 1000 + Math.round(Number(`0${fraction}`) * 1e6) / 1e6;
}

/** The items of a list in a cell; blank ones are none. */
function itemsOf(list: string): string[] {
  return list
    .split(/[;,]/)
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function weekday(text: string): number {
  const day = text.toLowerCase();
  return SHORT.includes(day) ? SHORT.indexOf(day) : WEEKDAYS.indexOf(day);
}
