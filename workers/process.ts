import { serveStage, type WorkerStage } from './stages.ts';

/** Each chunk that is processed holds a database session of its own. */
export const serveProcessing = (worker: WorkerStage) => serveStage(worker, 'process', worker.concurrency);
