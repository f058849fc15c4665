/** So many failed records, or such a share of them, end a batch: whoever sent it has made another mistake. */
export type StopAfter = { failures: number } | { share: number; min_records: number };

/** Records that a share is first taken of, where the request does not say. */
export const LEAST_RECORDS_OF_A_SHARE = 1000;

/**
 * Whether the limit is reached.
 * @param tally.failed all that failed so far, among them the invalid ones that no chunk has come to yet
 * @param tally.settled records that are settled, and how many of them failed: what a share is taken of
 */
export function isLimitReached(
  limit: StopAfter,
  tally: { failed: number; settled: number; settledFailed: number },
): boolean {
  if ('failures' in limit) return tally.failed >= limit.failures;
  return tally.settled >= limit.min_records && tally.settledFailed >= limit.share * tally.settled;
}

/** The limit in words, for the reason of a batch that it ended. */
export function describeLimit(limit: StopAfter): string {
  if ('failures' in limit)
    return limit.failures === 1 ? '1 failed record' : `${limit.failures} failed records`;
  return `a share of ${limit.share} failed records, of at least ${limit.min_records}`;
}
