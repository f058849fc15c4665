import { RetryableFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { beginAnywhere } from './begin-anywhere.ts';

/** In one sweep; the next one goes on. */
const MOST_AT_ONCE = 100;

/** A store that neither answers nor refuses must not keep what else is cleared away. */
const MOST_MS = 10_000;

/**
 * Does a step of the sweep for the uploads that wait for it, one after the other, as far as the time goes.
 * @param step what is done, as it is told of an upload that could not be
 * @param options.stop ends it where it is
 * @returns for how many it was done
 * @throws {RetryableFault}
 */
export async function eachUpload<Upload extends { id: string }>(
  find: (most: number) => Promise<Upload[]>,
  work: (upload: Upload, signal: AbortSignal) => Promise<void>,
  { log, step, stop }: { log: Log; step: string; stop: AbortSignal | undefined },
): Promise<number> {
  const due = await find(MOST_AT_ONCE);
  const signal = AbortSignal.any([AbortSignal.timeout(MOST_MS), ...(stop === undefined ? [] : [stop])]);
  const over = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  let done = 0;
  for (const upload of beginAnywhere(due)) {
    if (signal.aborted) break;
    try {
      // Not everything that is asked of the store listens to the signal.
      await Promise.race([work(upload, signal), over]);
      if (signal.aborted) break;
      done += 1;
    } catch (error) {
      if (signal.aborted) break;
      // A store that is away is away for all of them; what is wrong with one is not to keep the others.
      if (error instanceof RetryableFault) throw error;
      log.error(
        { err: error, upload: upload.id },
        `an upload could not be ${step}; the next sweep tries again`,
      );
    }
  }
  return done;
}
