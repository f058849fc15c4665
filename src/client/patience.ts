/** A signal that fires when nothing has come for so long; each `again` begins anew. */
export class Patience {
  readonly #controller = new AbortController();
  readonly #milliseconds: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.again();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  again(): void {
    clearTimeout(this.#timer);
    const why = () => new DOMException(`nothing came for ${this.#milliseconds} ms`, 'TimeoutError');
    this.#timer = setTimeout(() => this.#controller.abort(why()), this.#milliseconds);
    // It keeps nobody from ending.
    this.#timer.unref();
  }

  /** Whatever still runs under the signal is given up. */
  end(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }
}
