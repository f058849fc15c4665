import type { FastifyReply } from 'fastify';
import {
  REQUEST_ERRORS,
  type RequestError,
  type RequestErrorCode,
  type RequestErrorKind,
} from '../core/errors.ts';
import { answerHeaders } from './answer-headers.ts';
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
  internal: 500,
  unavailable: 503,
};

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

/** The headers that belong to an error besides its body (RFC 9110: 401 needs a challenge, 503 may say when). */
export function problemHeaders(code: RequestErrorCode): Record<string, string> {
  const { kind } = REQUEST_ERRORS[code];
  if (kind === 'unauthenticated') return { 'WWW-Authenticate': 'Bearer realm="sheaf"' };
  if (kind === 'unavailable') return { 'Retry-After': String(RETRY_SECONDS) };
  return {};
}

/** Answers a request with an error; `extra` adds members of its own, as RFC 9457 allows. */
export function sendProblem(reply: FastifyReply, error: RequestError, extra: object = {}): FastifyReply {
  const body = { ...problemOf(error, reply.request.id), ...extra };
  return reply
    .code(body.status)
    .headers({ ...answerHeaders(reply.request.id), ...problemHeaders(error.code) })
    .type(PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send(body);
}
