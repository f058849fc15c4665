import { type ClientRequest, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { unreachable } from './exchange.ts';
import { SheafError, storeProblem } from './sheaf-error.ts';

export interface PutOptions {
  signal?: AbortSignal;
  /** Bytes handed to the network so far, of all. */
  onProgress?: (sent: number, of: number) => void;
}

/** A presigned request with a body of known length. */
export interface Sending {
  url: string;
  method: 'PUT';
  headers: Record<string, string>;
  body: AsyncIterable<Buffer>;
  size: number;
}

/** A store that is silent for so long is gone; storing the last bytes of a large file takes it a while. */
const IDLE_MS = 120_000;
const LONGEST_REFUSAL = 64 * 1024;

/**
 * Sends bytes to the object store, in flat memory. Through `node:http` and not `fetch`, which hides an early refusal
 * behind the broken pipe that it causes.
 * @throws {SheafError} when the store refuses them or does not answer
 */
export async function sendBytes(sending: Sending, options: PutOptions): Promise<{ etag: string | null }> {
  const { url, method, headers, body, size } = sending;
  const send = new URL(url).protocol === 'https:' ? secureRequest : plainRequest;
  const request = send(url, { method, headers, signal: options.signal });
  request.setTimeout(IDLE_MS, () => request.destroy(new Error(`nothing moved for ${IDLE_MS / 1000} s`)));

  const pieces = new CountedSource(body, size, options.onProgress);
  const [sent, answered] = await Promise.allSettled([pipeline(pieces, request), answerTo(request)]);
  options.signal?.throwIfAborted();
  if (pieces.failure !== undefined) throw pieces.failure;
  if (answered.status === 'rejected') throw unreachable('the upload', answered.reason);
  const { status, text, etag } = answered.value;
  if (status < 200 || status > 299) throw storeProblem(status, text);
  // A quick store answers before the last write is told to be finished; with all bytes taken that is no failure.
  if (sent.status === 'rejected' && !pieces.handedOver) throw unreachable('the upload', sent.reason);
  return { etag };
}

export function sizeDiffers(detail: string): SheafError {
  return new SheafError(0, 'size_differs', detail);
}

/** The file's bytes on their way: counted, and held against the length that was stated. */
class CountedSource {
  /** What went wrong on our side; the request's own error tells of it as of a broken connection only. */
  failure: unknown;
  /** Whether every byte was handed to the connection. */
  handedOver = false;
  readonly #body: AsyncIterable<Buffer>;
  readonly #size: number;
  readonly #onProgress: PutOptions['onProgress'];

  constructor(body: AsyncIterable<Buffer>, size: number, onProgress: PutOptions['onProgress']) {
    this.#body = body;
    this.#size = size;
    this.#onProgress = onProgress;
    this.handedOver = size === 0;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    let sent = 0;
    try {
      for await (const piece of this.#body) {
        sent += piece.length;
        if (sent > this.#size) break;
        this.handedOver = sent === this.#size;
        yield piece;
        this.#onProgress?.(sent, this.#size);
      }
      if (sent !== this.#size) throw sizeDiffers(`the file is not ${this.#size} bytes long any more`);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}

/** The answer, also one that comes before everything is sent: the rest is not sent then. */
function answerTo(request: ClientRequest): Promise<{ status: number; text: string; etag: string | null }> {
  return new Promise((resolve, reject) => {
    let answered = false;
    request.on('error', reject);
    // A request that is given up before it has a connection closes without an error.
    request.on('close', () => {
      if (!answered) reject(new Error('the connection was closed'));
    });
    request.on('response', (response) => {
      answered = true;
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        if (text.length < LONGEST_REFUSAL) text += piece;
      });
      response.on('error', reject);
      response.on('close', () => reject(new Error('the connection was closed')));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text, etag: response.headers.etag ?? null });
        if (!request.writableFinished) request.destroy();
      });
    });
  });
}
