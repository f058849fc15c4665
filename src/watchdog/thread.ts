import { write } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { openMainThread } from './main-thread.ts';

/** This file is imported by the process that is watched and run by the thread that watches: both know its place. */
export const THREAD = new URL(import.meta.url);

export interface Watched {
  watchdog: true;
  /** Counted up by the process as long as its loop goes round. */
  beats: Int32Array;
  seconds: number;
}

export interface ToThread {
  endToo: number;
}

const LOOK_MS = 500;

/** For the line of the log: a reader that takes nothing may be why the process stands, and is not waited for. */
const LAST_WORDS_MS = 1000;

/** Where a signal has to wait for nothing, a process is gone long before. */
const KILL_MS = 2000;

/** EX_SOFTWARE of sysexits.h. */
const EXIT_CODE = 70;

const given = workerData as Partial<Watched> | null;
if (!isMainThread && given?.watchdog === true) watch(given as Watched);

/**
 * Time is counted in looks, not read from a clock: a machine that was suspended, or a process that was stopped and
 * goes on, has stood still with this thread and is given its whole time again.
 */
function watch({ beats, seconds }: Watched): void {
  let other: number | undefined;
  parentPort?.on('message', ({ endToo }: ToThread) => {
    other = endToo;
  });
  let last = Atomics.load(beats, 0);
  let stillMs = 0;
  const looking = setInterval(() => {
    const now = Atomics.load(beats, 0);
    stillMs = now === last ? stillMs + LOOK_MS : 0;
    last = now;
    if (stillMs < seconds * 1000) return;
    clearInterval(looking);
    void end(seconds, other);
  }, LOOK_MS);
}

async function end(seconds: number, other: number | undefined): Promise<void> {
  const main = openMainThread();
  // Good to know, and nothing that the end may depend on.
  const where = await main.whereItStands().catch(() => []);
  const msg = `the event loop has stood still for ${seconds} seconds; the process is ended, to be started again`;
  const line = { level: 60, time: Date.now(), pid: process.pid, hostname: hostname(), where, msg };
  const said = new Promise<void>((resolve) => write(2, `${JSON.stringify(line)}\n`, () => resolve()));
  await Promise.race([said, sleep(LAST_WORDS_MS)]);
  if (other !== undefined) signal(other, 'SIGINT');
  signal(process.pid, 'SIGKILL');
  // The first process of a container takes no signal from within: it has to leave by itself.
  await sleep(KILL_MS);
  main.exit(EXIT_CODE);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone.
  }
}
