import type { Breaker } from '../../core/limits.ts';
import type { Log } from '../../core/log.ts';
import type { LimitStore, TargetState } from '../ports/limit-store.ts';
import type { TargetOutcome } from './pass.ts';

/** However long a target asks to be left alone, after this it is tried again. */
const LONGEST_WAIT_SECONDS = 3600;

/** While somebody finds out whether the target is back, the others look again so often. */
const PROBE_LOOK_MS = 500;

type Store = Pick<LimitStore, 'look' | 'block' | 'foundDown' | 'answered' | 'probe'>;

/** What this process knows of a target: what others have told as of the last look, what its own calls told at once. */
export class Target {
  readonly name: string;
  readonly #limits: Store;
  readonly #log: Log;
  /** Whether somebody waits for a slot, and how many have some. */
  wanted = false;
  holders = 0;
  #failures = 0;
  /** Monotonic clock (ms), as all times here. */
  #openUntil = 0;
  #probingUntil = 0;
  #blockedUntil = 0;
  /** Raised by whatever is told here: what was read from the store before that is older. */
  #version = 0;
  /** Notes are written in the order in which calls were told of: whether an answer came last is what matters. */
  #notes: Promise<void> = Promise.resolve();

  constructor(name: string, limits: Store, log: Log) {
    this.name = name;
    this.#limits = limits;
    this.#log = log;
  }

  get version(): number {
    return this.#version;
  }

  /** Takes over what a look at the store found. @param version as it was before that */
  learn(state: TargetState, version: number): void {
    const now = performance.now();
    this.wanted = state.wanted;
    this.holders = state.holders;
    this.#blockedUntil = Math.max(this.#blockedUntil, now + state.blockedSeconds * 1000);
    if (version !== this.#version) return;
    this.#failures = state.failures;
    this.#openUntil = now + state.openSeconds * 1000;
    this.#probingUntil = now + state.probingSeconds * 1000;
  }

  /** For how many milliseconds nothing may be sent: it asked to be left alone, seems to be down, or somebody finds out. */
  closedMs(breaker: Breaker | undefined): number {
    const now = performance.now();
    const closed = Math.max(this.#blockedUntil, this.#openUntil) - now;
    if (closed > 0 || !this.#seemsDown(breaker)) return Math.max(0, closed);
    return Math.max(0, Math.min(this.#probingUntil - now, PROBE_LOOK_MS));
  }

  /**
   * Once it may be back, one call finds out, and the others wait for that.
   * @param seconds how long the call may take
   * @returns whether a call may be made now
   */
  async mayTry(breaker: Breaker | undefined, seconds: number): Promise<boolean> {
    if (!this.#seemsDown(breaker)) return true;
    this.#probingUntil = performance.now() + seconds * 1000;
    this.#version += 1;
    const version = this.#version;
    if (await this.#limits.probe(this.name, seconds)) return true;
    // Somebody else does, or knows already: the next look tells.
    if (version === this.#version) this.#probingUntil = performance.now() + PROBE_LOOK_MS;
    return false;
  }

  #seemsDown(breaker: Breaker | undefined): boolean {
    return breaker !== undefined && this.#failures >= breaker.failures;
  }

  /** Notes what a call came to, for this process at once and soon for all. */
  told({ down, waitSeconds = 0 }: TargetOutcome, breaker: Breaker | undefined): void {
    const now = performance.now();
    if (waitSeconds > 0) {
      const seconds = Math.min(waitSeconds, LONGEST_WAIT_SECONDS);
      this.#blockedUntil = Math.max(this.#blockedUntil, now + seconds * 1000);
      this.#note(() => this.#limits.block(this.name, seconds));
    }
    if (down === true && breaker !== undefined) {
      this.#failures += 1;
      if (this.#failures >= breaker.failures && this.#openUntil <= now)
        this.#openUntil = now + breaker.seconds * 1000;
      this.#probingUntil = 0;
      this.#note(() => this.#limits.foundDown(this.name, breaker));
    }
    if (down === false && this.#failures > 0) {
      this.#failures = 0;
      this.#openUntil = 0;
      this.#probingUntil = 0;
      this.#note(() => this.#limits.answered(this.name));
    }
  }

  /** Resolves when everything that was told is noted, or could not be. */
  async noted(): Promise<void> {
    await this.#notes;
  }

  #note(write: () => Promise<void>): void {
    this.#version += 1;
    this.#notes = this.#notes
      .then(write)
      .catch((error: unknown) =>
        this.#log.warn(
          { err: error, target: this.name },
          'what a call told of its target could not be noted',
        ),
      )
      .finally(() => {
        this.#version += 1;
      });
  }
}
