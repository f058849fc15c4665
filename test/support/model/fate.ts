import { RetryableFault } from '../../../src/core/errors.ts';
import type { Mishap, Point } from './actions.ts';

/** What is going to happen to the workers that one action sets to work, one after the other. */
export class Fate {
  readonly #mishaps: Mishap[];
  readonly #passed = new Map<Point, number>();

  constructor(mishaps: readonly Mishap[]) {
    this.#mishaps = [...mishaps];
  }

  /** Somebody comes to a point. Answers what happens to him there; `undefined`: nothing. */
  at(point: Point): Mishap['how'] | undefined {
    const nth = (this.#passed.get(point) ?? 0) + 1;
    this.#passed.set(point, nth);
    const index = this.#mishaps.findIndex((mishap) => mishap.at === point && mishap.nth === nth);
    return index === -1 ? undefined : this.#mishaps.splice(index, 1)[0]?.how;
  }
}

export function faultAt(point: Point, how: 'fault' | 'error'): Error {
  if (how === 'fault') return new RetryableFault(`no answer (${point}, for the test)`);
  return new Error(`nobody thought of this (${point}, for the test)`);
}
