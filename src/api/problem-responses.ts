import type { RouteOptions } from 'fastify';
import { type FieldProblem, REQUEST_ERRORS, RequestError, type RequestErrorCode } from '../core/errors.ts';
import { ANYONE } from './plugins/access.ts';
import { FAILED_STATUS, PROBLEM_TYPE, problemHeaders, problemOf, statusOf } from './problem.ts';
import { reference } from './schemas/component.ts';
import { ProblemSchema } from './schemas/problem.ts';

const OF_BODIES: readonly RequestErrorCode[] = [
  'malformed_json',
  'malformed_request',
  'body_too_large',
  'unsupported_media_type',
  'invalid_request',
];

const OF_GUARDED: readonly RequestErrorCode[] = ['unauthenticated', 'account_suspended', 'rate_limited'];

/** Every error that a route may answer: its own, and those that follow from what it declares. */
export function errorsOf(route: Pick<RouteOptions, 'config' | 'schema' | 'method'>): RequestErrorCode[] {
  const { permission, errors = [], idempotencyKey } = route.config ?? {};
  const codes = new Set<RequestErrorCode>(errors);
  if (permission) for (const code of OF_GUARDED) codes.add(code);
  if (permission && permission !== ANYONE) codes.add('forbidden');
  if (idempotencyKey === 'kept') codes.add('idempotency_key_reused');
  // A body is read, and refused where there is none to be, with every other method.
  if (route.method !== 'GET' && route.method !== 'HEAD') for (const code of OF_BODIES) codes.add(code);
  if (route.schema?.querystring) codes.add('invalid_request');
  for (const code of ['internal', 'unavailable'] as const) codes.add(code);
  return [...codes].sort((a, b) => statusOf(a) - statusOf(b));
}

/**
 * The responses of the OpenAPI document for errors: one a status, with an example of each code.
 * @param failures of an operation that the route runs: codes with which it fails the record, and what they mean
 */
export function problemResponses(
  codes: readonly RequestErrorCode[],
  failures: Readonly<Record<string, string>> = {},
): Record<string, object> {
  const statuses = [...new Set(codes.map(statusOf))];
  return Object.fromEntries(
    statuses.map((status) => {
      const own = status === FAILED_STATUS ? Object.entries(failures) : [];
      return [
        status,
        problemResponse(
          codes.filter((code) => statusOf(code) === status),
          own,
        ),
      ];
    }),
  );
}

function problemResponse(codes: readonly RequestErrorCode[], failures: [string, string][]): object {
  const headers = Object.keys(problemHeaders(codes[0]!)).map((name) => [name, { type: 'string' }]);
  return {
    description: [...codes.map((code) => [code, REQUEST_ERRORS[code].title]), ...failures]
      .map(([code, title]) => `\`${code}\`: ${title}`)
      .join('  \n'),
    ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
    content: {
      [PROBLEM_TYPE]: {
        schema: reference(ProblemSchema),
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
      },
    },
  };
}

function exampleOf(code: RequestErrorCode): object {
  const places: FieldProblem[] =
    code === 'invalid_request'
      ? [{ pointer: '/handlr', code: 'unknown_field', message: 'is not known; there are handler, operation' }]
      : [];
  const detail =
    places.length > 0 ? `${places[0]!.pointer}: ${places[0]!.message}` : REQUEST_ERRORS[code].title;
  return problemOf(new RequestError(code, detail, places), 'f8a3f1de-6f3c-4d2b-9d0e-2b8f6a1c9e55');
}
