import type { Static } from 'typebox';
import type { PasswordChangeSchema, SignedInView, SignInRequestSchema } from '../api/schemas/auth.ts';
import type { Batch } from '../api/schemas/batch.ts';
import type { BatchDeletion, BatchPatch } from '../api/schemas/batch-change.ts';
import type { BatchRequest } from '../api/schemas/batch-request.ts';
import type { Me } from '../api/schemas/me.ts';
import type { OperationView } from '../api/schemas/operation.ts';
import type { ResultFiles } from '../api/schemas/results.ts';
import type { RetryRequest } from '../api/schemas/retry-request.ts';
import type {
  CompletedParts,
  CompletedUpload,
  PartsTicket,
  UploadRequest,
  UploadTicket,
} from '../api/schemas/upload.ts';
import type { TERMINAL_STATUSES } from '../core/batch.ts';
import { Admin } from './admin.ts';
import { ApiKeys } from './api-keys.ts';
import { type Downloadable, type DownloadOptions, downloadFile } from './download-file.ts';
import { type ListOptions, listItems } from './list-items.ts';
import { type FileSource, putFile } from './put-file.ts';
import { putParts } from './put-parts.ts';
import { pause } from './retry.ts';
import { Roles } from './roles.ts';
import { type Answer, Connection, type ConnectionOptions, tokensOf } from './send.ts';
import type { PutOptions } from './send-bytes.ts';
import { SESSION_OVER } from './session.ts';
import { SheafError } from './sheaf-error.ts';
import { completionPath, type UploadFileOptions, uploadFile, uploadPath } from './upload-file.ts';
import { Users } from './users.ts';

export type Credentials = Static<typeof SignInRequestSchema>;
export type PasswordChange = Static<typeof PasswordChangeSchema>;

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
 * The API from TypeScript, with an API key or as a user who signs in. Refusals and troubles are thrown as `SheafError`.
 * GETs and downloads are tried again a few times, POSTs never: whether one that got no answer was carried out is not
 * known. An abort is thrown as the reason of its signal.
 */
export class SheafClient {
  readonly users: Users;
  readonly roles: Roles;
  readonly apiKeys: ApiKeys;
  readonly admin: Admin;
  readonly #connection: Connection;

  /** @throws {TypeError} when `baseUrl` is not a URL */
  constructor(options: ConnectionOptions) {
    this.#connection = new Connection(options);
    this.users = new Users(this.#connection);
    this.roles = new Roles(this.#connection);
    this.apiKeys = new ApiKeys(this.#connection);
    this.admin = new Admin(this.#connection);
  }

  /**
   * From here on everything is done as this user, in the place of the API key or of whoever was signed in. Tokens are
   * exchanged by themselves when they expire; a program that is to stay signed in over a restart keeps what `onTokens` is
   * told of.
   */
  async signIn(credentials: Credentials, signal?: AbortSignal): Promise<void> {
    const answer = await this.#connection.postOpenly<SignedInView>('/auth/token', credentials, signal);
    await this.#connection.begin(tokensOf(answer));
  }

  /** Ends the session, wherever its tokens are. May be repeated. */
  async signOut(signal?: AbortSignal): Promise<void> {
    if (!this.#connection.signedIn) return;
    try {
      await this.#connection.postAgain('/auth/sign-out', undefined, signal);
    } catch (error) {
      if (!(error instanceof SheafError) || error.code !== SESSION_OVER) throw error;
    }
    await this.#connection.end();
  }

  /** Who calls, and what they may do. */
  async me(signal?: AbortSignal): Promise<Me> {
    return (await this.#connection.get<Me>('/me', signal)).body;
  }

  /** Of whoever has signed in, whose other sessions end. */
  async changePassword(change: PasswordChange, signal?: AbortSignal): Promise<void> {
    await this.#connection.post('/me/password', change, signal);
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

  /** Makes a batch of the records of an ended one that failed, or that were not processed. */
  async retryBatch(batch: string, request: RetryRequest = {}, signal?: AbortSignal): Promise<Batch> {
    return await this.#connection.post(`/batches/${encodeURIComponent(batch)}/retry`, request, signal);
  }

  async getBatch(batch: string, signal?: AbortSignal): Promise<Batch> {
    return (await this.#lookAt(batch, signal)).body;
  }

  /** All batches, newest first; pages are asked for as they are needed. */
  listBatches(options: ListOptions = {}): AsyncGenerator<Batch> {
    return listItems(this.#connection, '/batches', { limit: PAGE, ...options });
  }

  /** Cancels a batch, resumes one that failed, or gives it other metadata. */
  async changeBatch(batch: string, change: BatchPatch, signal?: AbortSignal): Promise<Batch> {
    return await this.#connection.patch(`/batches/${encodeURIComponent(batch)}`, change, signal);
  }

  /** May be repeated; the batch goes as soon as it can. */
  async deleteBatch(batch: string, signal?: AbortSignal): Promise<BatchDeletion> {
    return await this.#connection.delete(`/batches/${encodeURIComponent(batch)}`, signal);
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
    for await (const operation of listItems<OperationView>(this.#connection, '/operations', options))
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
}
