import { type ServeTicket, serveTicket } from '../src/engine/serve-ticket.ts';
import type { StagePlaces } from '../src/engine/stage-places.ts';
import type { Services } from '../src/services.ts';

/** What each stage of a worker is started with. */
export interface WorkerStage {
  services: Services;
  engine: ServeTicket;
  /** Taken by whatever is served, with a ticket or without. */
  places: StagePlaces;
  /** `SHEAF_WORKER_CONCURRENCY`. */
  concurrency: number;
  /** `SHEAF_CALL_CONCURRENCY`. */
  callConcurrency: number;
}

/** Serves a stage's tickets, so many at once. */
export async function serveStage(
  { services, engine, places }: WorkerStage,
  stage: Parameters<typeof serveTicket>[1],
  concurrency: number,
): Promise<void> {
  places.open(stage, concurrency);
  await services.queue.serve(stage, concurrency, async () => {
    await places.within(stage, () => serveTicket(engine, stage));
  });
}
