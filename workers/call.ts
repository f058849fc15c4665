import { serveStage, type WorkerStage } from './stages.ts';

/** These wait for others most of the time. Each holds a database session of its own. */
export const serveCalls = (worker: WorkerStage) => serveStage(worker, 'call', worker.callConcurrency);
