import type { Dispatcher } from 'undici';
import { type HttpAnswer, HttpFailure, type HttpRequest } from '../../core/http.ts';
import { decoded } from './decode.ts';
import { asFailure } from './faults.ts';

/** One for all: to make an error costs more than all the rest of a request’s end. */
const GIVEN_UP = new Error('given up');

/**
 * One request under way, as undici tells of it. Whoever waits is answered once: by the complete answer, by what went
 * wrong, or at the end of the time. A request that is given up before it was begun is never sent afterwards.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<HttpAnswer>;
  readonly #request: Pick<HttpRequest, 'maxBytes' | 'timeoutMs'>;
  readonly #host: string;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  #resolve!: (answer: HttpAnswer | Promise<HttpAnswer>) => void;
  #reject!: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;
  #head: Pick<HttpAnswer, 'status' | 'headers'> | undefined;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(request: Pick<HttpRequest, 'maxBytes' | 'timeoutMs'>, host: string, signal: AbortSignal) {
    this.#request = request;
    this.#host = host;
    this.#signal = signal;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = setTimeout(() => this.#fail(this.#late()), request.timeoutMs);
    signal.addEventListener('abort', this.#aborted, { once: true });
  }

  /** undici gives the request to a connection now, and writes it right after this. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(GIVEN_UP);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // Called for interim answers too, of which any number may come before the real one: the last one counts.
    this.#head = { status, headers: joined(headers) };
  }

  onResponseData(_controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (this.#over) return;
    this.#bytes += piece.length;
    if (this.#bytes <= this.#request.maxBytes) this.#pieces.push(piece);
    else this.#finish({ ...this.#head!, body: new Uint8Array(), unread: 'too_large' });
  }

  onResponseEnd(): void {
    const head = this.#head;
    if (head === undefined)
      this.#fail(new HttpFailure('malformed', `${this.#host} answered without a status`));
    else this.#finish(this.#decoded(head));
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(asFailure(error, this.#host, this.#controller !== undefined));
  }

  async #decoded(head: Pick<HttpAnswer, 'status' | 'headers'>): Promise<HttpAnswer> {
    const encoding = head.headers['content-encoding'];
    try {
      return { ...head, ...(await decoded(Buffer.concat(this.#pieces), encoding, this.#request.maxBytes)) };
    } catch (error) {
      throw new HttpFailure('malformed', `${this.#host} answered a body that is no ${encoding}`, {
        cause: error,
      });
    }
  }

  readonly #aborted = () => this.#fail(this.#signal.reason);

  #late(): HttpFailure {
    const time = `within ${this.#request.timeoutMs / 1000} s`;
    return this.#controller === undefined
      ? new HttpFailure('not_connected', `no connection to ${this.#host} ${time}`)
      : new HttpFailure('no_answer', `${this.#host} gave no complete answer ${time}`);
  }

  #finish(answer: HttpAnswer | Promise<HttpAnswer>): void {
    if (this.#end()) this.#resolve(answer);
  }

  #fail(error: unknown): void {
    if (this.#end()) this.#reject(error);
  }

  /** @returns false when it had ended before */
  #end(): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#aborted);
    // Does nothing to a request that is complete; else it closes the connection.
    this.#controller?.abort(GIVEN_UP);
    return true;
  }
}

function joined(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value = '']) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
}
