/** A server to be stopped: ours, or one that an earlier start has left behind. */
export interface Stoppable {
  /** Sends a signal; an error when there is nobody to send it to is no error here. */
  signal(name: NodeJS.Signals): void;
  /** Waits for the end, so many milliseconds at most, and tells whether it has come. */
  endsWithin(ms: number): Promise<boolean>;
}

export type Step = readonly [signal: NodeJS.Signals, waitMs: number];

/**
 * Fast shutdown: sessions are ended, everything is flushed. Then immediate: nothing is flushed, the next start
 * recovers from the log. Then the kernel's way, which PostgreSQL survives as it survives a power cut.
 */
export const STOP_STEPS: readonly Step[] = [
  ['SIGINT', 30_000],
  ['SIGQUIT', 10_000],
  ['SIGKILL', 10_000],
];

/**
 * Stops a PostgreSQL, ever less politely, and returns the signal that it took.
 *
 * @throws Error when it outlives even SIGKILL (it hangs in the kernel, on a dead disk for instance).
 */
export async function stopServer(
  server: Stoppable,
  steps: readonly Step[] = STOP_STEPS,
): Promise<NodeJS.Signals | 'ended before'> {
  if (await server.endsWithin(0)) return 'ended before';
  for (const [signal, waitMs] of steps) {
    server.signal(signal);
    if (await server.endsWithin(waitMs)) return signal;
  }
  throw new Error('PostgreSQL did not end, not even after SIGKILL');
}
