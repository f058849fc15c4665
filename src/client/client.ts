import type { Batch } from '../api/schemas/batch.ts';
import type { BatchRequest } from '../api/schemas/batch-request.ts';
import type { OperationView } from '../api/schemas/operation.ts';
import type { ResultFiles } from '../api/schemas/results.ts';
import type {
  CompletedParts,
  CompletedUpload,
  PartsTicket,
  UploadRequest,
  UploadTicket,
} from '../api/schemas/upload.ts';
import type { TERMINAL_STATUSES } from '../core/batch.ts';
import { type Downloadable, type DownloadOptions, downloadFile } from './download-file.ts';
import { type FileSource, putFile } from './put-file.ts';
import { putParts } from './put-parts.ts';
import { pause } from './retry.ts';
import { type Answer, Connection, type ConnectionOptions } from './send.ts';
import type { PutOptions } from './send-bytes.ts';
import { completionPath, type UploadFileOptions, uploadFile, uploadPath } from './upload-file.ts';

interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface ListOptions {
  /** Batches asked for at once, 100 at most. */
  limit?: number;
  signal?: AbortSignal;
}

export interface FollowOptions {
  signal?: AbortSignal;
  /** Called with each state that was seen, the last one included. */
  onUpdate?: (batch: Batch) => void;
  /** Milliseconds between two looks, more where the API asks for it; without it as the API says, else 1000. */
  interval?: number;
}

/** Where following ends; a batch that is being deleted has nothing more to tell. The compiler keeps the list whole. */
const ENDED: Record<(typeof TERMINAL_STATUSES)[number] | 'deleting', true> = {
  hash_mismatch: true,
  validation_failed: true,
  completed: true,
  cancelled: true,
  failed: true,
  deleting: true,
};

const PAGE = 100;
const DEFAULT_INTERVAL_MS = 1000;
/** Also where the API says `Retry-After: 0`. */
const SHORTEST_INTERVAL_MS = 100;

/**
 * The API from TypeScript. Refusals and troubles are thrown as `SheafError`. GETs and downloads are tried again a few
 * times, POSTs never: whether one that got no answer was carried out is not known. An abort is thrown as the reason of
 * its signal.
 */
export class SheafClient {
  readonly #connection: Connection;

  /** @throws {TypeError} when `baseUrl` is not a URL */
  constructor(options: ConnectionOptions) {
    this.#connection = new Connection(options);
  }

  /** Makes a place for a file; a stated size and hash are bound into the signature of its URL. */
  async createUpload(
    body?: UploadRequest & { parts?: undefined },
    signal?: AbortSignal,
  ): Promise<UploadTicket>;
  /** Makes a place for a file that comes in parts. */
  async createUpload(body: UploadRequest & { parts: number }, signal?: AbortSignal): Promise<PartsTicket>;
  async createUpload(body?: UploadRequest, signal?: AbortSignal): Promise<UploadTicket | PartsTicket> {
    return await this.#connection.post('/uploads', body, signal);
  }

  /** Sends the file straight to the object store, as a stream. */
  async putFile(ticket: UploadTicket, source: FileSource, options?: PutOptions): Promise<void> {
    await putFile(ticket, source, options);
  }

  /** Sends a file in parts, each of them again if it fails. What is answered completes the upload. */
  async putParts(ticket: PartsTicket, path: string, options?: PutOptions): Promise<CompletedParts> {
    return await putParts(ticket, path, this.#connection.retries, options);
  }

  /** Puts the parts together; may be repeated. */
  async completeUpload(
    handler: string,
    parts: CompletedParts,
    signal?: AbortSignal,
  ): Promise<CompletedUpload> {
    return await this.#connection.postAgain(completionPath(handler), parts, signal);
  }

  /** Takes an upload back; may be repeated. */
  async invalidateUpload(handler: string, signal?: AbortSignal): Promise<void> {
    await this.#connection.delete(uploadPath(handler), signal);
  }

  /** Uploads a file from disk, in parts if it is large. @returns the handler, of which a batch can be created */
  async uploadFile(path: string, options?: UploadFileOptions): Promise<string> {
    return await uploadFile(this.#connection, path, options);
  }

  async createBatch(request: BatchRequest, signal?: AbortSignal): Promise<Batch> {
    return await this.#connection.post('/batches', request, signal);
  }

  async getBatch(batch: string, signal?: AbortSignal): Promise<Batch> {
    return (await this.#lookAt(batch, signal)).body;
  }

  /** All batches, newest first; pages are asked for as they are needed. */
  async *listBatches(options: ListOptions = {}): AsyncGenerator<Batch> {
    yield* this.#items('/batches', { limit: PAGE, ...options });
  }

  /** The result files with their presigned URLs. @throws {SheafError} `results_not_ready` before they are written */
  async getResults(batch: string, signal?: AbortSignal): Promise<ResultFiles> {
    const path = `/batches/${encodeURIComponent(batch)}/results`;
    return (await this.#connection.get<ResultFiles>(path, signal)).body;
  }

  async getOperation(name: string, signal?: AbortSignal): Promise<OperationView> {
    const path = `/operations/${encodeURIComponent(name)}`;
    return (await this.#connection.get<OperationView>(path, signal)).body;
  }

  async getOperations(signal?: AbortSignal): Promise<OperationView[]> {
    const operations: OperationView[] = [];
    const options = signal === undefined ? {} : { signal };
    for await (const operation of this.#items<OperationView>('/operations', options))
      operations.push(operation);
    return operations;
  }

  /**
   * A file to fill in for an operation.
   * @param parameters what the operation asks for to fill it in itself, such as `{ exam: 'algebra-1' }`
   */
  async template(
    name: string,
    format: 'csv' | 'xlsx' = 'xlsx',
    parameters: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const query = new URLSearchParams({ ...parameters, format });
    return await this.#connection.getFile(
      `/operations/${encodeURIComponent(name)}/template?${query}`,
      signal,
    );
  }

  /** Looks at a batch until it has ended, and answers how. @throws {SheafError} when it cannot be seen any more */
  async follow(batch: string, options: FollowOptions = {}): Promise<Batch> {
    const { signal, onUpdate, interval } = options;
    while (true) {
      const { body, retryAfter } = await this.#lookAt(batch, signal);
      onUpdate?.(body);
      if (Object.hasOwn(ENDED, body.status)) return body;
      const least = interval ?? (retryAfter === null ? DEFAULT_INTERVAL_MS : SHORTEST_INTERVAL_MS);
      await pause(Math.max(least, (retryAfter ?? 0) * 1000), signal);
    }
  }

  /** Streams a result file to disk, and names it only when its length and SHA-256 are right. */
  async download(file: Downloadable, path: string, options?: DownloadOptions): Promise<void> {
    await downloadFile(this.#connection, file, path, options);
  }

  async #lookAt(batch: string, signal?: AbortSignal): Promise<Answer<Batch>> {
    return await this.#connection.get(`/batches/${encodeURIComponent(batch)}`, signal);
  }

  async *#items<T>(path: string, options: ListOptions): AsyncGenerator<T> {
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams();
      if (options.limit !== undefined) query.set('limit', String(options.limit));
      if (cursor !== null) query.set('cursor', cursor);
      const url = query.size === 0 ? path : `${path}?${query}`;
      const { body }: Answer<Page<T>> = await this.#connection.get(url, options.signal);
      yield* body.items;
      cursor = body.next_cursor;
    } while (cursor !== null);
  }
}
