import type { RecordSpan } from '../../src/core/probes.ts';
import { doAlone } from '../../src/engine/alone/do-alone.ts';
import { AloneRoom } from '../../src/engine/alone/room.ts';
import type { Begins } from '../../src/engine/alone/trial.ts';
import type { AloneEnd } from '../../src/engine/ports/alone.ts';
import type { ServeTicket } from '../../src/engine/serve-ticket.ts';

/** What a process that is gone answers. */
export const never = () => new Promise<never>(() => undefined);

/**
 * What runs alone, in the process of the test: its work ends as that of a process that dies, in the middle of a call that
 * never returns, with its database session open.
 */
export class AloneHere {
  #end: (() => void) | null = null;

  /** Whether there is such a process at this moment. */
  get isAtWork(): boolean {
    return this.#end !== null;
  }

  /** The process ends where this is called, as in a handler. */
  readonly die = (): Promise<never> => {
    if (this.#end === null) throw new Error('this work does not run alone');
    this.#end();
    return never();
  };

  /**
   * @param engine what the child has for its work
   * @param begins is told of each span of records once the worker knows of it
   */
  of(engine: ServeTicket, begins: Begins = async () => undefined): NonNullable<ServeTicket['alone']> {
    return {
      room: new AloneRoom(),
      run: async (claim, lease) => {
        let at: RecordSpan | null = null;
        const ends = new Promise<AloneEnd>((resolve) => {
          this.#end = () => resolve({ crashed: 'for the test', span: at });
        });
        const work = doAlone(engine, claim, lease, async (span) => {
          at = span;
          await begins(span);
        });
        // When the process has ended nobody waits for it any more.
        work.catch(() => undefined);
        try {
          return await Promise.race([ends, work.then((paused): AloneEnd => ({ paused }))]);
        } finally {
          this.#end = null;
        }
      },
    };
  }
}
