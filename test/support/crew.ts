import { setTimeout as sleep } from 'node:timers/promises';
import type { Program } from './program.ts';

/** Between two attempts to start a program that does not come up: what it needs may be away. */
const AGAIN_MS = 500;

/**
 * So many programs of a kind, each of which is started again when it is gone, as a supervisor does it. Nothing else is
 * done for them.
 */
export class Crew<One extends Program> {
  /** What those logged that ended although nobody had ended them. */
  readonly fallen: string[] = [];
  /** Why those did not come up that were to take the place of others; they were started again. */
  readonly notStarted: string[] = [];
  readonly #start: () => Promise<One>;
  /** Up, and not frozen. */
  readonly #up = new Set<One>();
  readonly #frozen = new Set<One>();
  readonly #struck = new WeakSet<One>();
  readonly #starting = new Set<Promise<void>>();
  readonly #logs: string[] = [];
  #closing = false;

  private constructor(start: () => Promise<One>) {
    this.#start = start;
  }

  /** Who starts a crew also ends it. @param start makes one, and answers when it is up */
  static async of<One extends Program>(size: number, start: () => Promise<One>): Promise<Crew<One>> {
    const crew = new Crew(start);
    await Promise.all(Array.from({ length: size }, () => crew.#add()));
    return crew;
  }

  /** Those that are there, frozen ones included. */
  get members(): One[] {
    return [...this.#up, ...this.#frozen];
  }

  /** All that its members ever logged. */
  log(): string {
    return [...this.#logs, ...this.members.map((one) => one.log())].join('');
  }

  /** Those that are up and not frozen, once there are so many. */
  async up(least = 1): Promise<[One, ...One[]]> {
    while (this.#up.size < least) await sleep(5);
    return [...this.#up] as [One, ...One[]];
  }

  /** kill -9; another takes its place by itself. */
  async kill(one: One): Promise<void> {
    this.#struck.add(one);
    this.#up.delete(one);
    await one.kill();
  }

  /** SIGSTOP, until it is thawed. */
  async freeze(one: One): Promise<void> {
    this.#up.delete(one);
    this.#frozen.add(one);
    await one.freeze();
  }

  /** SIGCONT, unless it is gone by now. */
  thaw(one: One): void {
    if (!this.#frozen.delete(one)) return;
    this.#up.add(one);
    one.thaw();
  }

  /** Thaws what is frozen and tells all of them to stop. @returns the exit codes */
  async stop(): Promise<(number | null)[]> {
    this.#closing = true;
    await Promise.all(this.#starting);
    for (const one of [...this.#frozen]) this.thaw(one);
    return await Promise.all(this.members.map((one) => one.stop()));
  }

  /** kill -9 of all of them, for good. */
  async end(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#starting);
    await Promise.all(this.members.map((one) => one.kill()));
  }

  async #add(): Promise<void> {
    const one = await this.#start();
    const { child } = one;
    this.#up.add(one);
    const gone = () => this.#gone(one, `${child.exitCode ?? child.signalCode}`);
    if (child.exitCode !== null || child.signalCode !== null) gone();
    else child.once('exit', gone);
  }

  #gone(one: One, how: string): void {
    this.#up.delete(one);
    this.#frozen.delete(one);
    this.#logs.push(one.log());
    if (this.#closing) return;
    if (!this.#struck.has(one)) this.fallen.push(`ended by itself with ${how}: ${one.log()}`);
    const starting = this.#replace().finally(() => this.#starting.delete(starting));
    this.#starting.add(starting);
  }

  async #replace(): Promise<void> {
    while (!this.#closing) {
      try {
        return await this.#add();
      } catch (error) {
        this.notStarted.push(error instanceof Error ? error.message : String(error));
        await sleep(AGAIN_MS);
      }
    }
  }
}
