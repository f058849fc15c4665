import type { Config } from '../src/config.ts';
import { AloneRoom } from '../src/engine/alone/room.ts';
import { LeaseKeeper } from '../src/engine/lease-keeper.ts';
import { type ServeTicket, serveTicket } from '../src/engine/serve-ticket.ts';
import { StagePlaces } from '../src/engine/stage-places.ts';
import { WithoutQueue } from '../src/engine/without-queue.ts';
import type { Services } from '../src/services.ts';
import type { AloneParts } from './alone-process.ts';
import { AloneProcesses } from './alone-processes.ts';
import { serveCalls } from './call.ts';
import { serveConversions } from './convert.ts';
import { serveCheckedCopies, serveCopies } from './copy.ts';
import { serveProcessing } from './process.ts';
import { serveRemovals } from './remove.ts';
import type { WorkerStage } from './stages.ts';
import { startSweeping } from './sweep.ts';
import { serveValidation } from './validate.ts';
import { serveResults } from './write-results.ts';

/** For work that was told to stop: a handler that does not listen, a queue or a database that is away. */
const AFTER_DRAIN_SECONDS = 5;

export interface Workers {
  /** Begins nothing new, lets what runs finish for the drain time, then hands the rest back. */
  stop(): Promise<void>;
}

/**
 * Starts every stage and the sweep in this process.
 * @param aloneParts what processes of their own are started with, in which work is done that has lost its worker before;
 *   without it such work is done here, as all other is
 */
export async function startWorkers(
  services: Services,
  config: Config,
  aloneParts?: Pick<AloneParts, 'env' | 'locations'>,
): Promise<Workers> {
  let stopping = false;
  const leases = new LeaseKeeper(services.work, services.settings, services.log);
  const operations = services.operations.all();
  const alone = aloneParts && new AloneProcesses(wholeParts(config, aloneParts));
  const places = new StagePlaces();
  const queue = new WithoutQueue({
    queue: services.queue,
    places,
    serve: (stage) => serveTicket(engine, stage),
    stopping: () => stopping,
    log: services.log,
  });
  const engine: ServeTicket = {
    ...services,
    queue,
    leases,
    known: {
      names: operations.map((operation) => operation.name),
      versions: operations.map((operation) => operation.version),
    },
    longStages: new Set(),
    ...(alone !== undefined && { alone: { room: new AloneRoom(), run: alone.run } }),
    stopping: () => stopping,
  };
  const worker: WorkerStage = {
    services,
    engine,
    places,
    concurrency: config.SHEAF_WORKER_CONCURRENCY,
    callConcurrency: config.SHEAF_CALL_CONCURRENCY,
  };
  const giveUp = async () => {
    stopping = true;
    leases.abortAll();
    await services.queue.stopServing();
    await leases.close();
  };
  try {
    await Promise.all([
      serveCopies(worker),
      serveCheckedCopies(worker),
      serveConversions(worker),
      serveValidation(worker),
      serveProcessing(worker),
      serveCalls(worker),
      serveResults(worker),
      serveRemovals(worker),
    ]);
  } catch (error) {
    await withinSeconds(AFTER_DRAIN_SECONDS, giveUp());
    throw error;
  }
  const sweeping = startSweeping({ ...services, queue }, config.SHEAF_SWEEP_SECONDS);

  return {
    async stop() {
      stopping = true;
      const drained = Promise.all([sweeping.stop(), services.queue.stopServing(), queue.drained()]);
      if (!(await withinSeconds(config.SHEAF_DRAIN_SECONDS, drained))) {
        services.log.warn(
          { seconds: config.SHEAF_DRAIN_SECONDS },
          'the drain time is over; handing work back',
        );
        leases.abortAll();
        if (!(await withinSeconds(AFTER_DRAIN_SECONDS, drained))) {
          services.log.error({}, 'some work does not end; its leases run out and others take it over');
        }
      }
      await withinSeconds(AFTER_DRAIN_SECONDS, leases.close());
      alone?.close();
    },
  };
}

function wholeParts(config: Config, aloneParts: Pick<AloneParts, 'env' | 'locations'>): AloneParts {
  const { SHEAF_LEASE_SECONDS: leaseSeconds, SHEAF_ALONE_HEAP_MIB: heapMb } = config;
  return { ...aloneParts, leaseSeconds, heapMb };
}

/** Whether it is done by then; whatever is not goes on behind. */
async function withinSeconds(seconds: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), seconds * 1000);
  });
  try {
    return await Promise.race([work.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}
