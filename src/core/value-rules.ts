/**
 * How the values of a file are written where they are not as a schema has them. Only what the client states: a day and a
 * month, or a point and a comma, are never told apart by what seems likely.
 */
export interface ValueRules {
  /** What stands before the decimals of a number. */
  decimal: '.' | ',';
  /** What stands between groups of three digits; `null`: nothing may. */
  thousands: string | null;
  /** Patterns of dates and times besides ISO 8601, such as `DD.MM.YYYY`. */
  dates: readonly string[];
  /** The zone of times that name none: `Z` or an offset, `+01:00`; `null`: such a time is an error. */
  timeZone: string | null;
}

/** Numbers with a point, dates by ISO 8601, times with their zone. */
export const PLAIN_VALUES: ValueRules = { decimal: '.', thousands: null, dates: [], timeZone: null };
