import { firstProbes, type Run } from '../../core/probes.ts';
import type { ChunkClaim } from '../ports/claims.ts';

/**
 * What is told before each run of records that is tried alone, and heard before the run begins; `null`: what follows is
 * of no run.
 */
export type Begins = (run: Run | null) => Promise<void>;

/** Goes through the records of a suspect chunk run by run, so that it is known of each crash at which it happened. */
export class Trial {
  readonly #runs: readonly Run[];
  readonly #begins: Begins;

  constructor({ probes, range }: ChunkClaim, begins: Begins) {
    this.#runs = probes.length > 0 ? probes : firstProbes(range);
    this.#begins = begins;
  }

  /** The runs in their order. From when one is given out until the next one is, what befalls the process is its doing. */
  async *runs(): AsyncGenerator<Run> {
    for (const { from, to } of this.#runs) {
      const run = { from, to };
      await this.#begins(run);
      yield run;
    }
  }

  /** What comes now is no run's doing any more. */
  async over(): Promise<void> {
    await this.#begins(null);
  }
}
