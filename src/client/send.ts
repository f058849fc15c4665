import { exchange, type Fetch, unreachable } from './exchange.ts';
import { Patience } from './patience.ts';
import { readLines } from './read-lines.ts';
import { DEFAULT_RETRIES, type RetryPolicy, retrying } from './retry.ts';
import { Session, type Tokens, type TokensChanged } from './session.ts';
import { retryAfterSeconds, SheafError } from './sheaf-error.ts';
import { untilAborted } from './until-aborted.ts';

export interface ConnectionOptions {
  /** Where the API is: `http://127.0.0.1:3000`; a path in front of the routes is kept. */
  baseUrl: string;
  /** Without one, somebody has to sign in. */
  apiKey?: string;
  /** Of a session that was begun earlier, as `onTokens` was last told of them. They go before the key. */
  tokens?: Tokens;
  /**
   * Told of the tokens whenever there are others, before anything is sent with them: those before are used up.
   * `null`: signed out, or the session is over.
   */
  onTokens?: TokensChanged;
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

/** What a request is besides its method and path. */
interface Sent {
  accept: string;
  body?: unknown;
  signal: AbortSignal | undefined;
  /** In place of the time that an answer may take. */
  timeout?: AbortSignal;
  /** Without saying who calls. */
  open?: boolean;
}

/** Sends requests to one API with a key or somebody's tokens, and turns every refusal into a `SheafError`. */
export class Connection {
  readonly fetch: Fetch;
  readonly retries: RetryPolicy;
  readonly #baseUrl: string;
  readonly #apiKey: string | undefined;
  readonly #onTokens: TokensChanged;
  #session: Session | null = null;

  /** @throws {TypeError} when the base URL is none */
  constructor(options: ConnectionOptions) {
    this.#baseUrl = new URL(options.baseUrl).href.replace(/\/+$/, '');
    this.#apiKey = options.apiKey;
    this.#onTokens = options.onTokens ?? (() => undefined);
    this.fetch = options.fetch ?? globalThis.fetch;
    this.retries = options.retries ?? DEFAULT_RETRIES;
    if (options.tokens !== undefined) this.#session = this.#sessionOf(options.tokens);
  }

  get signedIn(): boolean {
    return this.#session !== null;
  }

  /** From here on everything is sent with these tokens, and those that take their place. */
  async begin(tokens: Tokens): Promise<void> {
    this.#session = this.#sessionOf(tokens);
    await this.#onTokens({ ...tokens });
  }

  /** Forgets the tokens, if there are any. */
  async end(): Promise<void> {
    if (this.#session === null) return;
    this.#session = null;
    await this.#onTokens(null);
  }

  /** @throws {SheafError} after a bounded number of attempts */
  async get<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
    return await retrying(this.retries, signal, () => this.#send<T>('GET', path, { signal }));
  }

  /** A file of any type. @throws {SheafError} after a bounded number of attempts */
  async getFile(path: string, signal?: AbortSignal): Promise<Uint8Array> {
    return await retrying(this.retries, signal, () =>
      this.#exchange('GET', path, { accept: '*/*', signal }, async (response) => {
        return new Uint8Array(await response.arrayBuffer());
      }),
    );
  }

  /** An answer of any length, line by line. Once it has begun it is not asked for again. @throws {SheafError} */
  async *getLines<T>(path: string, signal?: AbortSignal): AsyncGenerator<T> {
    const { body, patience } = await retrying(this.retries, signal, () => this.#stream(path, signal));
    const pieces = async function* () {
      for await (const piece of body) {
        patience.again();
        yield piece;
      }
    };
    try {
      yield* readLines<T>(pieces(), `GET ${path}`);
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof SheafError ? error : unreachable(`GET ${this.#baseUrl}${path}`, error);
    } finally {
      patience.end();
    }
  }

  /** Sent once: what came of a POST without an answer is not known. @throws {SheafError} */
  async post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
    return (await this.#send<T>('POST', path, { body, signal })).body;
  }

  /** Sent once, and without saying who calls. @throws {SheafError} */
  async postOpenly<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
    return (await this.#send<T>('POST', path, { body, signal, open: true })).body;
  }

  /** For a POST that may be repeated as it is. @throws {SheafError} after a bounded number of attempts */
  async postAgain<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
    return await retrying(
      this.retries,
      signal,
      async () => (await this.#send<T>('POST', path, { body, signal })).body,
    );
  }

  /** Sent once, as a POST is. @throws {SheafError} */
  async patch<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
    return (await this.#send<T>('PATCH', path, { body, signal })).body;
  }

  /** @throws {SheafError} after a bounded number of attempts */
  async delete<T>(path: string, signal?: AbortSignal): Promise<T> {
    return await retrying(
      this.retries,
      signal,
      async () => (await this.#send<T>('DELETE', path, { signal })).body,
    );
  }

  async #send<T>(method: string, path: string, request: Omit<Sent, 'accept'>): Promise<Answer<T>> {
    const sent = { accept: 'application/json', ...request };
    return await this.#exchange(method, path, sent, async (response) => {
      const text = await response.text();
      const answer = response.status === 204 ? (undefined as T) : parsed<T>(text, `${method} ${path}`);
      return { body: answer, retryAfter: retryAfterSeconds(response.headers) };
    });
  }

  async #stream(path: string, signal: AbortSignal | undefined) {
    const patience = new Patience(TIMEOUT_MS);
    const request = { accept: 'application/x-ndjson', signal, timeout: patience.signal };
    try {
      const body = await this.#exchange('GET', path, request, async (response) => response.body);
      return { body: body ?? (async function* (): AsyncGenerator<Uint8Array> {})(), patience };
    } catch (error) {
      patience.end();
      throw error;
    }
  }

  /** A request that was refused for its token took no effect: it is sent again with the next one, whatever it is. */
  async #exchange<T>(
    method: string,
    path: string,
    { open = false, timeout, ...sent }: Sent,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const session = open ? null : this.#session;
    const url = `${this.#baseUrl}${path}`;
    const once = (credential: string | undefined) =>
      exchange(
        this.fetch,
        { ...sent, method, url, credential, timeout: timeout ?? AbortSignal.timeout(TIMEOUT_MS) },
        read,
      );
    if (session === null) return await once(open ? undefined : this.#apiKey);
    const { token } = session;
    try {
      return await once(token);
    } catch (error) {
      if (!isTokenRefused(error)) throw error;
      await untilAborted(session.renew(token), sent.signal);
      return await once(session.token);
    }
  }

  #sessionOf(tokens: Tokens): Session {
    const refresh = async (refreshToken: string): Promise<Tokens> => {
      const body = { refresh_token: refreshToken };
      return tokensOf(await this.postOpenly('/auth/refresh', body));
    };
    const session: Session = new Session({ ...tokens }, refresh, async (changed) => {
      // Somebody may have signed in anew meanwhile: whose tokens these are is nobody's business any more.
      if (this.#session !== session) return;
      if (changed === null) await this.end();
      else await this.#onTokens(changed);
    });
    return session;
  }
}

/** As the API answers a sign-in. */
export function tokensOf(answer: { token: string; refresh_token: string }): Tokens {
  return { token: answer.token, refreshToken: answer.refresh_token };
}

function isTokenRefused(error: unknown): boolean {
  return error instanceof SheafError && error.status === 401 && error.code === 'unauthenticated';
}

function parsed<T>(text: string, what: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new SheafError(0, 'invalid_answer', `${what} was not answered with JSON`, { cause: error });
  }
}
