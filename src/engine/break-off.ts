import type { ChunkSession } from './ports/chunk-session.ts';

/** How long work may take to end by itself once its lease is lost. */
const GRACE_MS = 5_000;

/**
 * Runs work that waits for a database session under a lease. A database that is gone without a word never answers what
 * the work waits for: when the lease is lost and the work has not ended soon after, the session is broken off. Nothing
 * that it was at can count any more, and others need the place.
 */
export async function brokenOff<T>(
  session: Pick<ChunkSession, 'breakOff'>,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const lost = () => {
    timer = setTimeout(() => session.breakOff(), GRACE_MS);
  };
  signal.addEventListener('abort', lost, { once: true });
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', lost);
  }
}
