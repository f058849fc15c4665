import { url as debuggerUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';
import type { Log } from '../core/log.ts';
import { THREAD, type ToThread, type Watched } from './thread.ts';

export interface Watchdog {
  /** What must not be left behind: it gets SIGINT when the process is ended. In the place of what was named before. */
  endToo(pid: number): void;
  stop(): Promise<void>;
}

const OFF: Watchdog = { endToo: () => undefined, stop: async () => undefined };

/** A sign of life is given so often. */
const BEAT_MS = 250;

/** For a thread that counts: Node's own default would let it grow as a program does. */
const LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 };

/**
 * Ends this process when its event loop has stood still for so long, as it does in a handler that never comes back.
 * Nothing within could: leases are not renewed, SIGTERM is not heard, and a supervisor sees a process that runs. So a
 * thread of its own looks on; whoever supervises the process starts it again, and its work has gone to others before.
 * @param seconds SHEAF_BLOCKED_SECONDS; 0: never
 */
export function startWatchdog(seconds: number, log: Log): Watchdog {
  // Whoever debugs the process makes it stand.
  if (seconds === 0 || debuggerUrl() !== undefined) return OFF;
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const watched: Watched = { watchdog: true, beats, seconds };
  const thread = startThread(watched);
  thread.unref();
  thread.on('error', (error) =>
    log.error({ err: error }, 'the watchdog has ended; a blocked event loop would not be noticed'),
  );
  const beat = setInterval(() => void Atomics.add(beats, 0, 1), BEAT_MS);
  beat.unref();
  return {
    endToo: (pid) => thread.postMessage({ endToo: pid } satisfies ToThread),
    async stop() {
      await thread.terminate();
      clearInterval(beat);
    },
  };
}

/** A thread does not inherit how its process reads TypeScript, so it is told once more where this is not compiled. */
function startThread(watched: Watched): Worker {
  const options = { workerData: watched, resourceLimits: LIMITS, execArgv: [] };
  if (!THREAD.pathname.endsWith('.ts')) return new Worker(THREAD, options);
  const file = JSON.stringify(THREAD.href);
  const code = `import('tsx/esm/api').then(({ tsImport }) => tsImport(${file}, ${file}))`;
  return new Worker(code, { ...options, eval: true });
}
