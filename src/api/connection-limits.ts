import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** How long a client may take, and how much of it there may be. A slow one holds a connection and a little memory. */
export interface ConnectionLimits {
  /** For the headers of a request to arrive; also for a new connection to say anything. */
  headersMs: number;
  /** For a whole request to arrive; bodies are small here. */
  requestMs: number;
  /** How often the two above are looked at. */
  checkMs: number;
  /** For a reader to take some of an answer that waits for it. */
  readerMs: number;
  /** For the next request on a connection: longer than the 60 seconds after which common proxies drop theirs. */
  keepAliveMs: number;
  requestsPerConnection: number;
  connections: number;
}

const LIMITS: ConnectionLimits = {
  headersMs: 15_000,
  requestMs: 30_000,
  checkMs: 5000,
  readerMs: 30_000,
  keepAliveMs: 72_000,
  requestsPerConnection: 10_000,
  connections: 10_000,
};

export function connectionLimits(changed: Partial<ConnectionLimits> = {}): ConnectionLimits {
  return { ...LIMITS, ...changed };
}

/**
 * Cuts off who does not read: nothing waits for an answer to be worked out here, only for what was written to be taken.
 * Node looks whether any of it went out before it lets the time be up.
 */
export function cutOffSlowReader(response: ServerResponse, readerMs: number): void {
  const { socket } = response;
  // Requests that are injected come over none.
  if (socket instanceof Socket) socket.setTimeout(readerMs);
}

/** Which connections owe an answer to a request that has arrived whole. */
export class Owed {
  readonly #answers = new WeakMap<object, { request: IncomingMessage; response: ServerResponse }>();

  constructor(server: Server) {
    server.prependListener('request', (request, response) =>
      this.#answers.set(request.socket, { request, response }),
    );
  }

  /** Whatever is written to the connection now would be taken for the answer, or stand in the midst of it. */
  on(socket: Socket): boolean {
    const last = this.#answers.get(socket);
    if (last === undefined || last.response.writableFinished) return false;
    return last.request.complete || last.response.headersSent;
  }
}
