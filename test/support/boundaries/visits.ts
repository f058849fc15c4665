import { RetryableFault } from '../../../src/core/errors.ts';
import { type ClearAway, clearAway } from '../../../src/engine/clear-away.ts';
import { type ServeTicket, serveTicket } from '../../../src/engine/serve-ticket.ts';
import { type Sweep, sweep } from '../../../src/engine/sweep.ts';
import type { Tickets } from './tickets.ts';

/** What a process has for its work. */
export type Visiting = ServeTicket & Sweep & ClearAway & { queue: Tickets };

/** Far more than any of these batches needs. */
const ROUNDS = 100;

/**
 * Serves all tickets one after the other, and sweeps when there are none, until something is reached: a worker without a
 * clock of its own.
 * @param before what passes before each sweep
 */
export async function visit(
  engine: Visiting,
  until: () => Promise<boolean>,
  before: () => Promise<void> = async () => undefined,
): Promise<void> {
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (let next = await engine.queue.next(); next !== undefined; next = await engine.queue.next()) {
      const { stage } = next;
      await passing(() => serveTicket(engine, stage));
      if (engine.stopping() || (await until())) return;
    }
    if (engine.stopping() || (await until())) return;
    await before();
    await passing(() => sweep(engine));
    await passing(() => clearAway(engine));
  }
  throw new Error('it does not come to its end');
}

/** The queue forgets a ticket that could not be served, and the next sweep does what this one could not. */
async function passing(work: () => Promise<unknown>): Promise<void> {
  await work().catch((error: unknown) => {
    if (!(error instanceof RetryableFault)) throw error;
  });
}
