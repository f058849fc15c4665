import { expect } from 'vitest';
import { isTerminal, STAGES, TRANSITIONS } from '../../../src/core/batch.ts';
import { isFinal, RequestError } from '../../../src/core/errors.ts';
import { OperationRegistry } from '../../../src/core/operation.ts';
import { changeBatch } from '../../../src/engine/change-batch.ts';
import { deleteBatch } from '../../../src/engine/delete-batch.ts';
import type { BatchRow } from '../../../src/engine/ports/request-stores.ts';
import { submitBatch } from '../../../src/engine/submit-batch.ts';
import { sha256, type TestSheaf } from '../sheaf.ts';
import type { Action, BatchPlan } from './actions.ts';
import { Fate } from './fate.ts';
import { bodyOf } from './file.ts';
import { checkBatch } from './invariants.ts';
import { notingOperation } from './operation.ts';
import { TicketBox } from './ticket-box.ts';
import { stopAfterOf, type TrackedBatch, trackedBatch } from './tracked-batch.ts';
import { MortalWorker, type Surroundings, type WorkerState } from './worker.ts';

type Of<Name extends Action['do']> = Extract<Action, { do: Name }>;

/** No step of these small files takes so long, unless it waits for something that never comes. */
const HANGS_MS = 30_000;

/** A batch needs some twenty visits at most; one that has not ended by then never will. */
const ROUNDS = 60;

/** An upload is taken by one batch at a time, and used up by one. */
const ABOUT_UPLOADS = [
  'upload_used',
  'upload_in_use',
  'upload_missing',
  'upload_expired',
  'upload_invalidated',
];

/**
 * Carries a history out, one action after the other, on a Sheaf without workers: here the test says who does what
 * when, who dies and what is lost. After each action everything that must always hold is looked at.
 */
export class World {
  readonly #sheaf: TestSheaf;
  readonly #queue = new TicketBox();
  readonly #store = { failing: 0 };
  readonly #batches: TrackedBatch[] = [];
  /** Calls of the handler that should not have been; it cannot throw to say so, since that is caught. */
  readonly #wrongCalls: string[] = [];
  #frozen: MortalWorker[] = [];
  #workers = 0;

  constructor(sheaf: TestSheaf) {
    this.#sheaf = sheaf;
  }

  async act(action: Action): Promise<void> {
    await this.#do(action);
    await this.#afterwards();
  }

