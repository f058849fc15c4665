interface Shared<Part> {
  part: Part;
  users: number;
}

/** Parts of which there is one of a name for all who use it at the same time. */
export class SharedParts<Part> {
  readonly #parts = new Map<string, Shared<Part>>();

  take(name: string, make: () => Part): Part {
    const shared = this.#parts.get(name) ?? { part: make(), users: 0 };
    shared.users += 1;
    this.#parts.set(name, shared);
    return shared.part;
  }

  leave(name: string): void {
    const shared = this.#parts.get(name);
    if (shared === undefined) return;
    shared.users -= 1;
    if (shared.users === 0) this.#parts.delete(name);
  }

  all(): Part[] {
    return [...this.#parts.values()].map(({ part }) => part);
  }
}
