import type { Stage } from '../core/batch.ts';

interface Places {
  free: number;
  /** Those who wait for one, in their order. */
  waiting: (() => void)[];
}

/** How much a worker does at once of each stage, whoever has it done. */
export class StagePlaces {
  readonly #stages = new Map<Stage, Places>();

  open(stage: Stage, free: number): void {
    this.#stages.set(stage, { free, waiting: [] });
  }

  /** Takes a place if there is one. */
  take(stage: Stage): boolean {
    const places = this.#stages.get(stage);
    if (places === undefined || places.free === 0) return false;
    places.free -= 1;
    return true;
  }

  /** Does something in a place, and waits for one if need be. */
  async within<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    if (!this.take(stage))
      await new Promise<void>((resolve) => this.#stages.get(stage)?.waiting.push(resolve));
    try {
      return await work();
    } finally {
      this.leave(stage);
    }
  }

  leave(stage: Stage): void {
    const places = this.#stages.get(stage);
    if (places === undefined) return;
    const next = places.waiting.shift();
    if (next === undefined) places.free += 1;
    else next();
  }
}
