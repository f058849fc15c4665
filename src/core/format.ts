import { fullFormats } from 'ajv-formats/dist/formats.js';

/**
 * Formats as strict as what stores the values: what passes here, PostgreSQL can keep. ajv-formats allows the year
 * 0000, leap seconds and offsets of 23 hours, which it cannot.
 */

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** RFC 5321, 4.5.3.1.3: a path has at most 256 octets, two of which are the angle brackets. */
const LONGEST_EMAIL = 254;
const EMAIL = fullFormats.email as RegExp;

/** ISO 8601 calendar date, years 0001–9999. */
export function isIsoDate(text: string): boolean {
  const match = DATE.exec(text);
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && leap ? 29 : (DAYS[month - 1] ?? 0);
  return year >= 1 && day >= 1 && day <= days;
}

/** RFC 3339 date-time with an offset, in the years 0001–9999 also when told in UTC. */
export function isIsoDateTime(text: string): boolean {
  const match = DATE_TIME.exec(text);
  if (match === null || !isIsoDate(match[1] ?? '')) return false;
  // Only in the outermost years can the offset lead out of the range; a Date for every value costs more than the rest.
  if (!text.startsWith('0001') && !text.startsWith('9999')) return true;
  const year = new Date(text).getUTCFullYear();
  return year >= 1 && year <= 9999;
}

/** An address as RFC 5321 has it, in ASCII. */
export function isEmail(text: string): boolean {
  return text.length <= LONGEST_EMAIL && EMAIL.test(text);
}
