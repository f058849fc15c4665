import type { FastifyReply } from 'fastify';
import {
  REQUEST_ERRORS,
  type RequestError,
  type RequestErrorCode,
  type RequestErrorKind,
} from '../core/errors.ts';
import type { RecordError } from '../core/result.ts';
import { answerHeaders } from './answer-headers.ts';
import { memberPointer } from './member-pointer.ts';
import type { Problem } from './schemas/problem.ts';

/** The one place where the catalogue of errors meets HTTP. */
const STATUS: Record<RequestErrorKind, number> = {
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  missing: 404,
  conflict: 409,
  gone: 410,
  too_large: 413,
  unsupported: 415,
  invalid: 422,
  too_often: 429,
  internal: 500,
  unavailable: 503,
  unanswered: 504,
};

/** Of a record that was sent to an operation by itself and failed. */
export const FAILED_STATUS = 422;

export const PROBLEM_TYPE = 'application/problem+json';

/** Whoever broke more rules than this has a mistake of another kind; the rest is counted, not listed. */
export const MOST_ERRORS = 20;

const RETRY_SECONDS = 5;

export function statusOf(code: RequestErrorCode): number {
  return STATUS[REQUEST_ERRORS[code].kind];
}

/** The body that tells a client of an error (RFC 9457). */
export function problemOf(error: RequestError, requestId?: string): Problem {
  const { code, errors } = error;
  const listed = errors.slice(0, MOST_ERRORS);
  const detail =
    listed.length < errors.length
      ? `${errors.length} places are wrong; the first ${listed.length} are listed in errors`
      : error.message;
  return {
    type: `urn:sheaf:error:${code}`,
    title: REQUEST_ERRORS[code].title,
    status: statusOf(code),
    detail,
    code,
    ...(listed.length > 0 && { errors: listed }),
    ...(requestId !== undefined && { request_id: requestId }),
  };
}

/** The headers that belong to an error besides its body (RFC 9110: 401 needs a challenge, 429 and 503 may say when). */
export function problemHeaders(code: RequestErrorCode): Record<string, string> {
  const { kind } = REQUEST_ERRORS[code];
  if (kind === 'unauthenticated') return { 'WWW-Authenticate': 'Bearer realm="sheaf"' };
  if (kind === 'unavailable' || kind === 'too_often') return { 'Retry-After': String(RETRY_SECONDS) };
  return {};
}

/** Whole seconds, and never too few (RFC 9110, section 10.2.3). */
function retryAfter({ retryAfterSeconds: seconds }: RequestError): Record<string, string> {
  return seconds === undefined ? {} : { 'Retry-After': String(Math.max(1, Math.ceil(seconds))) };
}

/** Answers a request with an error; `extra` adds members of its own, as RFC 9457 allows. */
export function sendProblem(reply: FastifyReply, error: RequestError, extra: object = {}): FastifyReply {
  const body = { ...problemOf(error, reply.request.id), ...extra };
  reply.headers({ ...problemHeaders(error.code), ...retryAfter(error) });
  return sendBody(reply, body);
}

/**
 * Answers that a record failed: the code is the record's own.
 * @param title what the code means
 */
export function sendFailure(
  reply: FastifyReply,
  errors: readonly RecordError[],
  title: string,
): FastifyReply {
  const [{ code, message, field } = NO_ERROR] = errors;
  const detail = field === undefined ? message : `${field}: ${message}`;
  const places = errors.map((error) => ({
    pointer: (error.field?.split('.') ?? []).reduce(memberPointer, ''),
    code: error.code,
    message: error.message,
    ...(error.value !== undefined && { value: error.value }),
  }));
  const type = `urn:sheaf:error:${code}`;
  const status = FAILED_STATUS;
  return sendBody(reply, { type, title, status, detail, code, errors: places, request_id: reply.request.id });
}

const NO_ERROR: RecordError = { code: 'invalid', message: 'the record failed without a reason' };

function sendBody(reply: FastifyReply, body: Problem): FastifyReply {
  return reply
    .code(body.status)
    .headers(answerHeaders(reply.request.id))
    .type(PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send(body);
}
