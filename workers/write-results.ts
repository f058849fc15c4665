import { serveStage, type WorkerStage } from './stages.ts';

/** Streams through, a few parts at a time: two, so that a small batch's results do not wait for a large one's. */
export const serveResults = (worker: WorkerStage) => serveStage(worker, 'write_results', 2);
