const LONGEST_SECONDS = 3600;
/** IMF-fixdate and the two older forms (RFC 9110, section 5.6.7). */
const DATE =
  /^(\w+, \d\d[ -]\w{3}[ -]\d\d(\d\d)? \d\d:\d\d:\d\d GMT|\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})$/;

/**
 * How long an answer asks to wait: seconds or a date, an hour at the most. A date counts from the answer’s own, so that
 * clocks that differ do no harm. `undefined`: it does not say, or not in a way that can be read.
 */
export function retryAfterSeconds(
  headers: Readonly<Record<string, string>>,
  now: () => number = Date.now,
): number | undefined {
  const text = headers['retry-after']?.trim() ?? '';
  if (/^\d+$/.test(text)) return bounded(Number(text));
  const until = dateOf(text);
  if (until === undefined) return undefined;
  return bounded((until - (dateOf(headers.date?.trim() ?? '') ?? now())) / 1000);
}

function bounded(seconds: number): number | undefined {
  return seconds > 0 ? Math.min(Math.ceil(seconds), LONGEST_SECONDS) : undefined;
}

function dateOf(text: string): number | undefined {
  if (!DATE.test(text)) return undefined;
  const time = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(time) ? undefined : time;
}
