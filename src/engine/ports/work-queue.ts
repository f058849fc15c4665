import type { Stage } from '../../core/batch.ts';

export interface Ticket {
  stage: Stage;
  batchId: string;
  /** Not to be served before; it is what the ticket stands for that decides. */
  delaySeconds?: number;
}

/**
 * Says only “there is work”: which work, PostgreSQL decides. Losing or doubling a ticket does no harm. Both reject while
 * the queue is away, but for the one that workers have (without-queue.ts).
 */
export interface WorkQueue {
  enqueue(tickets: readonly Ticket[]): Promise<void>;
  /** How many tickets of a stage nobody has taken yet. */
  waiting(stage: Stage): Promise<number>;
}
