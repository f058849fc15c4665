import { type FailureSummary, MOST_FIRST_ERRORS } from '../../core/tally.ts';

/** What the failed records of both broke: they are not the same records. */
export function addFailures(one: FailureSummary, other: FailureSummary): FailureSummary {
  const codes = new Map(Object.entries(one.codes));
  for (const [code, records] of Object.entries(other.codes)) {
    codes.set(code, (codes.get(code) ?? 0) + records);
  }
  const byCount = [...codes].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const first = [...one.first, ...other.first].sort((a, b) => a.record - b.record);
  return { codes: Object.fromEntries(byCount), first: first.slice(0, MOST_FIRST_ERRORS) };
}
