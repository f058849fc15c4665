import type { Caller } from '../../../src/core/access.ts';
import type { Operation } from '../../../src/core/operation.ts';
import { LeaseKeeper } from '../../../src/engine/lease-keeper.ts';
import { openServices, type Services } from '../../../src/services.ts';
import { actorFor } from '../actor.ts';
import { AloneHere } from '../alone-here.ts';
import type { TestSheaf } from '../sheaf.ts';
import { openHttpLine } from './http-line.ts';
import { type Doom, Lifeline } from './lifeline.ts';
import { openPostgresLine } from './postgres-line.ts';
import { Tickets } from './tickets.ts';
import type { Visiting } from './visits.ts';

/** What a process runs on when it serves requests, and what when it works. */
export interface Engines {
  requests: Omit<TestSheaf['engine'], 'queue'> & { queue: Tickets };
  work: Visiting;
}

/** The operations of a process, given where the other side of their calls is, and how a record ends the process. */
export type OperationsOf = (targetUrl: string, die: () => Promise<never>) => readonly Operation[];

interface ProcessParts {
  services: Services;
  caller: Caller;
  leases: LeaseKeeper;
  alone: AloneHere;
  /** Where those tickets go that requests and work make. */
  queue: Tickets;
  stopping: () => boolean;
}

export function enginesOf({ services, caller, leases, alone, queue, stopping }: ProcessParts): Engines {
  const operations = services.operations.all();
  const known = {
    names: operations.map(({ name }) => name),
    versions: operations.map(({ version }) => version),
  };
  const work = { ...services, queue, leases, known, longStages: new Set<never>(), stopping };
  return {
    requests: { ...services, ...services.account(actorFor(caller)), queue },
    work: { ...work, alone: alone.of(work) },
  };
}

/**
 * A process of its own, but for the process: all that it does outside of itself goes over a lifeline, which is cut where
 * the test says.
 */
export class MortalProcess {
  readonly lifeline: Lifeline;
  readonly #engines: Engines;
  readonly #close: () => Promise<void>;

  private constructor(lifeline: Lifeline, engines: Engines, close: () => Promise<void>) {
    this.lifeline = lifeline;
    this.#engines = engines;
    this.#close = close;
  }

  static async start(
    sheaf: TestSheaf,
    doom: Doom | null,
    targetUrl: string,
    operations: OperationsOf,
  ): Promise<MortalProcess> {
    const lifeline = new Lifeline(doom);
    const { config, locations, caller, services: others } = sheaf;
    const database = await openPostgresLine(lifeline, locations.databaseUrl);
    const objects = await openHttpLine(lifeline, locations.s3.endpoint!);
    const target = await openHttpLine(lifeline, targetUrl);
    const at = { ...locations, databaseUrl: database.url, s3: { ...locations.s3, endpoint: objects.url } };
    const alone = new AloneHere();
    const services = await openServices(config, at, others.log, operations(target.url, alone.die));
    const leases = new LeaseKeeper(services.work, services.settings, services.log);
    const engines = enginesOf({
      services,
      caller,
      leases,
      alone,
      queue: new Tickets(services.queue),
      stopping: () => lifeline.ending,
    });
    lifeline.startCounting();
    return new MortalProcess(lifeline, engines, async () => {
      await leases.close();
      await services.close();
      for (const line of [database, objects, target]) line.close();
    });
  }

  /** Lets it work until it is done, or dead: then nobody hears what it was to answer. */
  async live(work: (engines: Engines) => Promise<void>): Promise<void> {
    const working = work(this.#engines).catch(async (error: unknown) => {
      if (!this.lifeline.ending) throw error;
      // Whatever fails to it now fails since its last message is out.
      await this.lifeline.died;
    });
    await Promise.race([working, this.lifeline.died]);
  }

  /** Puts away what is left of it in the process of the test. */
  bury(): Promise<void> {
    return this.#close();
  }
}
