import { openAloneServices } from '../src/alone-services.ts';
import { environment, readConfig } from '../src/config.ts';
import { LeaseLost } from '../src/core/errors.ts';
import { type DoAlone, doAlone } from '../src/engine/alone/do-alone.ts';
import type { HeldLease } from '../src/engine/lease-keeper.ts';
import { type BatchClaim, type ChunkClaim, leaseOf } from '../src/engine/ports/claims.ts';
import type { Pause } from '../src/engine/settle-chunk.ts';
import { openLog } from '../src/log.ts';
import { openOwnOperations } from '../src/own-operations/open-own-operations.ts';
import type { Locations } from '../src/services.ts';
import { startWatchdog } from '../src/watchdog/start-watchdog.ts';
import { beatMsOf, type FromAlone, type ToAlone, tellFault, type WorkAlone } from './alone-messages.ts';

/**
 * A process for work that has lost its worker before, and that may have been why: one piece at a time (alone-process.ts). It
 * renews no lease and hands nothing back as long as the worker lives that started it: that one looks on.
 */

/** Work is given so long to end once it is told to. */
const END_MS = 3000;

interface Piece {
  claim: BatchClaim | ChunkClaim;
  /** Its lease is lost, or the worker has to go. */
  lost: AbortController;
  done?: number;
  alive?: true;
}

const config = readConfig(environment());
const log = openLog(config);
const leaseMs = config.SHEAF_LEASE_SECONDS * 1000;
const beatMs = beatMsOf(leaseMs);
let piece: Piece | null = null;
let services: DoAlone | undefined;
let quietMs = 0;

// The worker decides when this ends; a terminal, and some supervisors, send these to all processes at once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// A loop that stands still is ended by the worker; unless that is gone meanwhile.
startWatchdog(2 * config.SHEAF_LEASE_SECONDS, log);

process.on('message', (message: ToAlone) => {
  quietMs = 0;
  if ('work' in message) void serve(message.work);
  else if ('stop' in message) stop();
});
process.on('disconnect', () => {
  setTimeout(() => process.exit(1), 3 * END_MS);
  stop();
});
// Time is counted in beats: a process that was stopped hears what was said meanwhile before it gives up.
setInterval(() => {
  // The worker may have gone before anybody here could hear of it.
  if (piece === null && !process.connected) process.exit();
  if (piece === null) return;
  quietMs += beatMs;
  if (quietMs > leaseMs) stop();
  const { done, alive } = piece;
  void tell({ beat: true, ...(done !== undefined && { done }), ...(alive && { alive }) });
  delete piece.alive;
}, beatMs);

function stop(): void {
  if (piece === null) process.exit();
  piece.lost.abort(new LeaseLost('the work that runs alone'));
}

async function tell(message: FromAlone): Promise<void> {
  if (process.connected) await new Promise<void>((resolve) => process.send?.(message, () => resolve()));
}

/** After work that went well, this process is there for the next. */
async function serve({ claim, locations }: WorkAlone): Promise<void> {
  const lost = new AbortController();
  const mine: Piece = { claim, lost };
  piece = mine;
  try {
    services ??= await openServices(locations);
    await tell({ begins: null });
    const paused = await ended(services, mine);
    piece = null;
    await tell({ ended: { paused } });
  } catch (error) {
    await tell({ failed: tellFault(lost.signal.aborted ? lost.signal.reason : error) });
    process.exit();
  }
}

async function openServices(locations: Locations): Promise<DoAlone> {
  const own = await openOwnOperations(config, environment());
  return openAloneServices(config, locations, log, own.operations);
}

async function ended(engine: DoAlone, mine: Piece): Promise<Pause | null> {
  const { claim, lost } = mine;
  const lease: HeldLease = {
    signal: lost.signal,
    progress: (done) => {
      mine.done = done;
    },
    alive: () => {
      mine.alive = true;
    },
  };
  try {
    return await inTime(
      lost.signal,
      doAlone(engine, claim, lease, (span) => tell({ begins: span })),
    );
  } catch (error) {
    if (!process.connected) await inTime(lost.signal, handBack(engine, claim));
    throw error;
  }
}

/** What does not end when it is told to is not waited for. */
async function inTime<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const late = new Promise<never>((_resolve, reject) => {
    const giveUp = () => setTimeout(() => reject(signal.reason), END_MS);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp);
  });
  return await Promise.race([work, late]);
}

/** The worker is gone and says nothing of its work any more: others may have it at once. */
async function handBack({ work }: DoAlone, claim: BatchClaim | ChunkClaim): Promise<void> {
  await work.giveBack(leaseOf(claim), { delaySeconds: 0, free: true });
}
