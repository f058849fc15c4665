/**
 * Who waits, by whose they are: of one's own they come in their order, and whoever has more waiting has their turn again
 * after all others.
 */
export class TurnQueue<Waiting> {
  /** In the order of their turns; nobody is here who waits for nothing. */
  readonly #queues = new Map<string, Set<Waiting>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  sizeOf(whose: string): number {
    return this.#queues.get(whose)?.size ?? 0;
  }

  add(whose: string, waiting: Waiting): void {
    const queue = this.#queues.get(whose) ?? new Set();
    this.#queues.set(whose, queue.add(waiting));
    this.#size += 1;
  }

  remove(whose: string, waiting: Waiting): void {
    const queue = this.#queues.get(whose);
    if (!queue?.delete(waiting)) return;
    this.#size -= 1;
    if (queue.size === 0) this.#queues.delete(whose);
  }

  /** Takes out whose turn it is, among those who may have one. */
  next(may: (whose: string) => boolean = () => true): Waiting | undefined {
    for (const [whose, queue] of this.#queues) {
      if (!may(whose)) continue;
      const [next] = queue;
      // Behind all others.
      this.#queues.delete(whose);
      this.#queues.set(whose, queue);
      this.remove(whose, next!);
      return next;
    }
    return undefined;
  }

  /** Takes out who came last of those of whom most wait, if these are more than so many. */
  lastOfMost(moreThan: number): Waiting | undefined {
    let most: { whose: string; queue: Set<Waiting> } | undefined;
    for (const [whose, queue] of this.#queues) {
      if (queue.size > (most?.queue.size ?? moreThan)) most = { whose, queue };
    }
    if (most === undefined) return undefined;
    const last = [...most.queue].at(-1)!;
    this.remove(most.whose, last);
    return last;
  }
}
