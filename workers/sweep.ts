import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../src/core/log.ts';
import { type ClearAway, clearAway } from '../src/engine/clear-away.ts';
import { type Sweep, sweep } from '../src/engine/sweep.ts';

/**
 * Sweeps now and every `seconds` until stopped. Its halves take turns of their own: what is cleared away may take as long
 * as the object store likes, and the work of a dead worker does not wait for it.
 */
export function startSweeping(engine: Sweep & ClearAway, seconds: number): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const halves = [
    repeat(() => sweep(engine), seconds, engine.log, stopping.signal),
    repeat(() => clearAway(engine, stopping.signal), seconds, engine.log, stopping.signal),
  ];
  return {
    async stop() {
      stopping.abort();
      await Promise.all(halves);
    },
  };
}

/** Until told to stop. A round that fails is logged; the next one does the same work. */
async function repeat(
  round: () => Promise<void>,
  seconds: number,
  log: Log,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    await round().catch((error: unknown) => log.warn({ err: error }, 'the sweep failed; it is tried again'));
    await sleep(seconds * 1000, undefined, { signal: stop }).catch(() => undefined);
  }
}
