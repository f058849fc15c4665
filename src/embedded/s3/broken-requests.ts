import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { S3Error, type S3ErrorCode } from './errors.ts';
import { errorDocument } from './responses.ts';

const CODES: Record<string, S3ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'RequestHeaderSectionTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
};

/**
 * Answers what node:http could not read as a request, and closes the connection. While an answer to an earlier request
 * is going out (`busy`) nothing can be said between.
 */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex, busy: boolean): void {
  if (busy || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const refusal = new S3Error(CODES[error.code ?? ''] ?? 'BadRequest');
  const id = randomBytes(8).toString('hex').toUpperCase();
  const body = errorDocument(refusal, undefined, id);
  const head = [
    'HTTP/1.1 400 Bad Request',
    'content-type: application/xml',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-amz-request-id: ${id}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
