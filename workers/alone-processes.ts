import type { RunAlone } from '../src/engine/ports/alone.ts';
import { type AloneParts, AloneProcess } from './alone-process.ts';

/** A process that has nothing to do is kept so long: starting one takes seconds. */
const IDLE_MS = 10_000;

/**
 * Has work done by `workers/alone.ts`, and looks on. A process whose work went well is given the next: a burst of suspect
 * work, as after many a kill, would otherwise cost more in starts than in work.
 */
export class AloneProcesses {
  readonly #parts: AloneParts;
  readonly #idle = new Map<'chunk' | 'batch', AloneProcess>();

  constructor(parts: AloneParts) {
    this.#parts = parts;
  }

  readonly run: RunAlone = async (claim, lease) => {
    lease.signal.throwIfAborted();
    const kept = this.#idle.get(claim.kind);
    this.#idle.delete(claim.kind);
    const process = kept?.isUsable ? kept : new AloneProcess(this.#parts);
    const end = await process.run(claim, lease);
    if ('paused' in end && process.isUsable) this.#keep(claim.kind, process);
    return end;
  };

  /** Lets those go that have nothing to do. */
  close(): void {
    for (const process of this.#idle.values()) process.letGo();
    this.#idle.clear();
  }

  #keep(kind: 'chunk' | 'batch', process: AloneProcess): void {
    this.#idle.get(kind)?.letGo();
    this.#idle.set(kind, process);
    setTimeout(() => {
      if (this.#idle.get(kind) !== process || !process.isIdleFor(IDLE_MS)) return;
      this.#idle.delete(kind);
      process.letGo();
    }, IDLE_MS + 1).unref();
  }
}
