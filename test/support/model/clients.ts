import { expect } from 'vitest';
import { isTerminal, TRANSITIONS } from '../../../src/core/batch.ts';
import { isFinal, RequestError } from '../../../src/core/errors.ts';
import { OperationRegistry } from '../../../src/core/operation.ts';
import { type BatchPatch, changeBatch } from '../../../src/engine/change-batch.ts';
import { deleteBatch } from '../../../src/engine/delete-batch.ts';
import type { BatchRow } from '../../../src/engine/ports/request-stores.ts';
import type { WorkQueue } from '../../../src/engine/ports/work-queue.ts';
import { retryBatch } from '../../../src/engine/retry-batch.ts';
import { submitBatch } from '../../../src/engine/submit-batch.ts';
import { sha256, type TestSheaf } from '../sheaf.ts';
import type { Action, BatchPlan } from './actions.ts';
import { bodyOf } from './file.ts';
import { notingOperation } from './operation.ts';
import { isLive, type PlannedRetry, plannedRetry, trackedRetry } from './retries.ts';
import type { Rights } from './rights.ts';
import { lineageOf, stopAfterOf, type TrackedBatch, trackedBatch } from './tracked-batch.ts';

type Of<Name extends Action['do']> = Extract<Action, { do: Name }>;

/** An upload is taken by one batch at a time, and used up by one. */
interface Refusals {
  must: string[];
  may: string[];
}

const ABOUT_UPLOADS = [
  'upload_used',
  'upload_in_use',
  'upload_missing',
  'upload_expired',
  'upload_invalidated',
];

/**
 * What clients ask for. Nothing else happens meanwhile, so the status that a batch is in says what the answer must be.
 */
export class Clients {
  readonly batches: TrackedBatch[] = [];
  readonly #sheaf: TestSheaf;
  readonly #queue: WorkQueue;
  readonly #rights: Rights;
  /** Uploads of which nobody knows any more what is in them. */
  readonly #overwritten = new Set<string>();

  constructor(sheaf: TestSheaf, queue: WorkQueue, rights: Rights) {
    this.#sheaf = sheaf;
    this.#queue = queue;
    this.#rights = rights;
  }

  async find({ id }: TrackedBatch): Promise<BatchRow | null> {
    return await this.#sheaf.account.batches.find(id);
  }

