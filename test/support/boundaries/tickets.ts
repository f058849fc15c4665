import type { Ticket, WorkQueue } from '../../../src/engine/ports/work-queue.ts';
import { TicketBox } from '../model/ticket-box.ts';

/**
 * The queue of one process: what it writes goes where tickets go, and is then served in order, so that a process does
 * the same each time. Counting tells of what waits here; the real queue is read by nobody.
 */
export class Tickets implements WorkQueue {
  readonly #box = new TicketBox();
  readonly #queue: WorkQueue | null;
  readonly #sending = new Set<Promise<void>>();

  constructor(queue: WorkQueue | null) {
    this.#queue = queue;
  }

  async enqueue(tickets: readonly Ticket[]): Promise<void> {
    await this.#box.enqueue(tickets);
    if (this.#queue === null) return;
    const sent = this.#queue.enqueue(tickets).finally(() => this.#sending.delete(sent));
    this.#sending.add(sent);
    await sent;
  }

  waiting(stage: Ticket['stage']): Promise<number> {
    return this.#box.waiting(stage);
  }

  /** The next one, once those are written that nobody waits for. */
  async next(): Promise<Ticket | undefined> {
    await Promise.allSettled(this.#sending);
    return this.#box.take(0);
  }
}
