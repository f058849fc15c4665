import type { Stage } from '../../../src/core/batch.ts';
import type { Ticket, WorkQueue } from '../../../src/engine/ports/work-queue.ts';

/**
 * A queue that does what the port allows: tickets are served in any order, lost, and doubled. It is in memory, so that
 * the test alone decides what happens when.
 */
export class TicketBox implements WorkQueue {
  #tickets: Ticket[] = [];

  get size(): number {
    return this.#tickets.length;
  }

  async enqueue(tickets: readonly Ticket[]): Promise<void> {
    this.#tickets.push(...tickets);
  }

  async waiting(stage: Stage): Promise<number> {
    return this.#tickets.filter((ticket) => ticket.stage === stage).length;
  }

  take(pick: number): Ticket | undefined {
    return this.#tickets.splice(this.#place(pick), 1)[0];
  }

  double(pick: number): void {
    const ticket = this.#tickets[this.#place(pick)];
    if (ticket !== undefined) this.#tickets.push(ticket);
  }

  empty(): void {
    this.#tickets = [];
  }

  #place(pick: number): number {
    return this.size === 0 ? 0 : pick % this.size;
  }
}
