import type { Problem } from '../api/schemas/problem.ts';

/** Why a request did not give what it asked for: the API's or the store's answer, or that none came. */
export class SheafError extends Error {
  /** The HTTP status; 0 when no answer came. */
  readonly status: number;
  /**
   * Stable and meant for programs: one of `docs/errors.md`, one of the object store's, or of the client's own:
   * `unreachable`, `invalid_answer`, `corrupt_download`, `size_differs`, and `unknown`.
   */
  readonly code: string;
  /** What is wrong, in words. */
  readonly detail: string;
  /** One entry for each place of the request that is wrong. */
  readonly errors: NonNullable<Problem['errors']>;
  /** How many seconds the server asks to wait. */
  readonly retryAfter: number | null;

  constructor(
    status: number,
    code: string,
    detail: string,
    more: { errors?: Problem['errors']; retryAfter?: number | null; cause?: unknown } = {},
  ) {
    super(`${detail} (${status === 0 ? code : `${status} ${code}`})`, { cause: more.cause });
    this.name = 'SheafError';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.errors = more.errors ?? [];
    this.retryAfter = more.retryAfter ?? null;
  }
}

/** Reads the error out of an answer of the API: problem+json, or whatever a proxy in between has sent. */
export function problemFrom(response: Response, body: string): SheafError {
  const retryAfter = retryAfterSeconds(response.headers);
  const problem = parsedProblem(response, body);
  if (problem === null) {
    const detail = `the server answered ${response.status} ${response.statusText}`.trimEnd();
    return new SheafError(response.status, 'unknown', detail, { retryAfter });
  }
  const { code, title, detail = title ?? code, errors } = problem;
  return new SheafError(response.status, code, detail, { errors, retryAfter });
}

/** What is sure of a problem: a server in between may know only parts of the form. */
type Told = Pick<Problem, 'code'> & Partial<Problem>;

function parsedProblem(response: Response, body: string): Told | null {
  if (!/\bjson\b/.test(response.headers.get('content-type') ?? '')) return null;
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== 'object' || value === null) return null;
    return 'code' in value && typeof value.code === 'string' ? (value as Told) : null;
  } catch {
    // It says that it is JSON and is not: the status is all there is to tell then.
    return null;
  }
}

/** The error of an S3 store: XML with a code and a message. */
export function storeProblem(status: number, body: string): SheafError {
  const element = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1];
  const detail = element('Message') ?? 'it gives no reason';
  return new SheafError(status, element('Code') ?? 'unknown', `the object store refused: ${detail}`);
}

/** `Retry-After` in seconds, whether it is told as a number or as a date (RFC 9110, 10.2.3). */
export function retryAfterSeconds(headers: Headers, now = Date.now()): number | null {
  const value = headers.get('retry-after')?.trim();
  if (value === undefined || value === '') return null;
  if (/^\d+$/.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, (date - now) / 1000);
}
