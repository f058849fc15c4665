/** More than so many accounts are not remembered: those whose turn is the longest ago are taken as if they had had none. */
const MOST_ACCOUNTS = 1000;

/**
 * Whose turn it is among accounts that run as much as they may beside each other, in one process. Where there are fewer
 * workers than accounts all of them run nothing or one chunk, and the oldest batch would always come first: so who was
 * served is ahead of the others, by less if its weight is more (start-time fair queueing). An account that had no work
 * for a while has saved nothing up.
 */
export class ClaimTurns {
  #now = 0;
  /** Until when each account has had its turns, on the clock of `#now`. */
  readonly #until = new Map<string, number>();

  /** By how much accounts are ahead of those that are not named. */
  ahead(): { accounts: string[]; by: number[] } {
    const ahead = [...this.#until].filter(([, until]) => until > this.#now);
    return { accounts: ahead.map(([account]) => account), by: ahead.map(([, until]) => until - this.#now) };
  }

  /** The account was served; `alone`: nobody else waited, so nobody has to be made up for it. */
  took({ accountId, weight, alone }: { accountId: string; weight: number; alone: boolean }): void {
    if (alone) {
      this.#until.clear();
      return;
    }
    this.#now = Math.max(this.#now, this.#until.get(accountId) ?? 0);
    this.#until.delete(accountId);
    this.#until.set(accountId, this.#now + 1 / weight);
    for (const [account, until] of this.#until) {
      if (until > this.#now && this.#until.size <= MOST_ACCOUNTS) continue;
      this.#until.delete(account);
    }
  }
}
