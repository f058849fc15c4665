import { serveStage, type WorkerStage } from './stages.ts';

/** Checking is all computing between two reads: more at once only hides the store's latency. */
export const serveValidation = (worker: WorkerStage) => serveStage(worker, 'validate', worker.concurrency);
