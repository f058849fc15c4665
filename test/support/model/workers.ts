import type { Action, Mishap } from './actions.ts';
import { letBackoffPass, letLeasesExpire } from './clock.ts';
import { Fate } from './fate.ts';
import type { TicketBox } from './ticket-box.ts';
import { MortalWorker, type Surroundings, type WorkerState } from './worker.ts';

type Of<Name extends Action['do']> = Extract<Action, { do: Name }>;

/** No step of these small files takes so long, unless it waits for something that never comes. */
const HANGS_MS = 30_000;

/** The workers of one history: one works at a time, while any number of others stand frozen in the middle of something. */
export class Workers {
  readonly #around: Surroundings;
  readonly #queue: TicketBox;
  readonly #frozen: MortalWorker[] = [];

  constructor(around: Surroundings, queue: TicketBox) {
    this.#around = around;
    this.#queue = queue;
  }

  async serve({ tickets, pick, oneStep, mishaps }: Of<'serve'>): Promise<void> {
    const fate = new Fate(mishaps);
    if (this.#queue.size === 0) await this.recover();
    for (let left = tickets; left > 0; left -= 1) {
      const ticket = this.#queue.take(pick);
      if (ticket === undefined) return;
      await this.#look(new MortalWorker(this.#around, fate), (it) => it.serve(ticket.stage, { oneStep }));
    }
  }

  async sweep(mishaps: readonly Mishap[]): Promise<void> {
    await this.#look(new MortalWorker(this.#around, new Fate(mishaps)), (it) => it.sweep());
  }

  /** Time passes, and somebody sweeps. */
  async recover(): Promise<void> {
    await letLeasesExpire(this.#around.sheaf.sql);
    await letBackoffPass(this.#around.sheaf.sql);
    await this.sweep([]);
  }

  async thaw({ pick, told }: Of<'thaw'>): Promise<void> {
    const worker = this.#takeFrozen(pick);
    if (worker !== undefined) await this.#look(worker, (it) => it.thaw(told));
  }

  async thawAll(): Promise<void> {
    while (this.#frozen.length > 0) await this.thaw({ do: 'thaw', pick: 0, told: false });
  }

  async kill(pick: number): Promise<void> {
    await this.#takeFrozen(pick)?.kill();
  }

  async killAll(): Promise<void> {
    while (this.#frozen.length > 0) await this.kill(0);
  }

  #takeFrozen(pick: number): MortalWorker | undefined {
    return this.#frozen.splice(pick % Math.max(1, this.#frozen.length), 1)[0];
  }

  async #look(worker: MortalWorker, work: (worker: MortalWorker) => Promise<WorkerState>): Promise<void> {
    const state = await within(work(worker));
    if (state === 'frozen') this.#frozen.push(worker);
  }
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`a step has not ended after ${HANGS_MS} ms`)), HANGS_MS);
  });
  try {
    return await Promise.race([work, hangs]);
  } finally {
    clearTimeout(timer);
  }
}
