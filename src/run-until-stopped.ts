/** What a process runs. */
export interface Runnable {
  close(): Promise<void>;
}

/**
 * Runs a process until SIGINT or SIGTERM, then stops it in order; a second signal does not wait. A start that fails
 * ends with a message instead of a stack: its errors are written for the person who starts it.
 */
export async function runUntilStopped(start: () => Promise<Runnable>): Promise<void> {
  // What is said to a full disk, or to somebody who has gone, must not end what runs.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  const signalled = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.on(signal, () => process.exit(130));
        resolve(signal);
      });
    }
  });
  try {
    const running = await start();
    await signalled;
    await running.close();
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`sheaf: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  // Whatever a library still holds open must not keep a stopped process alive.
  process.exit();
}