  /** From here on nothing goes wrong any more: everything must come to its end. */
  async settle(): Promise<void> {
    this.#store.failing = 0;
    for (const worker of this.#frozen.splice(0)) await this.#within(worker.thaw(false));
    await this.#untilQuiet(() => this.#ended());
    for (const batch of this.#batches) {
      if (batch.deletionAsked) expect(batch.seen.gone, 'a deleted batch is still there').toBe(true);
    }
    await this.#sheaf.sql`update batches set deleted_at = deleted_at - interval '1 day'`;
    await this.#untilQuiet(async () => (await this.#tombstones()) === 0);
    await this.#nothingIsLeft();
  }

  /** Ends whatever is still there, so that the next history begins with nothing. */
  async clear(): Promise<void> {
    for (const worker of this.#frozen.splice(0)) await worker.kill();
    const { sql } = this.#sheaf;
    await sql`
      select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and application_name = 'sheaf chunk' and state <> 'idle'`;
    await sql`truncate written, custom_ids, chunks, batches, uploads, learners`;
  }

  async #do(action: Action): Promise<void> {
    switch (action.do) {
      case 'create':
        return await this.#create(action);
      case 'serve':
        return await this.#serve(action);
      case 'sweep':
        return await this.#look(
          new MortalWorker(this.#name(), this.#around, new Fate(action.mishaps)),
          (it) => it.sweep(),
        );
      case 'thaw':
        return await this.#thaw(action);
      case 'kill':
        return await this.#kill(action);
      case 'lose_ticket':
        this.#queue.take(action.pick);
        return;
      case 'double_ticket':
        return this.#queue.double(action.pick);
      case 'empty_queue':
        return this.#queue.empty();
      case 'let_leases_expire':
        return await this.#letLeasesExpire();
      case 'let_backoff_pass':
        return await this.#letBackoffPass();
      case 'recover':
        return await this.#recover();
      case 'lose_store':
        this.#store.failing = action.calls;
        return;
      case 'neglect':
        return await this.#neglect();
      default:
        return await this.#toBatch(action);
    }
  }

  async #toBatch(action: Extract<Action, { pick: number }>): Promise<void> {
    const batch = this.#pick(action);
    if (batch === undefined) return;
    switch (action.do) {
      case 'cancel':
        return await this.#cancel(batch);
      case 'delete':
        return await this.#delete(batch);
      case 'resume':
        return await this.#resume(batch, action);
      case 'label':
        return await this.#label(batch, action.value);
      case 'overwrite_upload':
        return await this.#overwriteUpload(batch);
      case 'damage_input':
        return await this.#damageInput(batch);
      case 'let_results_expire':
        await this.#sheaf.sql`
          update batches set expires_at = now() - interval '1 second' where id = ${batch.id} and expires_at is not null`;
    }
  }

  /** One to which the action means something, if there is any. */
  #pick(action: Extract<Action, { pick: number }>): TrackedBatch | undefined {
    const fits = this.#batches.filter(({ seen }) => {
      const status = seen.statuses.at(-1) ?? 'new';
      if (action.do === 'resume') return status === 'failed' && !seen.gone;
      if (action.do === 'cancel') return TRANSITIONS[status].cancel_requested !== null;
      return true;
    });
    const among = fits.length > 0 ? fits : this.#batches;
    return among[action.pick % among.length];
  }

  get #around(): Surroundings {
    return {
      sheaf: this.#sheaf,
      queue: this.#queue,
      store: this.#store,
      called: (batchId, records) => this.#called(batchId, records),
    };
  }

  /** No call begins for a batch that is not processed, whoever makes it and however long it was frozen before. */
  async #called(batchId: string, records: readonly number[]): Promise<void> {
    const batch = this.#batches.find(({ id }) => id === batchId);
    const [row] = await this.#sheaf.sql<
      { status: string }[]
    >`select status from batches where id = ${batchId}`;
    if (row?.status !== 'processing') this.#wrongCalls.push(`of a batch in ${row?.status}`);
    const bad = records.filter((record) => batch?.verdicts?.[record - 1] === 'invalid');
    if (bad.length > 0) this.#wrongCalls.push(`with the invalid records ${bad}`);
  }

  /** As the API has them: its tickets go where the workers' go. */
  get #api() {
    const operations = new OperationRegistry([notingOperation()]);
    return { ...this.#sheaf.services, operations, queue: this.#queue };
  }

  #name(): string {
    this.#workers += 1;
    return `worker ${this.#workers}`;
  }

  async #create({ plan, sameUpload }: Of<'create'>): Promise<void> {
    const former = sameUpload ? this.#batches.at(-1) : undefined;
    if (former?.overwritten === true) return;
    const asked: BatchPlan = former === undefined ? plan : { ...plan, file: former.plan.file };
    const body = bodyOf(asked.file);
    const handler = former?.uploadId ?? (await this.#sheaf.upload(body));
    const { file: _file, hash, ...options } = asked;
    try {
      const row = await submitBatch(this.#api, this.#sheaf.caller, {
        ...options,
        handler,
        operation: 'note',
        ...(hash !== 'none' && { hash: sha256(hash === 'right' ? body : `${body}!`) }),
      });
      this.#batches.push(trackedBatch(row.id, handler, asked));
    } catch (error) {
      if (former === undefined) throw error;
      expect(ABOUT_UPLOADS).toContain(codeOf(error));
    }
  }

  async #serve({ tickets, pick, oneStep, mishaps }: Of<'serve'>): Promise<void> {
    const fate = new Fate(mishaps);
    if (this.#queue.size === 0) await this.#recover();
    for (let left = tickets; left > 0; left -= 1) {
      const ticket = this.#queue.take(pick);
      if (ticket === undefined) return;
      const worker = new MortalWorker(this.#name(), this.#around, fate);
      await this.#look(worker, (it) => it.serve(ticket.stage, { oneStep }));
    }
  }

  async #look(worker: MortalWorker, work: (worker: MortalWorker) => Promise<WorkerState>): Promise<void> {
    const state = await this.#within(work(worker));
    if (state === 'frozen') this.#frozen.push(worker);
  }

  /** Time passes, and somebody sweeps. */
  async #recover(): Promise<void> {
    await this.#letLeasesExpire();
    await this.#letBackoffPass();
    await this.#look(new MortalWorker(this.#name(), this.#around, new Fate([])), (it) => it.sweep());
  }

