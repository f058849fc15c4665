import type { Rate } from '../../core/limits.ts';

/** What limits are kept with. Every step is atomic, under any number of processes, and by the store's clock. */
export interface LimitStore {
  /**
   * Takes so many records of a rate: never more in any `rate.seconds` than it has, if they are used within
   * `leewaySeconds`. Takes at least as many as it must, or nothing.
   */
  take(key: string, rate: Rate, records: { least: number; most: number }): Promise<Taken>;
  /** Counts a single call against the same rate, and refuses such calls for a time once there is none left of it. */
  takeSingle(key: string, rate: Rate): Promise<Taken>;

  /**
   * Takes free slots of the `of` that a target has, up to `most`, and no more than is this holder's fair share of what
   * all who hold some have. They are its own until they are given back or their lease is over.
   */
  takeSlots(target: string, holder: string, slots: { of: number; most: number }): Promise<number>;
  /** Renews the lease of a holder's slots; answers how many it still has. */
  keepSlots(holder: string): Promise<number>;
  /** Gives so many of a holder's slots back; all, if left out. */
  giveSlots(holder: string, slots?: number): Promise<void>;
  /** Tells those who hold slots that somebody has none, and waits; for a second or two. */
  wantSlots(target: string): Promise<void>;

  /** What is known of each of these targets. */
  look(targets: readonly string[]): Promise<Map<string, TargetState>>;
  /** Nobody is to call the target for so many seconds. */
  block(target: string, seconds: number): Promise<void>;
  /** A call found it down: after so many in a row nothing is sent for so many seconds. */
  foundDown(target: string, breaker: { failures: number; seconds: number }): Promise<void>;
  /** A call was answered: whatever failed before is forgotten. */
  answered(target: string): Promise<void>;
  /** Asks to be the one that tries again, with so much time for it. */
  probe(target: string, seconds: number): Promise<boolean>;

  /** Removes rows that say nothing any more, so many of each kind at the most. */
  forgetUnused(most: number): Promise<number>;
}

export interface Taken {
  /** How many were given. */
  records: number;
  /** How many are left. */
  left: number;
  /** Until there may be more, where none or fewer than asked for were given; until single calls are taken again. */
  waitSeconds: number;
  /** Until all of the rate is there again, if nobody takes any. */
  resetSeconds: number;
}

export interface TargetState {
  /** Calls in a row that found it down. */
  failures: number;
  /** For how long nothing is to be sent as it seems to be down; 0: that time is over. */
  openSeconds: number;
  /** For how long one call has time to find out. */
  probingSeconds: number;
  /** For how long it asked to be left alone. */
  blockedSeconds: number;
  /** Whether somebody who has no slot waits for one. */
  wanted: boolean;
  /** How many hold slots. */
  holders: number;
}

/** For how long records that were taken may be kept before they are used. */
export function leewaySeconds({ seconds }: Rate): number {
  return Math.min(0.2, seconds / 20);
}
