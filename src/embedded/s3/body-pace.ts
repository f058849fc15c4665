import type { IncomingMessage } from 'node:http';

/** How slowly a body may come. */
export interface BodyPace {
  /** For how long it may stand still, or be behind the least rate in all. */
  patienceMs: number;
  leastBytesPerSecond: number;
}

/**
 * The pieces of a body as they come. A sender that lets them come byte by byte would hold its connection and a file for
 * as long as it likes, since something always moves: it is cut off. Only the time that is waited for the sender counts,
 * not what this server needs for its disk.
 */
export async function* atPace(http: IncomingMessage, pace: BodyPace): AsyncGenerator<Buffer> {
  const { patienceMs, leastBytesPerSecond } = pace;
  // What is left of a refused body is drained after the answer, which a destroyed request could not be.
  const pieces: AsyncIterator<Buffer> = http.iterator({ destroyOnReturn: false });
  let leftMs = patienceMs;
  try {
    for (;;) {
      const since = performance.now();
      const timer = setTimeout(() => http.destroy(), leftMs);
      const { value, done } = await pieces.next().finally(() => clearTimeout(timer));
      if (done) return;
      const earnedMs = (value.length / leastBytesPerSecond) * 1000;
      leftMs = Math.min(patienceMs, leftMs - (performance.now() - since) + earnedMs);
      yield value;
    }
  } finally {
    await pieces.return?.();
  }
}
