import { v4 as uuidv4 } from 'uuid';
import type { Log } from '../../core/log.ts';
import type { LimitStore } from '../ports/limit-store.ts';

export interface SlotsOf {
  target: string;
  /** Calls at once that the target takes, of everybody. */
  of: number;
  /** Calls at once that this one makes at the most. */
  most: number;
  leaseSeconds: number;
}

type Store = Pick<LimitStore, 'takeSlots' | 'keepSlots' | 'giveSlots' | 'wantSlots'>;

/** Where others wait and there are not enough for each to have one, a slot is kept for so long at a time. */
const TURN_MS = 1000;

/** After its turn: so that it is not the same one who takes the slot again. */
const AFTER_TURN_MS = 600;

const RENEW_SHARE_OF_LEASE = 1 / 3;

interface Waiting {
  enter(): void;
  end(): void;
}

/**
 * The slots of a target that one chunk has: as many as it can use and others leave it. When somebody waits who has
 * none, it gives back what is more than its fair share, as soon as the calls in them are over.
 */
export class SlotShare {
  readonly #limits: Store;
  readonly #log: Log;
  readonly #slots: SlotsOf;
  readonly #holder = uuidv4();
  readonly #waiting = new Set<Waiting>();
  #held = 0;
  #busy = 0;
  /** How many it may keep, as others want some. */
  #keep = Number.POSITIVE_INFINITY;
  /** Monotonic clock (ms), as all times here: from when on nobody guarantees that they are still its own. */
  #goodUntil = 0;
  #renewAt = 0;
  #heldSince = 0;
  #notBefore = 0;
  #released = false;
  /** What is asked of the store is asked one after the other, so that it is known what is held. */
  #asked: Promise<void> = Promise.resolve();
  #asking = false;

  constructor(limits: Store, log: Log, slots: SlotsOf) {
    this.#limits = limits;
    this.#log = log;
    this.#slots = slots;
  }

  /** How many calls may be under way at once. */
  get usable(): number {
    return this.isGood ? Math.min(this.#held, this.#keep) : 0;
  }

  get isGood(): boolean {
    return performance.now() < this.#goodUntil;
  }

  /** Waits for a slot until then (monotonic clock, ms). @returns false: there was none */
  async enter(until: number, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (this.#released) return false;
    if (this.#occupy()) return true;
    this.#grow();
    return await new Promise<boolean>((resolve, reject) => {
      const over = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        this.#waiting.delete(waiting);
      };
      const abort = (): void => {
        over();
        reject(signal.reason);
      };
      const end = (): void => {
        over();
        resolve(false);
      };
      const enter = (): void => {
        over();
        resolve(true);
      };
      const waiting: Waiting = { enter, end };
      const timer = setTimeout(end, Math.max(0, until - performance.now()));
      signal.addEventListener('abort', abort);
      this.#waiting.add(waiting);
    });
  }

  /** A call is over. */
  leave(): void {
    this.#busy = Math.max(0, this.#busy - 1);
    this.#settle();
  }

  /** Called a few times a second. @param others whether somebody waits who has none, and how many have some */
  tick(others: { wanted: boolean; holders: number }): void {
    if (this.#released) return;
    const now = performance.now();
    const fair = Math.floor(this.#slots.of / (Math.max(1, others.holders) + 1));
    const isTurnOver = now - this.#heldSince >= TURN_MS;
    // Who has none is the one that waits, or one of them.
    if (!others.wanted || this.#held === 0) this.#keep = Number.POSITIVE_INFINITY;
    else this.#keep = isTurnOver ? fair : Math.max(1, fair);
    if (this.#held > 0 && now >= this.#renewAt) this.#renew();
    this.#settle();
    const needsMore = this.#waiting.size > 0 || this.#busy >= this.#held;
    if (needsMore && this.#held < Math.min(this.#slots.most, this.#keep)) this.#grow();
  }

  /** Gives all back; whoever waits for one is told that there is none. */
  async release(): Promise<void> {
    if (!this.#released) {
      this.#released = true;
      for (const waiting of [...this.#waiting]) waiting.end();
      this.#ask(async () => {
        this.#held = 0;
        await this.#limits.giveSlots(this.#holder);
      });
    }
    await this.#asked;
  }

  #occupy(): boolean {
    if (this.#busy >= this.usable) return false;
    this.#busy += 1;
    return true;
  }

  /** Gives back what is too much and idle; lets those in who wait. */
  #settle(): void {
    if (this.#released) return;
    const idle = this.#held - Math.max(this.#keep, this.#busy);
    if (idle > 0) {
      this.#held -= idle;
      if (this.#held === 0) this.#notBefore = performance.now() + AFTER_TURN_MS;
      this.#ask(() => this.#limits.giveSlots(this.#holder, idle));
    }
    for (const waiting of this.#waiting) {
      if (!this.#occupy()) return;
      waiting.enter();
    }
  }

  #grow(): void {
    if (this.#asking || this.#released || performance.now() < this.#notBefore) return;
    this.#asking = true;
    this.#ask(async () => {
      const { target, of, most } = this.#slots;
      const asked = performance.now();
      const room = Math.min(most, this.#keep) - this.#held;
      const taken = room > 0 ? await this.#limits.takeSlots(target, this.#holder, { of, most: room }) : 0;
      if (taken > 0 && this.#held === 0) {
        this.#goodUntil = asked + this.#slots.leaseSeconds * 1000;
        this.#renewAt = asked + this.#slots.leaseSeconds * 1000 * RENEW_SHARE_OF_LEASE;
        this.#heldSince = performance.now();
      }
      this.#held += taken;
      if (this.#held === 0 && this.#waiting.size > 0) await this.#limits.wantSlots(target);
    }).finally(() => {
      this.#asking = false;
      this.#settle();
    });
  }

  #renew(): void {
    const { leaseSeconds } = this.#slots;
    this.#renewAt = performance.now() + leaseSeconds * 1000 * RENEW_SHARE_OF_LEASE;
    this.#ask(async () => {
      const asked = performance.now();
      const kept = await this.#limits.keepSlots(this.#holder);
      this.#held = Math.min(this.#held, kept);
      this.#goodUntil = asked + leaseSeconds * 1000;
    });
  }

  #ask(work: () => Promise<void>): Promise<void> {
    this.#asked = this.#asked.then(work).catch((error: unknown) => {
      this.#log.warn(
        { err: error, target: this.#slots.target },
        'the slots of a target could not be asked for',
      );
    });
    return this.#asked;
  }
}
