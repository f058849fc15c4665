import type { IncomingMessage, ServerResponse } from 'node:http';
import type { S3Error } from './errors.ts';
import { element } from './xml.ts';

/** What is read and thrown away of a refused body, so that its sender gets to see the answer. */
const DRAIN_BYTES = 4 * 1024 * 1024;
const DRAIN_MS = 3000;

/** Answers with a document. */
export function sendXml(response: ServerResponse, xml: string, headers: Record<string, string> = {}): void {
  const body = Buffer.from(xml);
  response.writeHead(200, { ...headers, 'content-type': 'application/xml', 'content-length': body.length });
  response.end(body);
}

/** Answers with headers alone. */
export function sendEmpty(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
): void {
  response.writeHead(
    status,
    status === 204 || status === 304 ? headers : { ...headers, 'content-length': '0' },
  );
  response.end();
}

/** S3's error document, which alone of all is in no namespace. */
export function errorDocument(error: S3Error, resource: string | undefined, id: string): string {
  const children = [
    element('Code', error.code),
    element('Message', error.message),
    ...Object.entries(error.detail).map(([name, value]) => element(name, value)),
    element('Resource', resource),
    element('RequestId', id),
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('Error', children)}`;
}

/**
 * Answers with S3's error document (none to a HEAD). When the request's body has not been read, the connection
 * is closed: but not at once, since unread bytes would turn the close into a reset that can overtake the
 * answer. The whole answer goes out first, then some of the body is read and dropped, then it ends. A client
 * that still waits for `100 Continue` (`bodyComes` false) will send none.
 */
export async function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: S3Error,
  bodyComes: boolean,
): Promise<void> {
  const id = String(response.getHeader('x-amz-request-id') ?? '');
  const withBody = request.method !== 'HEAD';
  const xml = errorDocument(error, request.url?.split('?')[0], id);
  const body = withBody ? Buffer.from(xml) : Buffer.alloc(0);
  const bodyExpected =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length']) > 0;
  const unread = bodyExpected && !request.readableEnded;
  response.writeHead(error.status, {
    ...(withBody ? { 'content-type': 'application/xml' } : {}),
    'content-length': body.length,
    ...(unread ? { connection: 'close' } : {}),
  });
  if (!unread || !bodyComes) {
    response.end(body);
    return;
  }
  if (withBody) response.write(body);
  else response.flushHeaders();
  await drain(request);
  response.end();
}

async function drain(request: IncomingMessage): Promise<void> {
  await new Promise<void>((resolve) => {
    let dropped = 0;
    const stop = (): void => {
      clearTimeout(timer);
      request.off('data', onData).off('close', stop).off('end', stop).off('error', stop);
      request.pause();
      resolve();
    };
    const onData = (chunk: Buffer): void => {
      dropped += chunk.length;
      if (dropped > DRAIN_BYTES) stop();
    };
    const timer = setTimeout(stop, DRAIN_MS);
    request.on('data', onData).on('close', stop).on('end', stop).on('error', stop);
    if (request.destroyed) stop();
  });
}