  async #thaw({ pick, told }: Of<'thaw'>): Promise<void> {
    const [worker] = this.#frozen.splice(pick % Math.max(1, this.#frozen.length), 1);
    if (worker !== undefined) await this.#look(worker, (it) => it.thaw(told));
  }

  async #kill({ pick }: Of<'kill'>): Promise<void> {
    const [worker] = this.#frozen.splice(pick % Math.max(1, this.#frozen.length), 1);
    await worker?.kill();
  }

  async #within<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const hangs = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`a step has not ended after ${HANGS_MS} ms`)), HANGS_MS);
    });
    try {
      return await Promise.race([work, hangs]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #letLeasesExpire(): Promise<void> {
    const { sql } = this.#sheaf;
    await sql`update batches set lease_expires_at = now() - interval '1 second' where lease is not null`;
    await sql`update chunks set lease_expires_at = now() - interval '1 second' where lease is not null`;
  }

  async #letBackoffPass(): Promise<void> {
    const { sql } = this.#sheaf;
    await sql`update batches set available_at = now() where available_at > now()`;
    await sql`update chunks set available_at = now() where available_at > now()`;
  }

  /** Backoff is random and ends by the clock: so that a history is always the same, only the test ends it. */
  async #holdBackoff(): Promise<void> {
    await this.#sheaf.sql`
      with held as (
        update batches set available_at = now() + interval '1 hour' where available_at > now())
      update chunks set available_at = now() + interval '1 hour' where available_at > now()`;
  }

  /** For longer than a batch may wait nobody has come by. */
  async #neglect(): Promise<void> {
    const { sql } = this.#sheaf;
    await sql`update batches set updated_at = updated_at - interval '3 days'`;
    await sql`update chunks set settled_at = settled_at - interval '3 days'`;
  }

  async #find(batch: TrackedBatch): Promise<BatchRow | null> {
    return await this.#sheaf.services.batches.find(this.#sheaf.caller.accountId, batch.id);
  }

  async #change(batch: TrackedBatch, patch: Parameters<typeof changeBatch>[3]): Promise<BatchRow | string> {
    try {
      const row = await changeBatch(this.#api, this.#sheaf.caller, batch.id, patch);
      return row;
    } catch (error) {
      return codeOf(error);
    }
  }

  async #cancel(batch: TrackedBatch): Promise<void> {
    const before = await this.#find(batch);
    const answer = await this.#change(batch, { status: 'cancel' });
    if (before === null) {
      expect(answer).toBe('batch_not_found');
    } else if (TRANSITIONS[before.status].cancel_requested !== null) {
      expect(answer).toMatchObject({ status: 'cancel', statusReason: null });
    } else if (['cancel', 'cancelling', 'cancelled'].includes(before.status)) {
      expect(answer).toMatchObject({ status: before.status });
    } else {
      expect(answer).toBe('not_cancellable');
    }
  }

  async #delete(batch: TrackedBatch): Promise<void> {
    const before = await this.#find(batch);
    try {
      const { status } = await deleteBatch(this.#api, this.#sheaf.caller, batch.id);
      batch.deletionAsked = true;
      if (before === null) return;
      const cancelled = TRANSITIONS[before.status].cancel_requested !== null;
      expect(status).toBe(isTerminal(before.status) ? 'deleting' : cancelled ? 'cancel' : before.status);
    } catch (error) {
      expect(codeOf(error)).toBe('batch_not_found');
      expect(before).toBeNull();
    }
  }

  async #resume(batch: TrackedBatch, { stop_after }: Of<'resume'>): Promise<void> {
    const before = await this.#find(batch);
    const patch = { status: 'resume', ...(stop_after !== undefined && { stop_after }) } as const;
    const answer = await this.#change(batch, patch);
    if (before === null) {
      expect(answer).toBe('batch_not_found');
    } else if (typeof answer !== 'string') {
      expect(before.status).toBe('failed');
      expect(batch.deletionAsked || before.expired || isFinal(before.statusReason)).toBe(false);
      // What checking found out about the file as a whole is told again.
      const { code } = answer.statusReason ?? { code: 'file_' };
      expect(code).toMatch(/^file_|^records_invalid$/);
      expect(answer).toMatchObject({ failedFrom: null, resultsReady: false });
      if (stop_after !== undefined) batch.stopAfter = stopAfterOf(stop_after);
      batch.seen.files = '';
    } else if (answer !== 'not_resumable') {
      expect(['new', 'copying']).toContain(before.failedFrom);
      expect(ABOUT_UPLOADS).toContain(answer);
    }
  }

  async #label(batch: TrackedBatch, value: number): Promise<void> {
    const answer = await this.#change(batch, { metadata: { value } });
    if (typeof answer === 'string') expect(answer).toBe('batch_not_found');
    else batch.metadata = { value };
  }

  /** A client's URL is good for an hour: what it puts there later must never be taken for what was accepted. */
  async #overwriteUpload(batch: TrackedBatch): Promise<void> {
    const row = await this.#find(batch);
    if (row === null) return;
    const [upload] = await this.#sheaf.sql<{ key: string }[]>`
      select object_key as key from uploads where id = ${batch.uploadId}`;
    await this.#sheaf.services.objects.put(upload!.key, Buffer.from(`id,ref\nother,${Math.random()}\n`));
    for (const other of this.#batches.filter(({ uploadId }) => uploadId === batch.uploadId)) {
      const copied = (await this.#find(other))?.counts.total ?? null;
      if (copied === null) other.overwritten = true;
    }
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

  async #afterwards(): Promise<void> {
    await this.#holdBackoff();
    expect(this.#wrongCalls, 'the handler was called').toEqual([]);
    await Promise.all(this.#batches.map((batch) => checkBatch(this.#sheaf, batch)));
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
    for (const batch of this.#batches) {
      const row = await this.#find(batch);
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
    for (const batch of this.#batches.filter(({ seen }) => seen.gone)) {
      expect(await this.#sheaf.keys(`batches/${batch.id}/`), 'objects of a deleted batch').toEqual([]);
    }
  }
}

function codeOf(error: unknown): string {
  if (error instanceof RequestError) return error.code;
  throw error;
}
