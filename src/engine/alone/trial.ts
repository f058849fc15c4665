import { firstProbes, type RecordSpan } from '../../core/probes.ts';
import type { ChunkClaim } from '../ports/claims.ts';

/**
 * What is told before each span of records that is tried alone, and heard before the span begins; `null`: what follows is
 * of no span.
 */
export type Begins = (span: RecordSpan | null) => Promise<void>;

/** Goes through the records of a suspect chunk span by span, so that it is known of each crash at which it happened. */
export class Trial {
  readonly #spans: readonly RecordSpan[];
  readonly #begins: Begins;

  constructor({ probes, range }: ChunkClaim, begins: Begins) {
    this.#spans = probes.length > 0 ? probes : firstProbes(range);
    this.#begins = begins;
  }

  /** The spans in their order. From when one is given out until the next one is, what befalls the process is its doing. */
  async *spans(): AsyncGenerator<RecordSpan> {
    for (const { from, to } of this.#spans) {
      const span = { from, to };
      await this.#begins(span);
      yield span;
    }
  }

  /** What comes now is no span's doing any more. */
  async over(): Promise<void> {
    await this.#begins(null);
  }
}
