import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../src/config.ts';
import { RetryableFault } from '../src/core/errors.ts';
import type { RecordSpan } from '../src/core/probes.ts';
import type { HeldLease } from '../src/engine/lease-keeper.ts';
import type { AloneEnd } from '../src/engine/ports/alone.ts';
import type { BatchClaim, ChunkClaim } from '../src/engine/ports/claims.ts';
import type { Locations } from '../src/services.ts';
import { beatMsOf, type FromAlone, heardFault, type ToAlone } from './alone-messages.ts';

/** What processes of their own are started with. */
export interface AloneParts {
  /** The settings, and the secrets that operations use. */
  env: Environment;
  locations: Locations;
  leaseSeconds: number;
  /** Most of the heap, in MiB. */
  heapMb: number;
}

/** It loads operations and connects: until then only what would never come back is ended. */
const START_MS = 60_000;

/** Longer than the process itself gives its work to end. */
const END_MS = 4000;

/** How those end that somebody else told to: a supervisor, a terminal, a machine that goes down. */
const TOLD_BY_OTHERS: readonly (NodeJS.Signals | null)[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

const OURS = import.meta.url;
const SCRIPT = fileURLToPath(new URL(`./alone${extname(OURS)}`, OURS));

/** A process of `workers/alone.ts`, as the worker that started it sees it: it is given one piece of work at a time. */
export class AloneProcess {
  readonly #parts: AloneParts;
  readonly #leaseMs: number;
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  #isGone = false;
  #pieces = 0;
  /** Monotonic clock (ms). */
  #idleSince = 0;
  #watched: Watched | null = null;
  #why: string | null = null;

  constructor(parts: AloneParts) {
    this.#parts = parts;
    this.#leaseMs = parts.leaseSeconds * 1000;
    const child = start(parts);
    this.#child = child;
    const exit = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.on('error', (error) => {
        this.#why ??= error.message;
        if (child.pid === undefined) resolve();
      });
    });
    // What it said before its end is heard before its channel closes.
    const closed = child.connected ? once(child, 'disconnect') : Promise.resolve();
    this.#gone = Promise.all([exit, closed]).then(() => {
      this.#isGone = true;
    });
    child.on('message', (message: FromAlone) => this.#watched?.hear(message));
  }

  get isUsable(): boolean {
    return !this.#isGone && this.#child.connected;
  }

  isIdleFor(ms: number): boolean {
    return this.#watched === null && performance.now() - this.#idleSince >= ms;
  }

  letGo(): void {
    this.#say({ stop: true });
  }

  /** @throws what the work failed with, and why the lease was lost */
  async run(claim: BatchClaim | ChunkClaim, lease: HeldLease): Promise<AloneEnd> {
    const watched = new Watched(lease);
    this.#watched = watched;
    this.#pieces += 1;
    this.#child.ref();
    this.#say({ work: { claim, locations: this.#parts.locations } });
    const beatMs = beatMsOf(this.#leaseMs);
    const beating = setInterval(() => this.#beat(watched, beatMs), beatMs);
    let late: NodeJS.Timeout | undefined;
    const stop = () => {
      this.#say({ stop: true });
      late = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    };
    lease.signal.addEventListener('abort', stop);
    try {
      await Promise.race([this.#gone, watched.ended]);
    } finally {
      clearInterval(beating);
      clearTimeout(late);
      lease.signal.removeEventListener('abort', stop);
      this.#watched = null;
      this.#idleSince = performance.now();
      this.#child.unref();
    }
    return this.#outcome(watched);
  }

  #outcome({ told, span, lease }: Watched): AloneEnd {
    if (told !== null && 'ended' in told) return told.ended;
    lease.signal.throwIfAborted();
    if (told !== null) throw heardFault(told.failed);
    const { exitCode, signalCode } = this.#child;
    if (TOLD_BY_OTHERS.includes(signalCode)) {
      throw new RetryableFault(`its process was ended by ${signalCode}`, { free: true });
    }
    // What was left behind by the work before may have done it.
    if (span === null && this.#pieces > 1) {
      throw new RetryableFault('its process ended after other work', { free: true });
    }
    return { crashed: this.#why ?? signalCode ?? `exit code ${exitCode}`, span };
  }

  /**
   * Time is counted in beats of ours: while this process stood still, it could not hear the other. The lease is renewed
   * here, so that it is still held when it comes to noting whose doing it was.
   */
  #beat(watched: Watched, beatMs: number): void {
    if (!watched.lease.signal.aborted) this.#say({ held: true });
    watched.quietMs += beatMs;
    if (watched.quietMs <= (watched.isUp ? this.#leaseMs : Math.max(START_MS, this.#leaseMs))) return;
    this.#why ??= `no sign of life for ${Math.round(watched.quietMs / 1000)} seconds`;
    this.#child.kill('SIGKILL');
  }

  #say(message: ToAlone): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }
}

/** What is heard of one piece of work. */
class Watched {
  readonly lease: HeldLease;
  readonly ended: Promise<void>;
  quietMs = 0;
  isUp = false;
  span: RecordSpan | null = null;
  told: Extract<FromAlone, { ended: unknown } | { failed: unknown }> | null = null;
  #end: () => void = () => undefined;

  constructor(lease: HeldLease) {
    this.lease = lease;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  hear(message: FromAlone): void {
    this.quietMs = 0;
    if ('begins' in message) {
      this.isUp = true;
      this.span = message.begins;
      this.lease.alive();
    } else if ('beat' in message) {
      if (message.done !== undefined) this.lease.progress(message.done);
      if (message.alive) this.lease.alive();
    } else {
      this.told = message;
      this.#end();
    }
  }
}

function start({ env, heapMb }: AloneParts): ChildProcess {
  const asSources = SCRIPT.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
  return fork(SCRIPT, {
    env: env as NodeJS.ProcessEnv,
    execArgv: [...asSources, `--max-old-space-size=${heapMb}`],
    // What it logs goes where ours goes.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
