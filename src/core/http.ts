/** Requests to servers that are not ours: what an operation asks of whoever sends them. */

export interface HttpRequest {
  method: string;
  /** Absolute, `http` or `https`, without user and password. */
  url: string;
  headers: readonly (readonly [name: string, value: string])[];
  body?: string;
  /** From the call until the last byte of the answer. */
  timeoutMs: number;
  /** Of the answer’s body, decoded; more of it is not read. */
  maxBytes: number;
  /** Whether addresses that are not public may be asked: all of them, or these CIDR ranges, addresses and hosts. */
  allowPrivate: boolean | readonly string[];
}

export interface HttpAnswer {
  status: number;
  /** By name in lower case; what was given several times is joined by commas. */
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
  /** Why there is no body, though an answer came. */
  unread?: 'too_large' | 'unknown_encoding';
}

/** Sends one request and follows no redirect. Rejects with the signal’s reason when that fires, else with HttpFailure. */
export type SendRequest = (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer>;

/** What can happen before a byte of the request has left. */
export const NEVER_SENT = ['not_a_request', 'address_refused', 'not_resolved', 'not_connected'] as const;

/** What can happen afterwards: whether the request took effect is not known. */
export const PERHAPS_SENT = ['no_answer', 'cut_off', 'malformed'] as const;

export type HttpTrouble = (typeof NEVER_SENT)[number] | (typeof PERHAPS_SENT)[number];

/** No complete answer came. The message names the host at the most: paths and headers may hold secrets. */
export class HttpFailure extends Error {
  override name = 'HttpFailure';
  readonly trouble: HttpTrouble;

  constructor(trouble: HttpTrouble, message: string, options?: ErrorOptions) {
    super(message, options);
    this.trouble = trouble;
  }

  /** Whether the other side may have got it. */
  get perhapsSent(): boolean {
    return (PERHAPS_SENT as readonly string[]).includes(this.trouble);
  }
}
