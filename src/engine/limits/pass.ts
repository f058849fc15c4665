/** What a call says of its target. */
export interface TargetOutcome {
  /** Whether it found the target down, or had an answer of it; left out: it says nothing of that. */
  down?: boolean;
  /** All who call it are to wait so long. */
  waitSeconds?: number;
}

/** Leave to work on a chunk, within the limits of its operation. */
export interface Pass {
  /** How many calls may be under way at once under this pass; it changes, as others come and go. */
  readonly calls: number;
  /** For a chunk in a transaction: how many of so many records the rate allows now, and when there may be more. */
  take(records: number): Promise<{ records: number; waitSeconds: number }>;
  /**
   * Leave to make one call with so many records; waits for it itself for some 2 seconds. A number: come back after so
   * many seconds (the rate is used up, all slots are taken, the target asked to wait or seems to be down).
   * After a `null` the call is under way until `told`, which is to follow once, whatever came of it.
   */
  call(records: number, signal: AbortSignal): Promise<number | null>;
  /** A call is over. One that was not made in the end says nothing of the target. */
  told(outcome: TargetOutcome): void;
  /** Gives everything back; all calls are over. */
  release(): Promise<void>;
}
