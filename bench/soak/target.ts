import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The other side of an HTTP operation, which does what it is asked once for each idempotency key. Some requests it refuses
 * until they come with another key, some it fails at first.
 */
export class Target {
  /** How often each id took effect. */
  readonly effects = new Map<string, number>();
  /** What each key was answered for good. */
  readonly #answered = new Map<string, number>();
  readonly #seen = new Set<string>();
  /** Under which key an id was refused: under another one it is another wish. */
  readonly #refused = new Map<string, string>();
  readonly #server = createServer((request, response) => this.#serve(request, response));

  static async start(): Promise<Target> {
    const target = new Target();
    await new Promise<void>((listening) => target.#server.listen(0, '127.0.0.1', listening));
    return target;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const id = decodeURIComponent((request.url ?? '').slice('/send/'.length));
    const status = this.#answer(id, String(request.headers['idempotency-key']));
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ id }));
    });
  }

  #answer(id: string, key: string): number {
    const before = this.#answered.get(key);
    if (before !== undefined) return before;
    const first = !this.#seen.has(id);
    this.#seen.add(id);
    if (first && isBusyAtFirst(id)) return 503;
    const status = this.#refuses(id, key) ? 422 : 200;
    this.#answered.set(key, status);
    if (status === 200) this.effects.set(id, (this.effects.get(id) ?? 0) + 1);
    return status;
  }

  #refuses(id: string, key: string): boolean {
    if (!isRefusedAtFirst(id)) return false;
    const refused = this.#refused.get(id) ?? key;
    this.#refused.set(id, refused);
    return refused === key;
  }
}

const numberOf = (id: string) => Number(id.slice(id.lastIndexOf('-') + 1));

export const isRefusedAtFirst = (id: string) => numberOf(id) % 40 === 7;
const isBusyAtFirst = (id: string) => numberOf(id) % 50 === 3;

/** The operation that asks it. */
export const OPERATION = 'soak_send';

export const operationYaml = (origin: string) => `
name: ${OPERATION}
version: 1
title: Send
description: Sends each record to the target of the soak.
input:
  type: object
  properties:
    id: { type: string }
  required: [id]
output:
  type: object
  properties: { id: { type: string } }
  required: [id]
request:
  method: POST
  url: ${origin}/send/{{record.id}}
response:
  output: { id: id }
allow_private: ["127.0.0.1"]
attempts: 10
concurrency: 20
chunk_records: 100
`;
