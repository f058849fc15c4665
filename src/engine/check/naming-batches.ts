import type { NamingBatch } from '../ports/keeping-store.ts';
import type { Check } from './check.ts';
import { examineBatch } from './examine-batch.ts';

const BATCHES_PER_PAGE = 500;

/**
 * The batches that count on objects, in the order in which the store lists these: so both are gone through once. A batch
 * of which there are fewer objects than it names is looked at object by object.
 */
export class NamingBatches {
  readonly #check: Check;
  #page: NamingBatch[] = [];
  #at = 0;
  #last: string | null = null;
  #ended = false;

  private constructor(check: Check) {
    this.#check = check;
  }

  static async begin(check: Check): Promise<NamingBatches> {
    const naming = new NamingBatches(check);
    await naming.#next();
    return naming;
  }

  /** The store has so many objects of a batch that it names; and none of those that come before it. */
  async seen(batchId: string, named: number): Promise<void> {
    for (
      let batch = await this.#head();
      batch !== null && batch.batchId <= batchId;
      batch = await this.#head()
    ) {
      this.#at += 1;
      await this.#compare(batch, batch.batchId === batchId ? named : 0);
    }
  }

  /** The store has nothing of those that are left. */
  async end(): Promise<void> {
    for (let batch = await this.#head(); batch !== null; batch = await this.#head()) {
      this.#at += 1;
      await this.#compare(batch, 0);
    }
  }

  async #compare(batch: NamingBatch, named: number): Promise<void> {
    this.#check.summary.batches += 1;
    if (named < batch.named) await examineBatch(this.#check, batch.batchId);
  }

  async #head(): Promise<NamingBatch | null> {
    if (this.#at === this.#page.length && !this.#ended) await this.#next();
    return this.#page[this.#at] ?? null;
  }

  async #next(): Promise<void> {
    this.#check.signal?.throwIfAborted();
    this.#page = await this.#check.keeping.naming(this.#last, BATCHES_PER_PAGE);
    this.#at = 0;
    this.#last = this.#page.at(-1)?.batchId ?? this.#last;
    this.#ended = this.#page.length < BATCHES_PER_PAGE;
  }
}
