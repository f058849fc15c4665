import { Readable } from 'node:stream';
import { RetryableFault } from '../../../src/core/errors.ts';
import type { Log } from '../../../src/core/log.ts';
import { OperationRegistry } from '../../../src/core/operation.ts';
import { clearAway } from '../../../src/engine/clear-away.ts';
import { LeaseKeeper } from '../../../src/engine/lease-keeper.ts';
import type { ChunkSession } from '../../../src/engine/ports/chunk-session.ts';
import type { ObjectStore } from '../../../src/engine/ports/object-store.ts';
import type { WorkQueue } from '../../../src/engine/ports/work-queue.ts';
import type { WorkStore } from '../../../src/engine/ports/work-store.ts';
import { type ServeTicket, serveTicket } from '../../../src/engine/serve-ticket.ts';
import type { RunChunk } from '../../../src/engine/settle-chunk.ts';
import { sweep } from '../../../src/engine/sweep.ts';
import { AloneHere, never } from '../alone-here.ts';
import { type Gate, gate } from '../gate.ts';
import type { TestSheaf } from '../sheaf.ts';
import type { Point } from './actions.ts';
import { type Fate, faultAt } from './fate.ts';
import { notingOperation } from './operation.ts';
import type { Rights } from './rights.ts';

/** What workers of one history have in common. */
export interface Surroundings {
  sheaf: TestSheaf;
  queue: WorkQueue;
  /** How many more calls to the object store fail. */
  store: { failing: number };
  /** A call of the handler begins; `allowed`: the right to it was given when the chunk was claimed. */
  called(batchId: string, records: readonly number[], allowed: boolean): Promise<void>;
  rights: Pick<Rights, 'given'>;
  /** A step failed as only a mistake in the program makes it fail. */
  mistaken(error: Error): void;
}

export type WorkerState = 'working' | 'frozen' | 'dead' | 'done';

/**
 * A worker as `startWorkers` builds it, for one ticket or one sweep, and in between to whatever mishaps befall it. All that
 * it does outside of itself goes through here: once it is dead nothing of it gets through any more, and its database
 * session is ended as that of a dead process is; while it is frozen everything waits.
 */
export class MortalWorker {
  readonly #around: Surroundings;
  readonly #fate: Fate;
  readonly #leases: LeaseKeeper;
  readonly #watchers: (() => void)[] = [];
  /** The process of what runs alone. */
  readonly #alone = new AloneHere();
  #state: WorkerState = 'working';
  #ice: Gate | null = null;
  readonly #sessionPids = new Set<number>();
  /** Whether the right was given when it last claimed a chunk. */
  #allowed = true;
  #outcome: Promise<void> = Promise.resolve();
  /** Whether a mishap made it throw: then its ticket ends with an error, which the queue takes note of. */
  #mayThrow = false;

  constructor(around: Surroundings, fate: Fate) {
    const { work, settings, log } = around.sheaf.services;
    this.#around = around;
    this.#fate = fate;
    const renew: WorkStore['renew'] = async (leases) => {
      if (this.#state !== 'working') throw new RetryableFault('a process that stands still renews nothing');
      return await work.renew(leases);
    };
    this.#leases = new LeaseKeeper({ renew }, settings, log);
  }

  get state(): WorkerState {
    return this.#state;
  }

  serve(stage: Parameters<typeof serveTicket>[1], { oneStep }: { oneStep: boolean }): Promise<WorkerState> {
    const { called, sheaf } = this.#around;
    const { services } = sheaf;
    const operations = new OperationRegistry([
      notingOperation({
        begun: (batchId, records) => called(batchId, records, this.#allowed),
        written: () => this.#pass('written'),
      }),
    ]);
    const known = { names: operations.list().map(({ name }) => name), versions: [1] };
    let looks = 0;
    const engine: ServeTicket = {
      ...services,
      log: this.#log(),
      operations,
      known,
      work: this.#work(),
      objects: this.#objects(),
      principals: this.#principals(),
      queue: this.#queue(),
      leases: this.#leases,
      longStages: new Set(),
      // Looked at before each step, and once more before going on to the next.
      stopping: () => oneStep && looks++ > 0,
    };
    // As it is seen from here: it may end by itself, and ends with the worker.
    const alone = this.#alone.of(engine, async (span) => {
      if (span !== null) await this.#pass('begun');
    });
    return this.#run(() => serveTicket({ ...engine, alone }, stage));
  }

  sweep(): Promise<WorkerState> {
    const { services } = this.#around.sheaf;
    const engine = {
      ...services,
      log: this.#log(),
      work: this.#work(),
      objects: this.#objects(),
      queue: this.#queue(),
    };
    // One after the other, so that a mishap comes at the same point each time.
    return this.#run(() => sweep(engine).finally(() => clearAway(engine)));
  }

