import type { IncomingMessage, ServerResponse } from 'node:http';
import { CHECKSUM_ALGORITHMS, checksumHeader } from './checksums.ts';
import { S3Error } from './errors.ts';
import { sendEmpty } from './responses.ts';

const METHODS = 'GET, PUT, POST, DELETE, HEAD';
const EXPOSED = [
  'ETag, Content-Length, Content-Range, Content-Disposition, Content-Encoding, Last-Modified, Accept-Ranges',
  'x-amz-request-id, x-amz-mp-parts-count, x-amz-checksum-type',
  ...CHECKSUM_ALGORITHMS.map(checksumHeader),
].join(', ');
const MAX_AGE_SECONDS = '3600';

/** Lets a browser page of an allowed origin read the answer. Presigned URLs are what authorises it. */
export function allowOrigin(
  request: IncomingMessage,
  response: ServerResponse,
  origins: readonly string[],
): boolean {
  const { origin } = request.headers;
  if (origins.length > 0) response.setHeader('vary', 'Origin');
  if (origin === undefined || !(origins.includes(origin) || origins.includes('*'))) return false;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', EXPOSED);
  return true;
}

/**
 * Answers a preflight, which carries no signature (Fetch standard, "CORS-preflight fetch").
 * @throws S3Error AccessForbidden for an origin or method that is not allowed
 */
export function answerPreflight(request: IncomingMessage, response: ServerResponse, allowed: boolean): void {
  const method = request.headers['access-control-request-method'];
  if (!allowed || method === undefined || !METHODS.split(', ').includes(method)) {
    throw new S3Error('AccessForbidden');
  }
  const headers = request.headers['access-control-request-headers'];
  sendEmpty(response, 200, {
    'access-control-allow-methods': METHODS,
    ...(headers === undefined ? {} : { 'access-control-allow-headers': headers }),
    'access-control-max-age': MAX_AGE_SECONDS,
  });
}
