import { setTimeout as sleep } from 'node:timers/promises';
import type { SigningKey, SigningKeyStore } from '../../engine/ports/tokens.ts';

/** For so long keys are used that may be over meanwhile: what it takes at the most until tokens of such a key are refused. */
const KEPT_MS = 5000;

/** Whoever makes tokens up makes us load keys no more often than this. */
const AGAIN_MS = 1000;

/** The signing keys as this process knows them. */
export class KeyRing {
  readonly #store: SigningKeyStore;
  #keys: readonly SigningKey[] = [];
  #loadedAt = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | null = null;
  #again: Promise<void> | null = null;

  constructor(store: SigningKeyStore) {
    this.#store = store;
  }

  /** The one that new tokens are signed with; made if there is none, or none any more. */
  async signing(): Promise<SigningKey> {
    await this.#fresh();
    const known = this.#keys.find(({ signs }) => signs);
    if (known !== undefined) return known;
    await this.#store.make();
    await this.#load();
    const made = this.#keys.find(({ signs }) => signs);
    if (made === undefined) throw new Error('there is no key to sign with, though one was made');
    return made;
  }

  /**
   * The key of that id. One that is not known may have been made by another process a moment ago: it is looked
   * for once more, together with all others that are asked for meanwhile.
   */
  async find(id: string): Promise<SigningKey | undefined> {
    await this.#fresh();
    const known = this.#keys.find((key) => key.id === id);
    if (known !== undefined) return known;
    await this.#loadAgain();
    return this.#keys.find((key) => key.id === id);
  }

  async #fresh(): Promise<void> {
    if (performance.now() - this.#loadedAt < KEPT_MS) return;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    await this.#loading;
  }

  async #load(): Promise<void> {
    const began = performance.now();
    const keys = await this.#store.load();
    // Of two that were under way at once the one that was asked for last is what counts.
    if (began < this.#loadedAt) return;
    this.#keys = keys;
    this.#loadedAt = began;
  }

  async #loadAgain(): Promise<void> {
    this.#again ??= sleep(Math.max(0, this.#loadedAt + AGAIN_MS - performance.now())).then(() => {
      // Whoever comes from here on may ask for a key that this does not see yet.
      this.#again = null;
      return this.#load();
    });
    await this.#again;
  }
}
