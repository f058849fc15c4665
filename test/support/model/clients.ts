import { expect } from 'vitest';
import { isTerminal, TRANSITIONS } from '../../../src/core/batch.ts';
import { isFinal, RequestError } from '../../../src/core/errors.ts';
import { OperationRegistry } from '../../../src/core/operation.ts';
import { type BatchPatch, changeBatch } from '../../../src/engine/change-batch.ts';
import { deleteBatch } from '../../../src/engine/delete-batch.ts';
import type { BatchRow } from '../../../src/engine/ports/request-stores.ts';
import type { WorkQueue } from '../../../src/engine/ports/work-queue.ts';
import { submitBatch } from '../../../src/engine/submit-batch.ts';
import { sha256, type TestSheaf } from '../sheaf.ts';
import type { Action, BatchPlan } from './actions.ts';
import { bodyOf } from './file.ts';
import { notingOperation } from './operation.ts';
import type { Rights } from './rights.ts';
import { stopAfterOf, type TrackedBatch, trackedBatch } from './tracked-batch.ts';

type Of<Name extends Action['do']> = Extract<Action, { do: Name }>;

/** An upload is taken by one batch at a time, and used up by one. */
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
    const former = sameUpload ? this.batches.at(-1) : undefined;
    if (former !== undefined && this.#overwritten.has(former.uploadId)) return;
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
      const cancelled = TRANSITIONS[before.status].cancel_requested !== null;
      expect(status).toBe(isTerminal(before.status) ? 'deleting' : cancelled ? 'cancel' : before.status);
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
    } else if (answer === 'forbidden') {
      expect([withdrawn, this.#rights.given]).toEqual([true, false]);
    } else if (answer !== 'not_resumable') {
      expect(['new', 'copying']).toContain(before.failedFrom);
      expect(ABOUT_UPLOADS).toContain(answer);
    }
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
    if (row === null) return;
    const [upload] = await this.#sheaf.sql<{ key: string }[]>`
      select object_key as key from uploads where id = ${batch.uploadId}`;
    await this.#sheaf.services.objects.put(upload!.key, Buffer.from(`id,ref\nother,${Math.random()}\n`));
    this.#overwritten.add(batch.uploadId);
    for (const other of this.batches.filter(({ uploadId }) => uploadId === batch.uploadId)) {
      const entered = (await this.find(other))?.statuses ?? [];
      if (!entered.some(({ status }) => status === 'copied')) other.overwritten = true;
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

function codeOf(error: unknown): string {
  if (error instanceof RequestError) return error.code;
  throw error;
}
