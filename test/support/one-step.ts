import type { Stage } from '../../src/core/batch.ts';
import { LeaseKeeper } from '../../src/engine/lease-keeper.ts';
import type { KnownOperations } from '../../src/engine/ports/claims.ts';
import { serveTicket } from '../../src/engine/serve-ticket.ts';
import type { TestSheaf } from './sheaf.ts';

/** Does one step of the pipeline as a worker would, writes no tickets and takes up nothing else. */
export async function serveOneStep(
  { services }: TestSheaf,
  stage: Stage,
  known: KnownOperations,
): Promise<void> {
  const leases = new LeaseKeeper(services.work, services.settings, services.log);
  let begun = 0;
  const queue = { ...services.queue, enqueue: async () => undefined };
  const stopping = () => begun++ > 0;
  const engine = { ...services, queue, leases, known, longStages: new Set<never>(), stopping };
  await serveTicket(engine, stage);
  await leases.close();
}
