import type { Log } from '../core/log.ts';

/**
 * Takes the steps of a sweep one after the other; one that fails does not keep the others from their turn.
 * @param stop no step is begun once it fires
 * @throws what the first step threw that failed, once all have had their turn
 */
export async function everyStep(
  log: Log,
  steps: Record<string, () => Promise<unknown>>,
  stop?: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  for (const [name, step] of Object.entries(steps)) {
    if (stop?.aborted) break;
    try {
      await step();
    } catch (error) {
      log.warn({ err: error, step: name }, 'a step of the sweep failed; the next sweep does it');
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
