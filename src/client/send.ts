import { DEFAULT_RETRIES, type RetryPolicy, retrying } from './retry.ts';
import { problemFrom, retryAfterSeconds, SheafError } from './sheaf-error.ts';

export type Fetch = typeof globalThis.fetch;

export interface ConnectionOptions {
  /** Where the API is: `http://127.0.0.1:3000`; a path in front of the routes is kept. */
  baseUrl: string;
  apiKey: string;
  /** In place of the global one. */
  fetch?: Fetch;
  /** For what may safely be sent again: GETs and downloads. */
  retries?: RetryPolicy;
}

export interface Answer<T> {
  body: T;
  /** Seconds that the server asks to wait before the next look. */
  retryAfter: number | null;
}

/** An answer of the API is small and comes at once; what takes longer is lost. */
const TIMEOUT_MS = 30_000;

/** Sends requests to one API with one key, and turns every refusal into a `SheafError`. */
export class Connection {
  readonly fetch: Fetch;
  readonly retries: RetryPolicy;
  readonly #baseUrl: string;
  readonly #apiKey: string;

  /** @throws {TypeError} when the base URL is none */
  constructor(options: ConnectionOptions) {
    this.#baseUrl = new URL(options.baseUrl).href.replace(/\/+$/, '');
    this.#apiKey = options.apiKey;
    this.fetch = options.fetch ?? globalThis.fetch;
    this.retries = options.retries ?? DEFAULT_RETRIES;
  }

  /** @throws {SheafError} after a bounded number of attempts */
  async get<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
    return await retrying(this.retries, signal, () => this.#send<T>('GET', path, undefined, signal));
  }

  /** A file of any type. @throws {SheafError} after a bounded number of attempts */
  async getFile(path: string, signal?: AbortSignal): Promise<Uint8Array> {
    return await retrying(this.retries, signal, () =>
      this.#exchange('GET', path, { accept: '*/*', signal }, async (response) => {
        return new Uint8Array(await response.arrayBuffer());
      }),
    );
  }

  /** Sent once: what came of a POST without an answer is not known. @throws {SheafError} */
  async post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
    return (await this.#send<T>('POST', path, body, signal)).body;
  }

  /** For a POST that may be repeated as it is. @throws {SheafError} after a bounded number of attempts */
  async postAgain<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
    return await retrying(
      this.retries,
      signal,
      async () => (await this.#send<T>('POST', path, body, signal)).body,
    );
  }

  /** @throws {SheafError} after a bounded number of attempts */
  async delete(path: string, signal?: AbortSignal): Promise<void> {
    await retrying(this.retries, signal, () => this.#send('DELETE', path, undefined, signal));
  }

  async #send<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Answer<T>> {
    const request = { accept: 'application/json', body, signal };
    return await this.#exchange(method, path, request, async (response) => {
      const text = await response.text();
      const answer = response.status === 204 ? (undefined as T) : parsed<T>(text, `${method} ${path}`);
      return { body: answer, retryAfter: retryAfterSeconds(response.headers) };
    });
  }

  async #exchange<T>(
    method: string,
    path: string,
    { accept, body, signal }: { accept: string; body?: unknown; signal: AbortSignal | undefined },
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const headers = { authorization: `Bearer ${this.#apiKey}`, accept };
    try {
      const response = await this.fetch(`${this.#baseUrl}${path}`, {
        method,
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (!response.ok) throw problemFrom(response, await response.text());
      return await read(response);
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof SheafError ? error : unreachable(`${method} ${this.#baseUrl}${path}`, error);
    }
  }
}

/** No answer, or half of one. */
export function unreachable(what: string, error: unknown): SheafError {
  return new SheafError(0, 'unreachable', `${what} got no answer: ${reasonOf(error)}`, { cause: error });
}

/** `fetch` tells the reason in `cause` only, and there a refused connection to two addresses has a code but no message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  return error.message || ('code' in error ? String(error.code) : error.name);
}

function parsed<T>(text: string, what: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new SheafError(0, 'invalid_answer', `${what} was not answered with JSON`, { cause: error });
  }
}
