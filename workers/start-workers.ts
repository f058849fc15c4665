import type { Config } from '../src/config.ts';
import { AloneRoom } from '../src/engine/alone/room.ts';
import { LeaseKeeper } from '../src/engine/lease-keeper.ts';
import type { LeaseRef } from '../src/engine/ports/claims.ts';
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

/** For a database to take back what has not ended by then. */
const HAND_BACK_SECONDS = 5;

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
        await withinSeconds(AFTER_DRAIN_SECONDS, drained);
      }
      // Tells what was just being claimed, too, that it is to stop.
      const closed = withinSeconds(HAND_BACK_SECONDS, leases.close());
      await Promise.all([closed, handBack(services, leases.held())]);
      alone?.close();
    },
  };
}

/**
 * Gives back what does not end although it was told to, such as a handler that waits for something and does not listen: left
 * to their leases it would count as the work of a worker that crashed.
 */
async function handBack({ work, log }: Pick<Services, 'work' | 'log'>, held: LeaseRef[]): Promise<void> {
  if (held.length === 0) return;
  log.warn({ leases: held.length }, 'some work does not end; it is handed back as it is');
  const given = Promise.all(held.map((lease) => work.giveBack(lease, { delaySeconds: 0, free: true })));
  const inTime = await withinSeconds(HAND_BACK_SECONDS, given).catch((error: unknown) => {
    log.warn({ err: error }, 'work could not be handed back');
    return false;
  });
  if (!inTime) log.error({}, 'some work is still held; its leases run out and others take it over');
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
