import type { Log } from '../../core/log.ts';
import type { LimitStore } from '../ports/limit-store.ts';
import { SharedParts } from './shared-parts.ts';
import { SlotShare } from './slot-share.ts';
import { Target } from './target.ts';

/** How often it is looked at what others know of the targets that this process calls. */
const LOOK_MS = 250;

export interface TargetWatchParts {
  limits: LimitStore;
  /** For how long slots are held without being renewed: what the store was opened with. */
  leaseSeconds: number;
  log: Log;
}

/** The targets that this process calls at the moment, and its slots of them: one statement a look for all of them. */
export class TargetWatch {
  readonly #parts: TargetWatchParts;
  readonly #targets = new SharedParts<Target>();
  readonly #shares = new Map<SlotShare, Target>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | null = null;

  constructor(parts: TargetWatchParts) {
    this.#parts = parts;
  }

  open(name: string): Target {
    const { limits, log } = this.#parts;
    this.#timer ??= setInterval(() => this.#tick(), LOOK_MS);
    return this.#targets.take(name, () => new Target(name, limits, log));
  }

  async close(target: Target): Promise<void> {
    await target.noted();
    this.#targets.leave(target.name);
    if (this.#targets.all().length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#looking;
  }

  /** Looks at a target at once. */
  async look(target: Target): Promise<void> {
    await this.#learn([target]);
  }

  openShare(name: string, slots: { of: number; most: number }): SlotShare {
    const { limits, log, leaseSeconds } = this.#parts;
    const share = new SlotShare(limits, log, { target: name, leaseSeconds, ...slots });
    this.#shares.set(share, this.open(name));
    return share;
  }

  async closeShare(share: SlotShare): Promise<void> {
    const target = this.#shares.get(share);
    this.#shares.delete(share);
    await share.release();
    if (target !== undefined) await this.close(target);
  }

  #tick(): void {
    this.#looking ??= this.#learn(this.#targets.all())
      .catch((error: unknown) =>
        this.#parts.log.warn({ err: error }, 'what is known of targets could not be read'),
      )
      .finally(() => {
        this.#looking = null;
      });
    for (const [share, target] of this.#shares) share.tick(target);
  }

  async #learn(targets: readonly Target[]): Promise<void> {
    const looked = targets.map((target) => ({ target, version: target.version }));
    const known = await this.#parts.limits.look(targets.map(({ name }) => name));
    for (const { target, version } of looked) target.learn(known.get(target.name)!, version);
  }
}
