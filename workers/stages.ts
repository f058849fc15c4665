import { type ServeTicket, serveTicket } from '../src/engine/serve-ticket.ts';
import type { Services } from '../src/services.ts';

/** What each stage of a worker is started with. */
export interface WorkerStage {
  services: Services;
  engine: ServeTicket;
  /** `SHEAF_WORKER_CONCURRENCY`. */
  concurrency: number;
  /** `SHEAF_CALL_CONCURRENCY`. */
  callConcurrency: number;
}

/** Serves a stage's tickets, so many at once. */
export async function serveStage(
  { services, engine }: WorkerStage,
  stage: Parameters<typeof serveTicket>[1],
  concurrency: number,
): Promise<void> {
  await services.queue.serve(stage, concurrency, () => serveTicket(engine, stage));
}
