import { serveStage, type WorkerStage } from './stages.ts';

/** Hashing keeps a core busy and copies last as long as their files: two, so that a short one passes a long one. */
export const serveCopies = (worker: WorkerStage) => serveStage(worker, 'copy', 2);
export const serveCheckedCopies = (worker: WorkerStage) => serveStage(worker, 'copy_checked', 2);
