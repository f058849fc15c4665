import type { Stage } from '../../core/batch.ts';

type Kind = 'chunk' | 'step';

/**
 * Of what runs in a process of its own a worker has one chunk at a time, and one step of a batch, so that its memory
 * stays bounded: what it claims besides has lost no worker.
 */
export class AloneRoom {
  readonly #taken = new Set<Kind>();
  /** Of each kind, in which stages somebody was turned away and found nothing else. */
  readonly #missed = { chunk: new Set<Stage>(), step: new Set<Stage>() };

  /** Taken before the claim, so that two at once do not both find it free. */
  take(stage: Stage): boolean {
    const kind = kindOf(stage);
    if (this.#taken.has(kind)) return false;
    this.#taken.add(kind);
    return true;
  }

  missed(stage: Stage): void {
    this.#missed[kindOf(stage)].add(stage);
  }

  /** @returns the stages that somebody should look into again, as the tickets of what waited there are gone */
  leave(stage: Stage): Stage[] {
    const kind = kindOf(stage);
    this.#taken.delete(kind);
    const missed = [...this.#missed[kind]];
    this.#missed[kind].clear();
    return missed;
  }
}

function kindOf(stage: Stage): Kind {
  return stage === 'validate' || stage === 'process' || stage === 'call' ? 'chunk' : 'step';
}
