import type { JobType, QueueOptions, WorkerOptions } from 'bullmq';
import { STAGES, type Stage } from '../../core/batch.ts';
import type { Log } from '../../core/log.ts';
import type { Ticket, WorkQueue } from '../../engine/ports/work-queue.ts';
import { bareError } from './bare-error.ts';
import { withDeadline } from './deadline.ts';

/** What is used of BullMQ's queues and workers, whose types differ by backend. */
export interface JobQueue {
  addBulk(jobs: { name: string; data: Ticket; opts?: { delay: number } }[]): Promise<unknown>;
  getJobCounts(...types: JobType[]): Promise<Record<string, number>>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}

export interface JobWorker {
  waitUntilReady(): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'failed', listener: (job: unknown, error: Error) => void): unknown;
  close(): Promise<void>;
}

/** Where BullMQ keeps its queues: makes its classes, and closes what they share. */
export interface QueueBackend {
  makeQueue(name: string, options: Omit<QueueOptions, 'connection'>): JobQueue;
  makeWorker(
    name: string,
    serve: (job: { data: Ticket }) => Promise<void>,
    options: Omit<WorkerOptions, 'connection'>,
  ): JobWorker;
  close(): Promise<void>;
}

export interface StageQueue extends WorkQueue {
  /** Serves the tickets of a stage, so many at once. A ticket whose serving fails is gone; the sweep writes another. */
  serve(stage: Stage, concurrency: number, handle: (ticket: Ticket) => Promise<void>): Promise<void>;
  /** Stops taking tickets and waits for those that are served. */
  stopServing(): Promise<void>;
  /** Within seconds, also when the queue is away. */
  close(): Promise<void>;
}

/** A dead worker's ticket is noticed after some 10 + 5 seconds; its lease, not the ticket, decides about the work. */
const LOCK_MS = 10_000;
const STALLED_CHECK_MS = 5_000;

/** How soon a worker asks a queue again that did not answer, spread so that not all come at once. */
const ASK_AGAIN_MS = 3_000;

/** A queue that takes longer is away; the sweep comes back to what it did not take. */
const ANSWER_MS = 5_000;
const CLOSE_MS = 5_000;

/** One queue for each stage: so a short copy never stands behind thousands of chunks. */
export function stageQueue(backend: QueueBackend, log: Log): StageQueue {
  const queues = new Map(STAGES.map((stage) => [stage, openQueue(backend, stage, log)]));
  const workers: JobWorker[] = [];

  const stopServing = async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
  };
  return {
    async enqueue(tickets) {
      for (const [stage, queue] of queues) {
        const jobs = tickets.filter((ticket) => ticket.stage === stage);
        if (jobs.length === 0) continue;
        const adding = queue.addBulk(jobs.map(asJob));
        await withDeadline(adding, ANSWER_MS, 'take tickets');
      }
    },

    async waiting(stage) {
      // Those that are served have claimed their work, delayed ones stand for work that cannot be claimed yet.
      const counting = queues.get(stage)!.getJobCounts('waiting', 'prioritized');
      const counts = await withDeadline(counting, ANSWER_MS, 'count its tickets');
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    },

    async serve(stage, concurrency, handle) {
      const worker = backend.makeWorker(queueName(stage), (job) => handle(job.data), {
        concurrency,
        lockDuration: LOCK_MS,
        stalledInterval: STALLED_CHECK_MS,
        runRetryDelay: ASK_AGAIN_MS * (0.5 + Math.random() / 2),
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      });
      worker.on('error', (error) => log.warn({ err: bareError(error), stage }, 'trouble with the queue'));
      worker.on('failed', (_job, error) =>
        log.error({ err: bareError(error), stage }, 'a ticket could not be served'),
      );
      workers.push(worker);
      await worker.waitUntilReady();
    },

    stopServing,

    async close() {
      // Each may wait for ever: for a ticket that is still served, or for the connection on which its worker listens.
      const closing = [stopServing(), ...[...queues.values()].map((queue) => queue.close())];
      const steps: (() => Promise<unknown>)[] = [() => Promise.all(closing), () => backend.close()];
      for (const step of steps) {
        try {
          await withDeadline(step(), CLOSE_MS, 'close');
        } catch (error) {
          log.warn({ err: bareError(error as Error) }, 'the queue is left as it is');
        }
      }
    },
  };
}

function asJob({ delaySeconds = 0, ...ticket }: Ticket) {
  // Rounded up: a ticket that comes too early finds nothing.
  const delay = Math.ceil(delaySeconds * 1000);
  return { name: ticket.stage, data: ticket, ...(delay > 0 && { opts: { delay } }) };
}

function openQueue(backend: QueueBackend, stage: Stage, log: Log): JobQueue {
  const queue = backend.makeQueue(queueName(stage), {
    // PostgreSQL decides about retries, so a job is tried once; and nobody looks at jobs that are over.
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
  });
  queue.on('error', (error) => log.warn({ err: bareError(error), stage }, 'trouble with the queue'));
  return queue;
}

/** BullMQ allows no colon in names. */
function queueName(stage: Stage): string {
  return `sheaf-${stage.replaceAll('_', '-')}`;
}
