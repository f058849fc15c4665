import { expect } from 'vitest';
import { isTerminal, STAGES, TRANSITIONS } from '../../../src/core/batch.ts';
import { clearBatches } from '../rows.ts';
import type { TestSheaf } from '../sheaf.ts';
import type { Action } from './actions.ts';
import { Clients } from './clients.ts';
import {
  holdBackoff,
  letBackoffPass,
  letLeasesExpire,
  letResultsExpire,
  letTombstonesAge,
  neglect,
} from './clock.ts';
import type { Verdict } from './file.ts';
import { checkBatch } from './invariants.ts';
import { checkLineages } from './lineages.ts';
import { Rights } from './rights.ts';
import { TicketBox } from './ticket-box.ts';
import type { TrackedBatch } from './tracked-batch.ts';
import { Workers } from './workers.ts';

const mayBeRetried = (outcome: string) => outcome === 'failed' || outcome === 'unprocessed';

/** Whatever the handler would say of them. */
const NOT_TRIED: readonly Verdict[] = ['invalid', 'skipped', 'crashed'];

/** A batch needs some twenty visits at most; one that has not ended by then never will. */
const ROUNDS = 60;

/**
 * Carries a history out, one action after the other, on a Sheaf without workers: here the test says who does what
 * when, who dies and what is lost. After each action everything that must always hold is looked at.
 */
export class World {
  readonly #sheaf: TestSheaf;
  readonly #queue = new TicketBox();
  readonly #store = { failing: 0 };
  readonly #rights: Rights;
  readonly #clients: Clients;
  readonly #workers: Workers;
  /** Calls of the handler that should not have been; it cannot throw to say so, since that is caught. */
  readonly #wrongCalls: string[] = [];

  readonly #mistakes: string[] = [];

