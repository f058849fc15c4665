import type { TestSheaf } from './sheaf.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

/** Starts a worker process again as soon as it is gone, and ends it with the test. */
export class Supervisor {
  starts = 0;
  readonly #sheaf: TestSheaf;
  readonly #workers: WorkerProcess[] = [];
  #stopped = false;
  #running: Promise<void> = Promise.resolve();
  #again: () => void = () => undefined;

  constructor(sheaf: TestSheaf) {
    this.#sheaf = sheaf;
  }

  start(settings: Record<string, string>): void {
    this.#running = this.#keepRunning(settings);
  }

  /** One that stays away when it is gone. */
  async startOnce(settings: Record<string, string>): Promise<WorkerProcess> {
    const worker = await startWorkerProcess(this.#sheaf, settings);
    this.#workers.push(worker);
    return worker;
  }

  /** Waits until a worker was started in place of one that is gone. */
  async startedAgain(): Promise<void> {
    if (this.starts > 1) return;
    await new Promise<void>((resolve) => {
      this.#again = resolve;
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    await this.#running;
  }

  async #keepRunning(settings: Record<string, string>): Promise<void> {
    while (!this.#stopped) {
      const worker = await this.startOnce(settings);
      this.starts += 1;
      if (this.starts > 1) this.#again();
      if (this.#stopped) await worker.kill();
      await gone(worker);
    }
  }
}

async function gone({ child }: WorkerProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once('exit', resolve));
}
