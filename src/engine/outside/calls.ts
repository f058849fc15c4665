import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseLost } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { OperationContext, OutsideOperation } from '../../core/operation.ts';
import type { RecordResult } from '../../core/result.ts';
import type { Pass } from '../gate.ts';
import type { HeldLease } from '../lease-keeper.ts';
import type { JournalEntry } from '../ports/chunk-outcome.ts';
import { afterTry } from '../tries.ts';
import { tellsOfStop } from '../within-time.ts';
import { callOperation } from './call-operation.ts';
import type { JournalWriter } from './journal-writer.ts';
import type { Pending, PendingRecords } from './pending-records.ts';

/** Waits of no more than this are waited out; for longer ones the chunk is given back. */
export const LONGEST_WAIT_MS = 2000;

/**
 * How long calls that are out are waited for once the chunk is not this worker’s any more. A cancel is known with the
 * next renewal, after 2 s; 5 s after it nothing may be begun, not even by a call that waits for its connection.
 */
const GRACE_MS = 2500;

/** A process that stood still for so long after it noted a start does not know whether it may still send. */
const START_GOOD_MS = 4000;

/** More than any timer needs: the next thing that happens is looked at in any case. */
const LONGEST_TIMER_MS = 60_000;
const ALIVE_MS = 5000;

/** Nobody waits longer for a record, whatever its target asks for. */
const LONGEST_DUE_SECONDS = 86_400;

/** What a call says of the other side. */
type Said = Parameters<Pass['told']>[0];

/** What the calls of one visit to a chunk are made with. */
export interface CallsOf {
  operation: OutsideOperation;
  todo: PendingRecords;
  pass: Pass;
  writer: JournalWriter;
  lease: HeldLease;
  contextOf(signal: AbortSignal): OperationContext<unknown>;
  /** Whether this worker is told to stop: then nothing is begun any more. */
  stopping: () => boolean;
  log: Log;
  about: Record<string, unknown>;
}

/**
 * Makes as many calls at once as may be made, each noted in the journal before and after. Ends when nothing is left
 * that could be sent soon, or when nothing may be sent any more.
 */
export class OutsideCalls {
  readonly #of: CallsOf;
  readonly #out = new Set<Promise<void>>();
  /** Fires when calls that are out are not waited for any longer. */
  readonly #abandoned = new AbortController();
  readonly #context: OperationContext<unknown>;
  #sending = 0;
  #fault: { error: unknown } | null = null;
  #wake: () => void = () => undefined;

  constructor(of: CallsOf) {
    this.#of = of;
    this.#context = of.contextOf(this.#abandoned.signal);
  }

  /** @throws what ended it: the lease lost, the journal out of reach, an operation that is broken */
  async run(): Promise<void> {
    const { lease, writer } = this.#of;
    const wake = () => this.#wake();
    lease.signal.addEventListener('abort', wake);
    // Calls may take longer than a step may without progress, but not longer than they are allowed to.
    const alive = setInterval(() => this.#sending > 0 && lease.alive(), ALIVE_MS);
    try {
      await this.#makeAll();
      await writer.drained();
    } catch (error) {
      await this.#windUp(error);
      throw error;
    } finally {
      clearInterval(alive);
      lease.signal.removeEventListener('abort', wake);
    }
  }

  async #makeAll(): Promise<void> {
    const { todo, pass, lease, stopping } = this.#of;
    for (;;) {
      lease.signal.throwIfAborted();
      if (this.#fault !== null) throw this.#fault.error;
      while (this.#out.size < pass.calls && !stopping()) {
        const group = todo.next();
        if (group === null) break;
        this.#begin(group);
      }
      const wait = this.#out.size < pass.calls && !stopping() ? todo.waitMs : null;
      // Who was held back has waited already: others have their turn.
      const isLong = wait === null || wait > LONGEST_WAIT_MS || todo.heldBackSeconds > 0;
      if (this.#out.size === 0 && isLong) return;
      await this.#nextEvent(wait);
    }
  }

  /** A call has ended, or the time is over, or the lease is lost. */
  async #nextEvent(waitMs: number | null): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(waitMs ?? LONGEST_TIMER_MS, LONGEST_TIMER_MS));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #begin(group: readonly Pending[]): void {
    const call = this.#call(group)
      .catch((error: unknown) => {
        this.#logBeside(error, 'another call failed after the one for which the calls end');
        this.#fault ??= { error };
      })
      .finally(() => {
        this.#out.delete(call);
        this.#wake();
      });
    this.#out.add(call);
  }

  async #call(group: readonly Pending[]): Promise<void> {
    const { todo, pass, lease } = this.#of;
    const waitSeconds = await pass.call(group.length, lease.signal);
    if (waitSeconds !== null) {
      todo.holdBack(waitSeconds);
      return todo.add(group);
    }
    let said: Said = {};
    try {
      const tries = await this.#start(group);
      if (tries.length > 0) said = await this.#send(tries);
    } finally {
      pass.told(said);
    }
  }

