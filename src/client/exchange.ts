import { problemFrom, SheafError } from './sheaf-error.ts';

export type Fetch = typeof globalThis.fetch;

export interface ApiRequest {
  method: string;
  url: string;
  accept: string;
  body?: unknown;
  /** A key or a token; without one nothing is said of who calls. */
  credential: string | undefined;
  /** The caller's: its reason is thrown as it is. */
  signal: AbortSignal | undefined;
  timeout: AbortSignal;
}

/** One request and its answer. @throws {SheafError} */
export async function exchange<T>(
  fetch: Fetch,
  { method, url, accept, body, credential, signal, timeout }: ApiRequest,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const headers = {
    accept,
    ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  try {
    const response = await fetch(url, {
      method,
      headers,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw problemFrom(response, await response.text());
    return await read(response);
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof SheafError ? error : unreachable(`${method} ${url}`, error);
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
