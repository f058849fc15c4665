import { type Piece, piecesOf, problemOf, type Unit } from './date-tokens.ts';
import { isIsoDate, isIsoDateTime } from './format.ts';

/** What a text says by one pattern: not yet whether there is such a time. */
export interface ReadTime {
  /** `YYYY-MM-DD` */
  date: string;
  /** `HH:mm:ss`, with as much of a second’s fraction as the text has; `null`: it names no time of day. */
  time: string | null;
  /** `Z` or an offset, `+01:00`; `null`: it names none. */
  zone: string | null;
}

/** A form in which dates and times are written. */
export interface DatePattern {
  /** As the client states it. */
  name: string;
  /** @returns `null` when the text is not written like this */
  read(text: string): ReadTime | null;
}

const ISO = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:\d\d)?)?$/;

/** As RFC 3339 has it, alone or with a time, and a time with or without its zone. */
export const ISO_8601: DatePattern = {
  name: 'ISO 8601',
  read(text) {
    const match = ISO.exec(text);
    return match && { date: match[1] ?? '', time: match[2] ?? null, zone: match[3] ?? null };
  },
};

const LONGEST_PATTERN = 64;

/** @returns the pattern, or in plain words what is wrong with it */
export function parseDatePattern(pattern: string): DatePattern | { problem: string } {
  if (pattern.length > LONGEST_PATTERN) return { problem: `is longer than ${LONGEST_PATTERN} characters` };
  if (pattern.trim() !== pattern) return { problem: 'begins or ends with a blank' };
  const pieces = piecesOf(pattern);
  if ('problem' in pieces) return pieces;
  const problem = problemOf(pieces);
  if (problem !== null) return { problem };
  const read = readerOf(pieces);
  const unlikeIso = ISO_SAMPLES.find((sample) => readsOtherwise(sample, read(sample)));
  if (unlikeIso === undefined) return { name: pattern, read };
  return { problem: `reads ${unlikeIso} otherwise than ISO 8601, which is always read` };
}

/** Their digits differ, so that what changes places shows. */
const ISO_SAMPLES = ['2003-04-05', '2003-04-05T06:07:08', '2003-04-05T06:07:08Z', '2003-04-05T06:07:08.123'];

function readsOtherwise(sample: string, read: ReadTime | null): boolean {
  if (read === null) return false;
  const iso = ISO_8601.read(sample);
  return read.date !== iso?.date || (read.time !== null && read.time !== iso.time);
}

function readerOf(pieces: readonly Piece[]): DatePattern['read'] {
  const groups = new Map<Unit, number>();
  let form = '';
  for (const { token, literal } of pieces) {
    form += token === undefined ? literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') : `(${token.form})`;
    if (token !== undefined) groups.set(token.unit, groups.size + 1);
  }
  const shape = new RegExp(`^${form}$`);
  return (text) => {
    const match = shape.exec(text);
    if (match === null) return null;
    const at = (unit: Unit) => match[groups.get(unit) ?? -1];
    const two = (unit: Unit) => (at(unit) ?? '').padStart(2, '0');
    const fraction = at('fraction');
    const second = fraction === undefined ? two('second') : `${two('second')}.${fraction}`;
    return {
      date: `${at('year')}-${two('month')}-${two('day')}`,
      time: groups.has('hour') ? `${two('hour')}:${two('minute')}:${second}` : null,
      zone: offset(at('zone')),
    };
  };
}

/** As ISO 8601 writes it, also what is written `+0100` or `+01`. */
function offset(zone: string | undefined): string | null {
  if (zone === undefined) return null;
  return zone === 'Z' ? zone : `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
}

/** Whether there is such a date, and such a time of day and zone where they are named. */
export function exists({ date, time, zone }: ReadTime): boolean {
  return isIsoDate(date) && (time === null || isIsoDateTime(`2000-01-01T${time}${zone ?? 'Z'}`));
}
