import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A request that an operation with effects outside has made. */
export interface OutsideRequest {
  id: string;
  key: string;
  /** Which request of this record it is, from 1. */
  nth: number;
}

export interface OutsideAnswer {
  status: number;
  body?: unknown;
}

/**
 * The other side of operations with effects outside: a server that does what it is asked once for each key, as one does
 * that takes idempotency keys. It answers 200 with how often it was asked before, unless a test says otherwise.
 */
export class OutsideTarget {
  readonly requests: OutsideRequest[] = [];
  /** What was done: the ids by their keys. */
  readonly done = new Map<string, string>();
  /** Most requests that were open at once. */
  most = 0;
  /** What the next requests are answered with; `null`: as usual, after what is asked was done. */
  answer: (request: OutsideRequest) => Promise<OutsideAnswer | null> = async () => null;
  readonly #server: Server;
  #open = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<OutsideTarget> {
    const server = createServer((request, response) => void target.#serve(request, response));
    const target = new OutsideTarget(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return target;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Forgets everything. */
  reset(): void {
    this.requests.length = 0;
    this.done.clear();
    this.most = 0;
    this.answer = async () => null;
  }

  /** Waits until so many requests have come. */
  async asked(count: number): Promise<void> {
    while (this.requests.length < count) await sleep(5);
  }

  /** The keys with which each record was sent. */
  keysById(): Map<string, Set<string>> {
    const keys = new Map<string, Set<string>>();
    for (const { id, key } of this.requests) keys.set(id, (keys.get(id) ?? new Set()).add(key));
    return keys;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = new URL(request.url ?? '', this.url).searchParams.get('id') ?? '';
    const key = String(request.headers['idempotency-key']);
    const nth = this.requests.filter((other) => other.id === id).length + 1;
    const asked = { id, key, nth };
    this.requests.push(asked);
    this.#open += 1;
    this.most = Math.max(this.most, this.#open);
    const answer = await this.answer(asked);
    this.#open -= 1;
    if (answer === null) this.done.set(key, id);
    response.writeHead(answer?.status ?? 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer?.body ?? { id }));
  }
}
