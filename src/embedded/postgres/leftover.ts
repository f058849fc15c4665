import { realpath } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { commandLine, inspectProcess, workingDirectory } from '../process-identity.ts';
import {
  markStale,
  type PostmasterFile,
  readPostmasterFile,
  removePostmasterFile,
} from './postmaster-file.ts';
import { type Stoppable, stopServer } from './stop.ts';

const FIRST_MOMENT_MS = 2_000;

/**
 * Deals with a PostgreSQL that an earlier start left on the cluster (its program was killed with -9): it is
 * stopped, and the caller starts its own. Taking it over would save a second, but of a server that is not our
 * child we would not learn that it ended, and it would keep the settings and the programs of the start before.
 *
 * To be called under the directory's lock, which says that the program it belonged to is dead.
 *
 * @returns the pid in a `postmaster.pid` that is still there. It names no server on this cluster: its process is
 *   dead, or the pid is another program's now.
 * @throws Error when the leftover cannot be stopped.
 */
export async function stopLeftover(
  cluster: string,
  note: (line: string) => Promise<void>,
): Promise<number | undefined> {
  const file = await readWritten(cluster);
  if (file === undefined) return undefined;
  if (await isServerOf(file.pid, cluster)) {
    await note(`PostgreSQL ${file.pid} was left by an earlier start: stopping it`);
    const signal = await stopServer(foreignServer(file.pid, cluster));
    await note(`PostgreSQL ${file.pid} has ended (${signal})`);
  }
  await markStale(cluster);
  return (await readPostmasterFile(cluster))?.pid;
}

/** An empty file is that of a server in its first moment, or what a power cut has left: the latter is removed. */
async function readWritten(cluster: string): Promise<PostmasterFile | undefined> {
  const deadline = performance.now() + FIRST_MOMENT_MS;
  for (;;) {
    const file = await readPostmasterFile(cluster);
    if (file === undefined || file.pid > 0) return file;
    if (performance.now() >= deadline) break;
    await delay(25);
  }
  await removePostmasterFile(cluster);
  return undefined;
}

async function isServerOf(pid: number, cluster: string): Promise<boolean> {
  const { alive } = await inspectProcess(pid);
  if (!alive) return false;
  const here = await realpath(cluster);
  // The server works in its cluster. Who may not see that (a container without SYS_PTRACE) sees its arguments.
  const place = await workingDirectory(pid);
  if (place !== undefined) return place === here && (await commandLine(pid)).includes('postgres');
  const command = `${await commandLine(pid)} `;
  return command.includes('postgres') && [cluster, here].some((path) => command.includes(`-D ${path} `));
}

function foreignServer(pid: number, cluster: string): Stoppable {
  const ended = async () => !(await isServerOf(pid, cluster));
  return {
    signal: (name) => {
      try {
        process.kill(pid, name);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    },
    endsWithin: async (ms) => {
      const deadline = performance.now() + ms;
      while (!(await ended())) {
        if (performance.now() >= deadline) return false;
        await delay(25);
      }
      return true;
    },
  };
}
