import { setTimeout as delay } from 'node:timers/promises';
import { readPostmasterFile } from './postmaster-file.ts';
import type { ServerProcess } from './server-process.ts';

const POLL_MS = 25;

/**
 * Waits until the server says in its own file that it takes connections. Its file and not its port: on the port
 * somebody else may answer. Recovery after a crash may take long: that is waited for while the server lives.
 */
export async function waitUntilReady(
  server: ServerProcess,
  cluster: string,
  deadline: number,
): Promise<'ready' | 'ended' | 'late'> {
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  for (;;) {
    const file = await readPostmasterFile(cluster);
    if (ended) return 'ended';
    if (file?.pid === server.pid && file.ready) return 'ready';
    if (performance.now() >= deadline) return 'late';
    await delay(POLL_MS);
  }
}
