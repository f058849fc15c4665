import { RetryableFault } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** In one sweep; the next one goes on. */
const MOST_AT_ONCE = 100;

/** A store that neither answers nor refuses must not keep the sweep from its other steps. */
const MOST_MS = 10_000;

/**
 * Does a step of the sweep for the uploads that wait for it, one after the other, as far as the time goes.
 * @param step what is done, as it is told of an upload that could not be
 * @returns for how many it was done
 * @throws {RetryableFault}
 */
export async function eachUpload<Upload extends { id: string }>(
  find: (most: number) => Promise<Upload[]>,
  work: (upload: Upload, signal: AbortSignal) => Promise<void>,
  { log, step }: { log: Log; step: string },
): Promise<number> {
  const due = await find(MOST_AT_ONCE);
  const signal = AbortSignal.timeout(MOST_MS);
  let done = 0;
  for (const upload of due) {
    if (signal.aborted) break;
    try {
      await work(upload, signal);
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
