import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RequestError, type RequestErrorCode, RetryableFault } from '../../core/errors.ts';
import { shortened } from '../../core/result.ts';
import { PROBLEM_TYPE, problemOf, sendProblem } from '../problem.ts';

/** What Fastify itself finds wrong with a request, as errors of ours. */
const OF_FASTIFY: Record<string, [RequestErrorCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'send the body as JSON, with the header Content-Type: application/json',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'body_too_large',
    'the body is larger than this server takes; files go to the URL that POST /uploads gives, not through the API',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'malformed_request',
    'the body is not as long as the Content-Length header says',
  ],
  FST_ERR_BAD_URL: [
    'malformed_request',
    'the path holds a % that is not followed by two hexadecimal digits of UTF-8',
  ],
  FST_ERR_MAX_PARAM_LENGTH: ['route_not_found', 'a part of the path is longer than any name here'],
  FST_STATIC_FORBIDDEN_PATH: ['route_not_found', 'a part of the path is no name of a file'],
};

/** Answers every error as a problem; only what is our own fault or passing is logged besides the request. */
export function answerErrorsAsProblems(app: FastifyInstance): void {
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request) => {
    const path = shortened(request.url.split('?', 1)[0]);
    throw new RequestError(
      'route_not_found',
      `there is no ${request.method} ${path}; /docs shows what there is`,
    );
  });
}

/** Also takes what Fastify finds before it has a route (`frameworkErrors`). */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendProblem(reply, asRequestError(error, request));
}

function asRequestError(error: unknown, request: FastifyRequest): RequestError {
  if (error instanceof RequestError) return error;
  const code = (error as Partial<FastifyError> | null)?.code ?? '';
  const known = OF_FASTIFY[code];
  if (known !== undefined) return new RequestError(...known);
  if (code === 'ECONNRESET' && request.raw.destroyed && !request.raw.complete) {
    return new RequestError('malformed_request', 'the connection was closed before the body had arrived');
  }
  if (error instanceof RetryableFault) {
    request.log.warn({ err: error }, 'a service that the request needs does not answer');
    return new RequestError(
      'unavailable',
      'a service that this needs does not answer; try again in a few seconds',
    );
  }
  request.log.error({ err: error }, 'the request failed');
  return new RequestError('internal', `report it with the request id ${request.id}, which the log has too`);
}

/**
 * What arrives on a connection and is no HTTP, too slow or too large for a request: there is no request to answer.
 * @param owed an earlier request waits for its answer: this one would be taken for it
 */
export function answerBrokenConnection(error: NodeJS.ErrnoException, socket: Socket, owed: boolean): void {
  if (error.code === 'ECONNRESET' || !socket.writable || owed) {
    socket.destroy(error);
    return;
  }
  const problem = problemOf(
    new RequestError('malformed_request', BROKEN[error.code ?? ''] ?? 'this is not HTTP/1.1'),
  );
  const body = JSON.stringify(problem);
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Cache-Control: no-store',
      'X-Content-Type-Options: nosniff',
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

const BROKEN: Record<string, string> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'the request did not arrive in time',
  HPE_HEADER_OVERFLOW: 'the headers are too large',
};