  async create({ plan, sameUpload }: Of<'create'>): Promise<void> {
    const former = sameUpload ? this.batches.filter(({ retryOf }) => retryOf === null).at(-1) : undefined;
    if (former?.uploadId != null && this.#overwritten.has(former.uploadId)) return;
    const asked: BatchPlan = former === undefined ? plan : { ...plan, file: former.plan.file };
    const body = bodyOf(asked.file);
    const handler = former?.uploadId ?? (await this.#sheaf.upload(body));
    const { file: _file, hash, ...options } = asked;
    try {
      const row = await submitBatch(this.#api, this.#rights.caller, {
        ...options,
        handler,
        operation: 'note',
        ...(hash !== 'none' && { hash: sha256(hash === 'right' ? body : `${body}!`) }),
      });
      expect(this.#rights.given, 'a batch was made without the right to').toBe(true);
      this.batches.push(trackedBatch(row.id, handler, asked));
    } catch (error) {
      if (!this.#rights.given) return expect(codeOf(error)).toBe('forbidden');
      if (former === undefined) throw error;
      expect(ABOUT_UPLOADS).toContain(codeOf(error));
    }
  }

  async cancel(batch: TrackedBatch): Promise<void> {
    const before = await this.find(batch);
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

  async delete(batch: TrackedBatch): Promise<void> {
    const before = await this.find(batch);
    try {
      const { status } = await deleteBatch(this.#api, batch.id);
      batch.deletionAsked = true;
      if (before === null) return;
      if (isTerminal(before.status)) {
        expect(status).toBe((await this.#isRead(batch)) ? before.status : 'deleting');
        return;
      }
      const cancelled = TRANSITIONS[before.status].cancel_requested !== null;
      expect(status).toBe(cancelled ? 'cancel' : before.status);
    } catch (error) {
      expect(codeOf(error)).toBe('batch_not_found');
      expect(before).toBeNull();
    }
  }

  async resume(batch: TrackedBatch, { stop_after }: Of<'resume'>): Promise<void> {
    const before = await this.find(batch);
    const patch = { status: 'resume', ...(stop_after !== undefined && { stop_after }) } as const;
    const withdrawn = before?.statusReason?.code === 'permission_withdrawn';
    const answer = await this.#change(batch, patch);
    if (before === null) {
      expect(answer).toBe('batch_not_found');
    } else if (typeof answer !== 'string') {
      expect(before.status).toBe('failed');
      expect(withdrawn && !this.#rights.given, 'resumed without the right to').toBe(false);
      expect(batch.deletionAsked || before.expired || isFinal(before.statusReason)).toBe(false);
      // What checking found out about the file as a whole is told again.
      const { code } = answer.statusReason ?? { code: 'file_' };
      expect(code).toMatch(/^file_|^records_invalid$/);
      expect(answer).toMatchObject({ failedFrom: null, resultsReady: false });
      if (stop_after !== undefined) batch.stopAfter = stopAfterOf(stop_after);
      batch.seen.files = '';
      batch.seen.outcomes = null;
    } else if (answer === 'forbidden') {
      expect([withdrawn, this.#rights.given]).toEqual([true, false]);
    } else if (answer !== 'not_resumable') {
      expect(['new', 'copying']).toContain(before.failedFrom);
      expect(ABOUT_UPLOADS).toContain(answer);
    }
  }

  /** Of a batch that has ended, if nobody else has its records in hand. */
  async retry(parent: TrackedBatch, { plan }: Of<'retry'>): Promise<void> {
    const before = await this.find(parent);
    // What became of its records nobody can tell whose tables repeat an input that is gone.
    if (before?.resultsReady && parent.seen.outcomes === null && parent.plan.file.records.length > 0) return;
    const planned = before === null ? null : plannedRetry(this.batches, parent, plan);
    const refused = await this.#whyNotRetried(parent, before, planned);
    const { records, on_invalid, dry_run } = plan;
    const isCorrected = records === 'corrected';
    const handler = isCorrected && planned !== null ? await this.#sheaf.upload(bodyOf(planned.file)) : null;
    const request = {
      ...(handler === null ? !isCorrected && { records } : { handler }),
      ...(on_invalid !== undefined && { on_invalid }),
      ...(dry_run !== undefined && { dry_run }),
    };
    try {
      const row = await retryBatch(this.#api, this.#rights.caller, parent.id, request);
      expect(refused.must, `a retry was made of a batch in ${before?.status}`).toEqual([]);
      this.batches.push(trackedRetry(row, handler, parent, planned!, plan));
    } catch (error) {
      expect([...refused.must, ...refused.may], `of a batch in ${before?.status}`).toContain(codeOf(error));
    }
  }

  /** What a retry has to be refused with, if it has to be, and what it may be refused with besides. */
  async #whyNotRetried(
    parent: TrackedBatch,
    before: BatchRow | null,
    planned: PlannedRetry | null,
  ): Promise<Refusals> {
    if (before === null) return { must: ['batch_not_found'], may: [] };
    if (!this.#rights.given) return { must: ['forbidden'], may: [] };
    const why: string[] = [];
    const may: string[] = [];
    // Due is gone, also where nobody has come by to remove the files.
    if (before.expired || isDue(before)) why.push('results_expired');
    if (!before.resultsReady) why.push('results_not_ready');
    const isUnread = before.counts.total === null || parent.verdicts === null;
    if (!isTerminal(before.status) || parent.deletionAsked || planned === null || isUnread) {
      why.push('not_retriable', 'already_retried');
    }
    const others = lineageOf(this.batches, parent);
    for (const other of others) {
      const row = await this.find(other);
      const lost = row === null || row.expired || row.status === 'deleting';
      if (other === parent || !(lost ? other.seen.statuses.includes('processing') : isLive(row))) continue;
      // Those that failed and those that were not processed are retried side by side, by whoever has which in hand.
      const isApart = planned !== null && !planned.sources.some((source) => other.sources.includes(source));
      (lost || isApart ? may : why).push('already_retried');
    }
    return { must: why, may };
  }

  /** Whether a retry is about to read what the batch has. */
  async #isRead(batch: TrackedBatch): Promise<boolean> {
    const reads = async (other: TrackedBatch) => {
      const row = other === batch || other.retryOf === null ? null : await this.find(other);
      // With a file that has to be converted also while it is `copied`.
      return row !== null && ['new', 'copying', 'copied'].includes(row.status);
    };
    return (await Promise.all(lineageOf(this.batches, batch).map(reads))).includes(true);
  }

  async label(batch: TrackedBatch, value: number): Promise<void> {
    const answer = await this.#change(batch, { metadata: { value } });
    if (typeof answer === 'string') expect(answer).toBe('batch_not_found');
    else batch.metadata = { value };
  }

  /** A client's URL is good for an hour: what it puts there later must never be taken for what was accepted. */

  /** A client's URL is good for an hour: what it puts there later must never be taken for what was accepted. */
  async overwriteUpload(batch: TrackedBatch): Promise<void> {
    const row = await this.find(batch);
    if (row === null || batch.uploadId === null) return;
    const [upload] = await this.#sheaf.sql<{ key: string }[]>`
      select object_key as key from uploads where id = ${batch.uploadId}`;
    await this.#sheaf.services.objects.put(upload!.key, Buffer.from(`id,ref\nother,${Math.random()}\n`));
    this.#overwritten.add(batch.uploadId);
    for (const other of this.batches.filter(({ uploadId }) => uploadId === batch.uploadId)) {
      const entered = (await this.find(other))?.statuses ?? [];
      // Whoever is frozen after it was copied goes on with what was accepted.
      const copies = await this.#sheaf.keys(`batches/${other.id}/input/`);
      if (copies.length === 0 && !entered.some(({ status }) => status === 'copied')) other.overwritten = true;
    }
  }

  /** As the API has them: its tickets go where the workers' go. */
  get #api() {
    const operations = new OperationRegistry([notingOperation()]);
    return { ...this.#sheaf.engine, ...this.#rights.account, operations, queue: this.#queue };
  }

  async #change(batch: TrackedBatch, patch: BatchPatch): Promise<BatchRow | string> {
    try {
      const row = await changeBatch(this.#api, this.#rights.caller, batch.id, patch);
      return row;
    } catch (error) {
      return codeOf(error);
    }
  }
}

function isDue({ expiresAt }: BatchRow): boolean {
  return expiresAt !== null && expiresAt * 1000 < Date.now();
}

function codeOf(error: unknown): string {
  if (error instanceof RequestError) return error.code;
  throw error;
}
