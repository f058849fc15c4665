import type { OperationRecord } from '../../core/operation.ts';
import type { JournalEntry } from '../ports/chunk-outcome.ts';

/** A record that has no result yet. */
export interface Pending {
  record: OperationRecord<unknown>;
  /** How often it was tried. */
  attempts: number;
  /** A try may have taken effect without an answer. */
  uncertain: boolean;
  /** Monotonic clock (ms) before which it is not tried again. */
  dueAt: number;
}

/** What the journal says of a record that is to be sent, or sent again. */
export function pendingFrom(record: OperationRecord<unknown>, known: JournalEntry | undefined): Pending {
  const { attempts, uncertain, state, dueSeconds } = known ?? NEW;
  return {
    record,
    attempts,
    // Whoever started it has told nothing of it.
    uncertain: uncertain || state === 'started',
    dueAt: performance.now() + Math.max(0, dueSeconds) * 1000,
  };
}

const NEW = { attempts: 0, uncertain: false, state: 'waiting', dueSeconds: 0 } as const;

/** The records of a chunk that have no result yet: those that can be sent, in the file's order, and those that wait. */
export class PendingRecords {
  readonly #groupSize: number;
  #ready: Pending[];
  #waiting: Pending[] = [];
  /** The earliest of those that wait. */
  #earliest = Number.POSITIVE_INFINITY;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(records: readonly Pending[], groupSize: number) {
    this.#groupSize = groupSize;
    this.#ready = [];
    this.add(records);
  }

  /** Records that are due are taken after those that can be sent already. */
  add(records: readonly Pending[]): void {
    for (const record of records) {
      this.#waiting.push(record);
      this.#earliest = Math.min(this.#earliest, record.dueAt);
    }
  }

  /** Nothing is sent for so long, whatever is due. */
  holdBack(seconds: number): void {
    this.#notBefore = Math.max(this.#notBefore, performance.now() + seconds * 1000);
  }

  /** For how many seconds more nothing is sent, whatever is due. */
  get heldBackSeconds(): number {
    return Math.max(0, (this.#notBefore - performance.now()) / 1000);
  }

  /** The records of the next call; `null`: none can be sent now. */
  next(): Pending[] | null {
    const now = performance.now();
    if (now < this.#notBefore) return null;
    if (now >= this.#earliest) this.#wake(now);
    if (this.#ready.length === 0) return null;
    return this.#ready.splice(0, this.#groupSize);
  }

  #wake(now: number): void {
    this.#ready.push(...this.#waiting.filter(({ dueAt }) => dueAt <= now));
    this.#waiting = this.#waiting.filter(({ dueAt }) => dueAt > now);
    this.#earliest = this.#waiting.reduce(
      (earliest, { dueAt }) => Math.min(earliest, dueAt),
      Number.POSITIVE_INFINITY,
    );
  }

  /** Milliseconds until something can be sent; `null`: nothing is left. */
  get waitMs(): number | null {
    if (this.#ready.length === 0 && this.#waiting.length === 0) return null;
    const now = performance.now();
    const due = this.#ready.length > 0 ? now : this.#earliest;
    return Math.max(0, Math.max(due, this.#notBefore) - now);
  }
}
