import { serveStage, type WorkerStage } from './stages.ts';

/** Unpacking keeps a core busy, as hashing does: two, so that a short one passes a long one. */
export const serveConversions = (worker: WorkerStage) => serveStage(worker, 'convert', 2);
