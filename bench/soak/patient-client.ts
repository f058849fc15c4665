import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch } from '../../src/api/schemas/batch.ts';
import type { BatchPatch } from '../../src/api/schemas/batch-change.ts';
import type { BatchRequest } from '../../src/api/schemas/batch-request.ts';
import type { RetryRequest } from '../../src/api/schemas/retry-request.ts';
import type { SheafClient } from '../../src/client/client.ts';
import { problemFrom, SheafError } from '../../src/client/sheaf-error.ts';
import type { Ground } from './ground.ts';

/** How long the API may be away, or say that what it stands on is. */
const PATIENCE_MS = 180_000;
const AGAIN_MS = 500;
const LOOK_MS = 500;

/**
 * A client as a scheduled integration is one: what gets no answer it asks again, with the same idempotency key, until it
 * has one. What it is answered counts.
 */
export class PatientClient {
  /** How often it was told to come again, or not told anything, by the code. */
  readonly refusals = new Map<string, number>();
  /** How often it let a batch go on that had failed. */
  resumed = 0;
  readonly #ground: Pick<Ground, 'client' | 'url' | 'key'>;

  constructor(ground: Pick<Ground, 'client' | 'url' | 'key'>) {
    this.#ground = ground;
  }

  async upload(path: string): Promise<string> {
    return await this.#patiently((client) => client.uploadFile(path));
  }

  async create(request: BatchRequest): Promise<Batch> {
    return await this.#post('/batches', request);
  }

  async retry(batch: string, request: RetryRequest): Promise<Batch> {
    return await this.#post(`/batches/${batch}/retry`, request);
  }

  async change(batch: string, change: BatchPatch): Promise<Batch> {
    return await this.#patiently((client) => client.changeBatch(batch, change));
  }

  async delete(batch: string): Promise<void> {
    await this.#patiently((client) => client.deleteBatch(batch)).catch(unlessGone);
  }

  /** The batch at its end, its result files written. One that failed for want of what it stands on is let go on. */
  async ended(batch: string): Promise<Batch> {
    for (;;) {
      const now = await this.#patiently((client) => client.getBatch(batch));
      const failedForOthers = now.status === 'failed' && now.status_reason?.code === 'retries_exhausted';
      if (failedForOthers && now.resumable) {
        this.resumed += 1;
        await this.change(batch, { status: 'resume' });
      } else if (now.results_ready) return now;
      await sleep(LOOK_MS);
    }
  }

  /** Waits until nobody sees it any more. */
  async gone(batch: string): Promise<void> {
    for (;;) {
      const there = await this.#patiently((client) => client.getBatch(batch)).then(() => true, unlessGone);
      if (!there) return;
      await sleep(LOOK_MS);
    }
  }

  async batches(): Promise<Batch[]> {
    return await this.#patiently(async (client) => {
      const all: Batch[] = [];
      for await (const batch of client.listBatches()) all.push(batch);
      return all;
    });
  }

  /** All results as NDJSON. */
  async download(batch: string, path: string): Promise<void> {
    await this.#patiently(async (client) => {
      const { files } = await client.getResults(batch);
      const all = files.find(({ kind, format }) => kind === 'all' && format === 'ndjson');
      await client.download(all!, path);
    });
  }

  async #post(path: string, body: unknown): Promise<Batch> {
    const headers = {
      authorization: `Bearer ${this.#ground.key}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    };
    return await this.#patiently(async () => {
      const response = await fetch(`${this.#ground.url}${path}`, {
        ...{ method: 'POST', headers, body: JSON.stringify(body) },
        signal: AbortSignal.timeout(30_000),
      }).catch((error: unknown) => {
        throw new SheafError(0, 'unreachable', String(error));
      });
      const text = await response.text().catch(() => '');
      if (!response.ok) throw problemFrom(response, text);
      return JSON.parse(text) as Batch;
    });
  }

  async #patiently<Answer>(ask: (client: SheafClient) => Promise<Answer>): Promise<Answer> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await ask(this.#ground.client);
      } catch (error) {
        if (!isPassing(error) || performance.now() > until) throw error;
        this.refusals.set(error.code, (this.refusals.get(error.code) ?? 0) + 1);
        await sleep(AGAIN_MS);
      }
    }
  }
}

/** Nothing that a client could do about it: no answer, or one that says so. A 500 is never one of them. */
function isPassing(error: unknown): error is SheafError {
  if (!(error instanceof SheafError)) return false;
  return error.status === 0 || error.status > 500;
}

function unlessGone(error: unknown): false {
  if (error instanceof SheafError && (error.status === 404 || error.status === 410)) return false;
  throw error;
}
