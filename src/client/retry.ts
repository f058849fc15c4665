import { setTimeout as sleep } from 'node:timers/promises';
import { SheafError } from './sheaf-error.ts';

export interface RetryPolicy {
  /** How often a request is sent at the most. */
  attempts: number;
  /** The wait before the second attempt; each later one is twice as long. */
  firstDelayMs: number;
}

/** Six attempts in eight seconds: enough to outlast a restart of the API behind a load balancer. */
export const DEFAULT_RETRIES: RetryPolicy = { attempts: 6, firstDelayMs: 250 };

const LONGEST_DELAY_MS = 30_000;
/** Besides 503: what proxies answer for a server that restarts. */
const PASSING_STATUSES = [502, 503, 504];
/** No answer; and what S3 says, with other statuses, of a trouble of its own and of a body that came too slowly. */
const PASSING_CODES = ['unreachable', 'InternalError', 'RequestTimeout'];

/** Runs what may safely be run again, a bounded number of times, as long as its trouble may pass by itself. */
export async function retrying<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let number = 1; ; number += 1) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (number >= policy.attempts || !mayPass(error)) throw error;
      await pause(delay(policy, number, error), signal);
    }
  }
}

/** Waits; a signal that fires meanwhile is thrown as its own reason, as everywhere in the client. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

function mayPass(error: unknown): error is SheafError {
  if (!(error instanceof SheafError)) return false;
  return PASSING_CODES.includes(error.code) || PASSING_STATUSES.includes(error.status);
}

/** Half of the wait is random, so that clients that were cut off together do not come back together. */
function delay(policy: RetryPolicy, number: number, error: SheafError): number {
  const backoff = policy.firstDelayMs * 2 ** (number - 1) * (0.5 + Math.random() / 2);
  return Math.min(LONGEST_DELAY_MS, Math.max(backoff, (error.retryAfter ?? 0) * 1000));
}
