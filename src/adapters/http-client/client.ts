import { Agent } from 'undici';
import { AddressRules } from '../../core/address-rules.ts';
import { HttpFailure, type HttpRequest, type SendRequest } from '../../core/http.ts';
import { checkedConnector, type Resolve, resolveHost } from './connector.ts';
import { Exchange } from './exchange.ts';

export interface HttpClientOptions {
  resolve?: Resolve;
  connectTimeoutMs?: number;
  /** How long the other side may be silent within a request. */
  silenceMs?: number;
  /** Most connections to one origin. */
  connections?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const SILENCE_MS = 300_000;
const CONNECTIONS = 512;
const IDLE_MS = 4_000;
const LONGEST_IDLE_MS = 60_000;

/**
 * Sends requests to servers of others. Proxies that the environment names are not used: they would resolve names
 * themselves, and so reach what the rules refuse.
 */
export class HttpClient {
  readonly #options: HttpClientOptions;
  /** By what they may reach: a connection that one operation may make must not serve another that may not. */
  readonly #agents = new Map<string, Agent>();
  #closed = false;

  constructor(options: HttpClientOptions = {}) {
    this.#options = options;
  }

  readonly send: SendRequest = async (request, signal) => {
    signal.throwIfAborted();
    const url = checkedUrl(request.url);
    const exchange = new Exchange(request, url.hostname, signal);
    this.#dispatch(request, url, exchange);
    return await exchange.answer;
  };

  /** Ends all connections; whatever is under way fails. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
    this.#agents.clear();
  }

  #dispatch(
    { method, headers, body, allowPrivate, timeoutMs }: HttpRequest,
    url: URL,
    exchange: Exchange,
  ): void {
    const silence = Math.min(timeoutMs, this.#options.silenceMs ?? SILENCE_MS);
    try {
      this.#agentFor(allowPrivate).dispatch(
        {
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          method,
          headers: [...headers, ['accept-encoding', 'identity']].flat() as string[],
          ...(body !== undefined && { body }),
          headersTimeout: silence,
          bodyTimeout: silence,
        },
        exchange,
      );
    } catch (error) {
      exchange.onResponseError(undefined, error as Error);
    }
  }

  #agentFor(allowPrivate: HttpRequest['allowPrivate']): Agent {
    if (this.#closed) throw new Error('the HTTP client is closed');
    const key = JSON.stringify(allowPrivate);
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const { resolve = resolveHost, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.#options;
    const agent = new Agent({
      connect: checkedConnector(new AddressRules(allowPrivate), { resolve, timeoutMs: connectTimeoutMs }),
      connections: this.#options.connections ?? CONNECTIONS,
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: LONGEST_IDLE_MS,
    });
    this.#agents.set(key, agent);
    return agent;
  }
}

function checkedUrl(text: string): URL {
  const refuse = (why: string) => new HttpFailure('not_a_request', why);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw refuse('the URL cannot be read');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refuse('the URL is neither http nor https');
  if (url.username !== '' || url.password !== '') throw refuse('the URL names a user or a password');
  return url;
}
