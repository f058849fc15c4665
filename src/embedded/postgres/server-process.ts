import { setTimeout as delay } from 'node:timers/promises';
import { type Account, ENVIRONMENT, spawnAs } from './account.ts';
import type { Stoppable } from './stop.ts';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A PostgreSQL that is our child. */
export interface ServerProcess extends Stoppable {
  pid: number;
  /** Settles when the server has ended, however; never rejects. */
  exited: Promise<Exit>;
  /** Takes back the hook on our own exit. */
  forget(): void;
}

export interface ServerCommand {
  account: Account;
  command: string[];
  /** For stdout and stderr. */
  logFd: number;
  /** A pid in `postmaster.pid` that is known not to be a PostgreSQL on this cluster. */
  stalePid: number | undefined;
}

/**
 * Starts the server in a session of its own, so that Ctrl-C at the terminal does not reach it before the program
 * has finished with it.
 *
 * @throws Error when the program cannot be started.
 */
export async function startServerProcess(server: ServerCommand): Promise<ServerProcess> {
  const child = spawnAs(server.account, server.command, {
    detached: true,
    stdio: ['ignore', server.logFd, server.logFd],
    // PostgreSQL does not start while the pid in its file lives, whoever that is. This variable (it is pg_ctl's
    // way to name its own shell) takes one pid out of that check, and leaves the other one alone: whether
    // orphaned sessions of the dead server still use its memory. Removing the file would lift both.
    env: { ...ENVIRONMENT, ...(server.stalePid ? { PG_GRANDPARENT_PID: String(server.stalePid) } : {}) },
  });
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('PostgreSQL was started, but has no pid');
  // A program that ends without close() (an uncaught error, process.exit) should not leave a server behind.
  const onOurExit = () => child.kill('SIGINT');
  process.once('exit', onOurExit);
  return {
    pid,
    exited,
    signal: (name) => {
      child.kill(name); // false when it has ended; the pid cannot be another's before that is known here
    },
    endsWithin: (ms) => endsWithin(exited, ms),
    forget: () => process.removeListener('exit', onOurExit),
  };
}

async function endsWithin(exited: Promise<Exit>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(ms, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([exited.then(() => true), late]);
  } finally {
    timer.abort();
  }
}