  /** @returns those that are to be sent now */
  async #start(group: readonly Pending[]): Promise<readonly Pending[]> {
    const { todo, writer, lease } = this.#of;
    lease.signal.throwIfAborted();
    const begun = await writer.start(group.map(started));
    const tries = group.filter(({ record }) => begun.records.has(record.number));
    const isStale = performance.now() - begun.askedAt > START_GOOD_MS;
    if (!lease.signal.aborted && this.#fault === null && !isStale) return tries;
    writer.note(tries.map(notSent));
    todo.add(tries);
    return [];
  }

  /** @returns what the call says of the other side */
  async #send(tries: readonly Pending[]): Promise<Said> {
    const { operation, lease, log, about } = this.#of;
    const attempts = new Map(tries.map((pending) => [pending.record.number, pending.attempts + 1]));
    const records = tries.map(({ record }) => record);
    lease.alive();
    this.#sending += 1;
    const outcome = await callOperation(operation, {
      records,
      context: this.#context,
      attempt: (record) => attempts.get(record) ?? 0,
    }).finally(() => {
      this.#sending -= 1;
    });
    lease.alive();
    // Nobody waited for it any longer: what the journal has, that it was started, is all that is known.
    if (this.#abandoned.signal.aborted) {
      this.#logBeside(outcome.thrown, 'a call failed after it was given up');
      return {};
    }
    this.#note(tries, outcome.results);
    if (outcome.thrown === undefined) return saidOfTarget(outcome.results);
    const numbers = records.map(({ number }) => number);
    log.warn({ ...about, records: numbers, err: outcome.thrown }, 'a call told nothing of its records');
    return { down: true };
  }

  #note(tries: readonly Pending[], results: readonly RecordResult<unknown>[]): void {
    const { operation, todo, writer } = this.#of;
    const again: Pending[] = [];
    const entries = tries.map((pending, index): JournalEntry => {
      const before = { ...pending, record: pending.record.number };
      const entry = afterTry(operation, before, results[index]!);
      const dueSeconds = bounded(entry.dueSeconds);
      if (entry.state === 'waiting') {
        const dueAt = performance.now() + dueSeconds * 1000;
        again.push({ record: pending.record, attempts: entry.attempts, uncertain: entry.uncertain, dueAt });
      }
      return { ...entry, dueSeconds };
    });
    writer.note(entries);
    todo.add(again);
  }

  /** What is out is waited for a little, so that its outcome is known; whatever comes later is not. */
  async #windUp(reason: unknown): Promise<void> {
    this.#fault ??= { error: reason };
    await atMost(GRACE_MS, Promise.all(this.#out));
    this.#abandoned.abort(reason);
    const drained = this.#of.writer.drained().catch((error: unknown) => {
      this.#logBeside(error, 'the outcomes of calls could not be noted');
    });
    await atMost(GRACE_MS, drained);
  }

  /** What comes on top of the fault that is thrown is told here, but what only follows from it. */
  #logBeside(error: unknown, message: string): void {
    const { lease, log, about } = this.#of;
    const ends = [lease.signal, this.#abandoned.signal].some(
      (signal) => signal.aborted && tellsOfStop(error, signal),
    );
    const follows = ends || error instanceof LeaseLost || error === this.#fault?.error;
    if (error === undefined || this.#fault === null || follows) return;
    log.warn({ ...about, err: error }, message);
  }
}

function started({ record, attempts, uncertain }: Pending): JournalEntry {
  const entry = { record: record.number, attempts: attempts + 1, uncertain };
  return { ...entry, state: 'started', dueSeconds: 0, result: null };
}

/** Nothing came of the try, not even an error. */
function notSent(pending: Pending): JournalEntry {
  return { ...started(pending), state: 'waiting' };
}

/** What the results of a call say of the other side. */
export function saidOfTarget(results: readonly RecordResult<unknown>[]): Said {
  const said = results.flatMap((result) => (result.status === 'retry' ? (result.target ?? []) : []));
  const waits = said.flatMap(({ waitSeconds }) => (waitSeconds === undefined ? [] : [bounded(waitSeconds)]));
  return {
    down: said.some(({ down }) => down === true),
    ...(waits.length > 0 && { waitSeconds: Math.max(...waits) }),
  };
}

/** An operation may say anything. */
function bounded(said: number): number {
  const seconds = Number(said);
  return Number.isNaN(seconds) ? 0 : Math.min(Math.max(0, seconds), LONGEST_DUE_SECONDS);
}

/** Waits for work that tells its own errors: here only its end counts, or that of the time. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  // Rejects only when it is not waited for any more.
  const waited = sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([work, waited]);
  over.abort();
}
