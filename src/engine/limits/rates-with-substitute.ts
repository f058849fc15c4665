import { RetryableFault } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { RequestRates } from '../ports/request-rates.ts';

/** As long as requests are counted for, so that what was counted elsewhere says nothing any more. */
const AWAY_SECONDS = 60;

/**
 * Counts requests in one place, and in another while that does not answer. Each begins with counts of its own, so as
 * many requests as are allowed may be let through once more when the place changes: it stays for a minute, and changes
 * no more than once in any minute.
 */
export function ratesWithSubstitute(
  rates: RequestRates,
  substitute: RequestRates,
  { log, awaySeconds = AWAY_SECONDS }: { log: Log; awaySeconds?: number },
): RequestRates {
  let away = false;
  /** When the first place is tried again (monotonic clock, ms). */
  let tryAt = 0;

  const isAway = (error: unknown) => {
    tryAt = performance.now() + awaySeconds * 1000;
    if (away) return;
    away = true;
    log.warn({ err: error }, 'requests are counted in PostgreSQL: Redis does not answer');
  };
  const isBack = () => {
    away = false;
    log.info({}, 'requests are counted in Redis again');
  };
  return {
    async take(key, rate) {
      const trying = away;
      if (away && performance.now() < tryAt) return await substitute.take(key, rate);
      // One request finds out; the others go on without it.
      if (away) tryAt = performance.now() + awaySeconds * 1000;
      try {
        const taken = await rates.take(key, rate);
        if (trying) isBack();
        return taken;
      } catch (error) {
        if (!(error instanceof RetryableFault)) throw error;
        isAway(error);
        return await substitute.take(key, rate);
      }
    },

    async close() {
      await Promise.all([rates.close(), substitute.close()]);
    },
  };
}