  constructor(sheaf: TestSheaf) {
    this.#sheaf = sheaf;
    this.#rights = new Rights(sheaf);
    this.#clients = new Clients(sheaf, this.#queue, this.#rights);
    const called = this.#called.bind(this);
    const mistaken = (error: Error) => void this.#mistakes.push(error.stack ?? error.message);
    const around = { sheaf, queue: this.#queue, store: this.#store, called, rights: this.#rights, mistaken };
    this.#workers = new Workers(around, this.#queue);
  }

  async begin(): Promise<void> {
    await this.#rights.set(true);
  }

  async act(action: Action): Promise<void> {
    await this.#do(action);
    await holdBackoff(this.#sheaf.sql);
    await this.#check();
  }

  /** From here on nothing goes wrong any more: everything must come to its end. */
  async settle(): Promise<void> {
    this.#store.failing = 0;
    await this.#workers.thawAll();
    await this.#untilQuiet(() => this.#ended());
    await letTombstonesAge(this.#sheaf.sql);
    await this.#untilQuiet(async () => (await this.#tombstones()) === 0);
    await this.#nothingIsLeft();
  }

  /** Ends whatever is still there, so that the next history begins with nothing. */
  async clear(): Promise<void> {
    await this.#workers.killAll();
    const { sql } = this.#sheaf;
    await sql`
      select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and application_name = 'sheaf chunk' and state <> 'idle'`;
    await sql`truncate written`;
    await clearBatches(sql);
    await this.#rights.clear();
  }

  async #do(action: Action): Promise<void> {
    switch (action.do) {
      case 'create':
        return await this.#clients.create(action);
      case 'serve':
        return await this.#workers.serve(action);
      case 'sweep':
        return await this.#workers.sweep(action.mishaps);
      case 'thaw':
        return await this.#workers.thaw(action);
      case 'kill':
        return await this.#workers.kill(action.pick);
      case 'recover':
        return await this.#workers.recover();
      case 'lose_ticket':
        this.#queue.take(action.pick);
        return;
      case 'double_ticket':
        return this.#queue.double(action.pick);
      case 'empty_queue':
        return this.#queue.empty();
      case 'lose_store':
        this.#store.failing = action.calls;
        return;
      case 'let_leases_expire':
        return await letLeasesExpire(this.#sheaf.sql);
      case 'let_backoff_pass':
        return await letBackoffPass(this.#sheaf.sql);
      case 'neglect':
        return await neglect(this.#sheaf.sql);
      case 'withdraw':
        return await this.#rights.set(false);
      case 'give_back':
        return await this.#rights.set(true);
      default:
        return await this.#toBatch(action);
    }
  }

  async #toBatch(action: Extract<Action, { pick: number }>): Promise<void> {
    const batch = this.#pick(action);
    if (batch === undefined) return;
    switch (action.do) {
      case 'cancel':
        return await this.#clients.cancel(batch);
      case 'delete':
        return await this.#clients.delete(batch);
      case 'resume':
        return await this.#clients.resume(batch, action);
      case 'retry':
        return await this.#clients.retry(batch, action);
      case 'label':
        return await this.#clients.label(batch, action.value);
      case 'overwrite_upload':
        return await this.#clients.overwriteUpload(batch);
      case 'damage_input':
        return await this.#damageInput(batch);
      case 'let_results_expire':
        return await letResultsExpire(this.#sheaf.sql, batch.id);
    }
  }

  /** One to which the action means something, if there is any. */
  #pick(action: Extract<Action, { pick: number }>): TrackedBatch | undefined {
    const fits = this.#clients.batches.filter(({ seen, deletionAsked }) => {
      const status = seen.statuses.at(-1) ?? 'new';
      if (action.do === 'resume') return status === 'failed' && !seen.gone;
      if (action.do === 'retry') return !deletionAsked && seen.outcomes?.some(mayBeRetried) === true;
      if (action.do === 'cancel') return TRANSITIONS[status].cancel_requested !== null;
      return true;
    });
    const among = fits.length > 0 ? fits : this.#clients.batches;
    return among[action.pick % among.length];
  }

  /** No call begins for a batch that is not processed, whoever makes it and however long it was frozen before. */
  async #called(batchId: string, records: readonly number[], allowed: boolean): Promise<void> {
    if (!allowed) this.#wrongCalls.push('by a claim that was made while the right was withdrawn');
    const batch = this.#clients.batches.find(({ id }) => id === batchId);
    const [row] = await this.#sheaf.sql<
      { status: string }[]
    >`select status from batches where id = ${batchId}`;
    if (row?.status !== 'processing') this.#wrongCalls.push(`of a batch in ${row?.status}`);
    const bad = records.filter((record) => NOT_TRIED.includes(batch?.verdicts?.[record - 1] ?? 'good'));
    if (bad.length > 0) this.#wrongCalls.push(`with records that are not to be tried: ${bad}`);
  }

  /** The private copy is not what it was: whoever reads it must notice. */
  async #damageInput(batch: TrackedBatch): Promise<void> {
    const [row] = await this.#sheaf.sql<{ key: string | null }[]>`
      select input_key as key from batches where id = ${batch.id} and status <> 'deleting'`;
    if (row === undefined || row.key === null) return;
    const bytes = await this.#sheaf.object(row.key);
    await this.#sheaf.services.objects.put(row.key, Buffer.from(bytes.toString().replaceAll('r', 's')));
    batch.inputDamaged = true;
  }

  async #check(): Promise<void> {
    expect(this.#wrongCalls, 'the handler was called').toEqual([]);
    expect(this.#mistakes, 'a step failed for no mishap').toEqual([]);
    await Promise.all(this.#clients.batches.map((batch) => checkBatch(this.#sheaf, batch)));
    await checkLineages(this.#sheaf, this.#clients.batches);
  }

  async #untilQuiet(reached: () => Promise<boolean>): Promise<void> {
    for (let round = 1; round <= ROUNDS; round += 1) {
      await this.act({ do: 'recover' });
      while (this.#queue.size > 0) {
        await this.act({ do: 'serve', tickets: 8, pick: 0, oneStep: false, mishaps: [] });
      }
      if (await reached()) return;
    }
    const rows = await this.#sheaf.sql`select id, status, stage, attempts, status_reason from batches`;
    throw new Error(`not everything comes to its end: ${JSON.stringify(rows)}`);
  }

  async #ended(): Promise<boolean> {
    for (const batch of this.#clients.batches) {
      const row = await this.#clients.find(batch);
      if (row === null) continue;
      if (batch.deletionAsked || !isTerminal(row.status)) return false;
      if (!row.resultsReady && !row.expired) return false;
    }
    return true;
  }

  async #tombstones(): Promise<number> {
    const [row] = await this.#sheaf.sql<{ n: number }[]>`
      select count(*)::int as n from batches where deleted_at is not null`;
    return row?.n ?? 0;
  }

  async #nothingIsLeft(): Promise<void> {
    const { sql } = this.#sheaf;
    expect(await sql`select from chunks where status = 'running' or lease is not null`).toHaveLength(0);
    expect(await sql`select from batches where lease is not null`).toHaveLength(0);
    for (const stage of STAGES) expect(await this.#queue.waiting(stage)).toBe(0);
    for (const batch of this.#clients.batches.filter(({ seen }) => seen.gone)) {
      expect(await this.#sheaf.keys(`batches/${batch.id}/`), 'objects of a deleted batch').toEqual([]);
    }
  }
}
