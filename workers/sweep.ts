import { type Sweep, sweep } from '../src/engine/sweep.ts';

/** Sweeps now and every `seconds` until stopped. A sweep that fails is logged; the next one does the same work. */
export function startSweeping(engine: Sweep, seconds: number): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  const round = () => {
    running = sweep(engine)
      .catch((error: unknown) => engine.log.warn({ err: error }, 'the sweep failed; it is tried again'))
      .then(() => {
        if (!stopped) timer = setTimeout(round, seconds * 1000);
      });
  };
  round();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
