import { serveStage, type WorkerStage } from './stages.ts';

/** Waits for the object store and for nobody: one at a time. */
export const serveRemovals = (worker: WorkerStage) => serveStage(worker, 'remove', 1);
