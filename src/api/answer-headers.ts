/** What every answer carries: nothing here may be kept by a cache, and the id names the request in the log. */
export function answerHeaders(requestId: string): Record<string, string> {
  return { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-request-id': requestId };
}