  /** Goes on where it froze. @param told whether it hears first that its leases are lost */
  thaw(told: boolean): Promise<WorkerState> {
    if (told) this.#leases.abortAll();
    const ice = this.#ice;
    this.#ice = null;
    this.#state = 'working';
    ice?.open();
    return this.#rest();
  }

  async kill(): Promise<void> {
    this.#become('dead');
    await this.#leaveNothing();
  }

  #run(work: () => Promise<unknown>): Promise<WorkerState> {
    this.#outcome = work().then(
      () => this.#become('done'),
      async (error: unknown) => {
        this.#become('done');
        if (!this.#mayThrow) throw error;
      },
    );
    this.#outcome.catch(() => undefined);
    return this.#rest();
  }

  /** Waits until it is done, dead or frozen. @throws what it threw for no mishap's sake */
  async #rest(): Promise<WorkerState> {
    if (this.#state === 'working') await new Promise<void>((resolve) => this.#watchers.push(resolve));
    if (this.#state === 'dead') await this.#leaveNothing();
    if (this.#state === 'done') {
      await this.#leases.close();
      await this.#outcome;
    }
    return this.#state;
  }

  #become(state: WorkerState): void {
    this.#state = state;
    for (const resolve of this.#watchers.splice(0)) resolve();
  }

  /** The kernel closes the connections of a dead process, and the server rolls back what was open on them. */
  async #leaveNothing(): Promise<void> {
    await this.#leases.close();
    const pids = [...this.#sessionPids];
    this.#sessionPids.clear();
    if (pids.length === 0) return;
    await this.#around.sheaf
      .sql`select pg_terminate_backend(pid, 5000) from unnest(${pids}::int[]) as of(pid)`;
  }

  async #alive(): Promise<void> {
    if (this.#state === 'dead') await never();
    // What a process does side by side stands still together.
    if (this.#ice !== null) await this.#ice.wait();
    if (this.#state === 'dead') await never();
  }

  async #pass(point: Point): Promise<void> {
    await this.#alive();
    const how = this.#fate.at(point);
    if (how === undefined) return;
    if (how === 'crash_alone' && this.#alone.isAtWork) return await this.#alone.die();
    if (how === 'crash' || how === 'crash_alone') this.#become('dead');
    if (how === 'freeze') {
      this.#ice = gate();
      this.#become('frozen');
    }
    await this.#alive();
    if (how !== 'fault' && how !== 'error') return;
    this.#mayThrow = true;
    throw faultAt(point, how);
  }

  /** Does something outside; what comes of it reaches nobody if the worker died meanwhile. */
  async #call<T>(what: () => Promise<T>, points: { before?: Point; after?: Point } = {}): Promise<T> {
    await this.#alive();
    if (points.before !== undefined) await this.#pass(points.before);
    let done: T;
    try {
      done = await what();
    } catch (error) {
      await this.#alive();
      throw error;
    }
    await this.#alive();
    if (points.after !== undefined) await this.#pass(points.after);
    return done;
  }

  /** What is logged of a step that failed: a mistake in the program must not pass for a mishap. */
  #log(): Log {
    const { sheaf, mistaken } = this.#around;
    const { log } = sheaf.services;
    const noted =
      (level: 'warn' | 'error'): Log['warn'] =>
      (about, message) => {
        const { err } = about as { err?: unknown };
        if (isMistake(err)) mistaken(err);
        log[level](about, message);
      };
    return {
      debug: log.debug.bind(log),
      info: log.info.bind(log),
      warn: noted('warn'),
      error: noted('error'),
    };
  }

  #queue(): WorkQueue {
    const { queue } = this.#around;
    return {
      enqueue: (tickets) => this.#call(() => queue.enqueue(tickets)),
      waiting: (stage) => this.#call(() => queue.waiting(stage)),
    };
  }

  #principals(): RunChunk['principals'] {
    const { principals } = this.#around.sheaf.services;
    return { rightsOf: (...args) => this.#call(() => principals.rightsOf(...args)) };
  }

  #work(): WorkStore {
    const { work } = this.#around.sheaf.services;
    const settled = { after: 'settled' } as const;
    const swept = { after: 'swept' } as const;
    const call = this.#call.bind(this);
    return {
      claimBatch: async (...args) => {
        const claim = await call(() => work.claimBatch(...args));
        if (claim !== null) await this.#pass('claimed');
        return claim;
      },
      openSession: async () => this.#session(await call(() => work.openSession())),
      renew: (...args) => call(() => work.renew(...args)),
      giveBack: (...args) => call(() => work.giveBack(...args), { before: 'giving_back' }),
      noteCrash: (...args) => call(() => work.noteCrash(...args)),
      rejectHash: (...args) => call(() => work.rejectHash(...args), settled),
      finishCopy: (...args) => call(() => work.finishCopy(...args), settled),
      retrySources: (...args) => call(() => work.retrySources(...args)),
      finishConversion: (...args) => call(() => work.finishConversion(...args), settled),
      finishResults: (...args) => call(() => work.finishResults(...args), settled),
      finishRemoval: (...args) => call(() => work.finishRemoval(...args), settled),
      giveUp: (...args) => call(() => work.giveUp(...args), { before: 'giving_back' }),
      failExhausted: (...args) => call(() => work.failExhausted(...args), { before: 'failing' }),
      failStalled: (...args) => call(() => work.failStalled(...args), { before: 'failing' }),
      advance: (...args) => call(() => work.advance(...args), { after: 'advanced' }),
      callsOut: (batchId) => call(() => work.callsOut(batchId)),
      chunkLines: (batchId) => this.#chunkLines(work.chunkLines(batchId)),
      reclaimExpired: () => call(() => work.reclaimExpired(), swept),
      exhausted: (...args) => call(() => work.exhausted(...args), swept),
      stuck: () => call(() => work.stuck(), swept),
      waitingWork: () => call(() => work.waitingWork(), swept),
      stalled: (...args) => call(() => work.stalled(...args), swept),
      startRemovals: () => call(() => work.startRemovals(), swept),
    };
  }

  async *#chunkLines<T>(lines: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const chunk of lines) {
      await this.#alive();
      yield chunk;
    }
  }

  #session(session: ChunkSession): ChunkSession {
    const call = this.#call.bind(this);
    const settled = { after: 'settled' } as const;
    let pid: number | null = null;
    const noteSession = async (lease: string) => {
      const [row] = await this.#around.sheaf.sql<{ pid: number }[]>`
        select lease_pid as pid from chunks where lease = ${lease}`;
      pid = row?.pid ?? null;
      if (pid !== null) this.#sessionPids.add(pid);
    };
    return {
      claim: async (...args) => {
        const claim = await call(() => session.claim(...args));
        if (claim === null) return null;
        this.#allowed = this.#around.rights.given;
        await noteSession(claim.lease);
        await this.#pass('claimed');
        return claim;
      },
      adopt: async (claim) => {
        await call(() => session.adopt(claim));
        await noteSession(claim.lease);
      },
      settleValidation: (...args) => call(() => session.settleValidation(...args), settled),
      settleProcessing: (...args) => call(() => session.settleProcessing(...args), settled),
      journal: (...args) => call(() => session.journal(...args)),
      noteStarted: (...args) => call(() => session.noteStarted(...args)),
      noteOutcomes: (...args) => call(() => session.noteOutcomes(...args)),
      breakOff: () => session.breakOff(),
      release: () => {
        if (pid !== null) this.#sessionPids.delete(pid);
        session.release();
      },
    };
  }

  #objects(): ObjectStore {
    const { objects } = this.#around.sheaf.services;
    const stored = { after: 'stored' } as const;
    const call = this.#callStore.bind(this);
    return {
      ...objects,
      read: async (...args) => {
        const stream = await call(() => objects.read(...args), { before: 'read' });
        return Readable.from(this.#pieces(stream));
      },
      copy: (...args) => call(() => objects.copy(...args), stored),
      put: (...args) => call(() => objects.put(...args), stored),
      putStream: (...args) => call(() => objects.putStream(...args), stored),
      remove: (...args) => call(() => objects.remove(...args), stored),
      removeAll: (...args) => call(() => objects.removeAll(...args), stored),
      removeListed: (...args) => call(() => objects.removeListed(...args), stored),
      bytesOf: (...args) => call(() => objects.bytesOf(...args), stored),
    };
  }

  async *#pieces(stream: Readable): AsyncGenerator<Buffer> {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      await this.#pass('reading');
      yield piece;
    }
  }

  /** A call to the object store, which may be away. */
  async #callStore<T>(what: () => Promise<T>, points: { before?: Point; after?: Point }): Promise<T> {
    return await this.#call(async () => {
      const { store } = this.#around;
      if (store.failing > 0) {
        store.failing -= 1;
        this.#mayThrow = true;
        throw new RetryableFault('the object store is away (for the test)');
      }
      return await what();
    }, points);
  }
}

/** Class 42 of SQLSTATE are statements that no server could run. */
function isMistake(error: unknown): error is Error {
  if (error instanceof TypeError || error instanceof ReferenceError) return true;
  const { code } = (error ?? {}) as { code?: unknown };
  return error instanceof Error && typeof code === 'string' && /^42[0-9A-Z]{3}$/.test(code);
}
