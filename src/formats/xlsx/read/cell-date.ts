import type { ShownAs } from './number-format.ts';

export type DateSystem = 1900 | 1904;

const DAY = 86_400_000;
/** The day 0 of each system; that of 1900 is one day earlier from March 1900 on, as it has a 29 February in that year. */
const EPOCHS: Record<DateSystem, number> = { 1900: Date.UTC(1899, 11, 31), 1904: Date.UTC(1904, 0, 1) };
const FALSE_DAY = 60;
const AFTER_LAST = Date.UTC(10_000, 0, 1);
/** Beyond it a double does not tell milliseconds apart any more. */
const LONGEST_DURATION = 1e7 * DAY;

/**
 * The date, the time or both that a serial number stands for (ECMA-376, 18.17.4), to the millisecond. A time is there
 * where the cell shows one or the number has one, so that none is lost: whoever wants a date reads midnight as none.
 *
 * @returns null when there is no such date
 */
export function dateText(
  serial: number,
  shown: Extract<ShownAs, { kind: 'date' }>,
  system: DateSystem,
): string | null {
  const total = Math.round(serial * DAY);
  if (!(Math.abs(total) <= LONGEST_DURATION)) return null;
  if (shown.elapsed) return durationText(total);
  if (total < 0) return null;
  if (!shown.date && serial < 1) return durationText(Math.min(total, DAY - 1));
  const days = Math.floor(total / DAY);
  if (system === 1900 && (days === 0 || days === FALSE_DAY)) return null;
  const day = system === 1900 && days > FALSE_DAY ? days - 1 : days;
  const time = total - days * DAY;
  const moment = EPOCHS[system] + day * DAY;
  if (moment >= AFTER_LAST) return null;
  const date = new Date(moment).toISOString().slice(0, 10);
  return shown.time || time > 0 ? `${date}T${durationText(time)}` : date;
}

function durationText(total: number): string {
  const rest = Math.abs(total);
  const [hours, minutes, seconds] = [rest / 3_600_000, (rest / 60_000) % 60, (rest / 1000) % 60].map((part) =>
    String(Math.floor(part)).padStart(2, '0'),
  );
  const fraction = rest % 1000 === 0 ? '' : `.${String(rest % 1000).padStart(3, '0')}`;
  return `${total < 0 ? '-' : ''}${hours}:${minutes}:${seconds}${fraction}`;
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?)?$/;
const ISO_TIME = /^T?((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?)$/;
const MIDNIGHT = /^00:00:00(?:\.0+)?$/;

/**
 * A date that a cell holds in ISO 8601, as strict workbooks do.
 *
 * @param onlyDate whether the cell shows nothing else
 */
export function isoDateText(text: string, onlyDate: boolean): string | null {
  const alone = ISO_TIME.exec(text)?.[1];
  if (alone !== undefined) return alone;
  const [, year, month, day, time, fraction = '', zone = ''] = ISO.exec(text) ?? [];
  if (year === undefined) return null;
  const date = `${year}-${month}-${day}`;
  const moment = new Date(`${date}T${time ?? '00:00:00'}Z`);
  if (Number.isNaN(moment.getTime()) || moment.toISOString().slice(0, 10) !== date) return null;
  if (time === undefined) return date;
  return onlyDate && MIDNIGHT.test(time + fraction) && zone === ''
    ? date
    : `${date}T${time}${fraction}${zone}`;
}
