import type { Rate } from '../../core/limits.ts';
import type { Taken } from './limit-store.ts';

/** So many requests in so many seconds; whose they are, and of what, is a matter of the key. */
export type RequestRate = Pick<Rate, 'records' | 'seconds' | 'lockSeconds'>;

/** What requests are counted with: atomic, under any number of processes, and by the clock of the store. */
export interface RequestRates {
  /**
   * Counts a request: never more are let through in any `seconds` than there are `records`. The first that finds none
   * left is refused and, with `lockSeconds`, all others for that time; nothing prolongs it.
   */
  take(key: string, rate: RequestRate): Promise<Taken>;
  close(): Promise<void>;
}
