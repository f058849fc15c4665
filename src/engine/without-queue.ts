import type { Stage } from '../core/batch.ts';
import type { Log } from '../core/log.ts';
import type { Ticket, WorkQueue } from './ports/work-queue.ts';
import type { StagePlaces } from './stage-places.ts';

export interface WithoutQueueParts {
  queue: WorkQueue;
  places: StagePlaces;
  /** Serves one ticket of a stage. @returns whether there was anything to do */
  serve: (stage: Stage) => Promise<boolean>;
  /** True once the worker is told to stop. */
  stopping: () => boolean;
  log: Log;
}

/**
 * The queue as a worker has it, which goes on without it while it is away: tickets that cannot be written are served here
 * at once, and so is what the sweep finds waiting. PostgreSQL decides what is done, and whose turn it is, as it does for
 * tickets that were delivered; what other workers do meanwhile they have claimed. Nobody who writes a ticket is troubled:
 * what was done stays done.
 */
export class WithoutQueue implements WorkQueue {
  readonly #parts: WithoutQueueParts;
  readonly #serving = new Set<Promise<void>>();
  #isAway = false;
  #isAsked = false;

  constructor(parts: WithoutQueueParts) {
    this.#parts = parts;
  }

  async enqueue(tickets: readonly Ticket[]): Promise<void> {
    if (tickets.length === 0) return;
    if (await this.#told(() => this.#parts.queue.enqueue(tickets).then(() => true), false)) return;
    // What may not be served yet is found by the sweep when its time has come.
    for (const { stage, delaySeconds = 0 } of tickets) if (delaySeconds === 0) this.#begin(stage);
  }

  /** One that is away has none that anybody could take. */
  async waiting(stage: Stage): Promise<number> {
    return await this.#told(() => this.#parts.queue.waiting(stage), 0);
  }

  /** Waits for what is served here; nothing new is begun once the worker is told to stop. */
  async drained(): Promise<void> {
    await Promise.all(this.#serving);
  }

  /** What the queue answers; `otherwise` while it is away, without waiting for it again. */
  async #told<T>(ask: () => Promise<T>, otherwise: T): Promise<T> {
    if (this.#isAway) {
      this.#askAgain();
      return otherwise;
    }
    try {
      return await ask();
    } catch (error) {
      if (!this.#isAway) this.#parts.log.warn({ err: error }, 'the queue is away; work goes on without it');
      this.#isAway = true;
      return otherwise;
    }
  }

  /** One question at a time, of whoever comes by: a queue that is away answers none within seconds. */
  #askAgain(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#parts.queue
      .waiting('copy')
      .then(
        () => {
          this.#isAway = false;
          this.#parts.log.info({}, 'the queue is back');
        },
        () => undefined,
      )
      .finally(() => {
        this.#isAsked = false;
      });
  }

  /** Serves a stage in a place of its own, as long as there is work and no queue; without a place others are at it. */
  #begin(stage: Stage): void {
    const { places, stopping } = this.#parts;
    if (stopping() || !places.take(stage)) return;
    const serving = this.#serve(stage).finally(() => {
      places.leave(stage);
      this.#serving.delete(serving);
    });
    this.#serving.add(serving);
  }

  async #serve(stage: Stage): Promise<void> {
    const { serve, stopping, log } = this.#parts;
    try {
      while (this.#isAway && !stopping() && (await serve(stage)));
    } catch (error) {
      log.error({ err: error, stage }, 'work could not be served; the next sweep goes on');
    }
  }
}
