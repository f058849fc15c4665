import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { checkReadConditions, rangeApplies } from '../conditions.ts';
import { type Context, headersOf } from '../context.ts';
import { ClientGone } from '../errors.ts';
import { checksumHeaders, objectHeaders, overriddenHeaders } from '../metadata.ts';
import { parseRange } from '../ranges.ts';
import type { StoredObject } from '../records.ts';
import { sendEmpty } from '../responses.ts';

/** GetObject and HeadObject. */
export async function readObject(context: Context): Promise<void> {
  const { request, response, store } = context;
  const bucket = store.bucket(request.bucket);
  const object = bucket.object(request.key);
  const header = headersOf(context);
  const headers = { ...objectHeaders(object), ...overriddenHeaders(request.query) };
  if (checkReadConditions(header, object) === 'not-modified') {
    const {
      etag,
      'last-modified': modified,
      'cache-control': cacheControl,
    } = headers as Record<string, string>;
    sendEmpty(response, 304, {
      ...(etag ? { etag } : {}),
      ...(modified ? { 'last-modified': modified } : {}),
      ...(cacheControl ? { 'cache-control': cacheControl } : {}),
    });
    return;
  }
  const range = rangeApplies(header('if-range'), object)
    ? parseRange(header('range'), object.size)
    : undefined;
  const { start, end } = range ?? { start: 0, end: object.size - 1 };
  const sendHead = (): void => {
    response.writeHead(range ? 206 : 200, {
      ...headers,
      'content-length': end - start + 1,
      ...(range
        ? { 'content-range': `bytes ${start}-${end}/${object.size}` }
        : wholeChecksum(header, object)),
    });
  };
  if (request.method === 'HEAD' || object.size === 0) {
    sendHead();
    response.end();
    return;
  }
  // From here on the bytes stay, whoever overwrites or deletes the object.
  const release = bucket.data.pin(object.segments);
  try {
    await sendBytes(bucket.data.read(object.segments, start, end), response, sendHead);
  } finally {
    release();
  }
}

/** The head goes out when the first bytes have been read: until then a fault can still be answered as one. */
async function sendBytes(
  bytes: AsyncGenerator<Buffer>,
  response: ServerResponse,
  sendHead: () => void,
): Promise<void> {
  const first = await bytes.next();
  const whole = async function* (): AsyncGenerator<Buffer> {
    if (!first.done) yield first.value;
    yield* bytes;
  };
  try {
    sendHead();
    await pipeline(Readable.from(whole(), { objectMode: false }), response);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ERR_STREAM_PREMATURE_CLOSE' && code !== 'ECONNRESET' && code !== 'EPIPE') throw error;
    throw new ClientGone('the client disconnected while it was reading', { cause: error });
  } finally {
    // A generator that was never begun closes nothing, and neither does one that the head's failure left.
    await bytes.return(undefined);
  }
}

/** The stored checksum is of the whole, so a part of the object is sent without one. */
function wholeChecksum(
  header: (name: string) => string | undefined,
  object: StoredObject,
): Record<string, string> {
  return header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED' ? checksumHeaders(object.checksum) : {};
}
