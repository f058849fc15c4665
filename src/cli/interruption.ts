/** The person, or whoever started the process, wants it to stop. The process ends with 130. */
export class Interrupted extends Error {}

/**
 * A signal that fires when the process is told to stop, or nobody reads its output any more. A repetition changes
 * nothing: stopping takes a moment, and ending in the middle of it would leave PostgreSQL running.
 */
export function watchInterruption(): AbortSignal {
  const controller = new AbortController();
  const stop = (why: string) => controller.abort(new Interrupted(why));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop(name));
  // `npm run demo | head`, or a terminal that was closed: without a listener the services would be left behind.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: Error) => stop(`the output is closed: ${error.message}`));
  }
  return controller.signal;
}
