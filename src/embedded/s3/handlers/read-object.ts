import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { checkReadConditions, rangeApplies } from '../conditions.ts';
import { type Context, headersOf } from '../context.ts';
import { ClientGone, S3Error } from '../errors.ts';
import { checksumHeaders, objectHeaders, overriddenHeaders } from '../metadata.ts';
import { parsePartNumber, partCount, partRange } from '../part-ranges.ts';
import { type ByteRange, parseRange } from '../ranges.ts';
import type { StoredObject } from '../records.ts';
import type { S3Request } from '../request.ts';
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
  const range = wantedRange(context, object);
  const { start, end } = range ?? { start: 0, end: object.size - 1 };
  // No Content-Range can say that there is nothing.
  const contentRange = range && start <= end ? `bytes ${start}-${end}/${object.size}` : undefined;
  const sendHead = (): void => {
    response.writeHead(contentRange ? 206 : 200, {
      ...headers,
      'content-length': end - start + 1,
      ...(contentRange ? { 'content-range': contentRange } : {}),
      ...(range ? {} : wholeChecksum(header, object)),
      ...partsHeader(request, object),
    });
  };
  if (request.method === 'HEAD' || end < start) {
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

/** What of the object is asked for, by Range or as a part; undefined is the whole. @throws S3Error InvalidRange, InvalidPartNumber */
function wantedRange(context: Context, object: StoredObject): ByteRange | undefined {
  const header = headersOf(context);
  const part = context.request.query.get('partNumber');
  if (part === undefined) {
    return rangeApplies(header('if-range'), object) ? parseRange(header('range'), object.size) : undefined;
  }
  if (header('range') !== undefined) {
    throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter');
  }
  return partRange(object, parsePartNumber(part));
}

function partsHeader(request: S3Request, object: StoredObject): Record<string, string> {
  const count = request.query.has('partNumber') ? partCount(object) : undefined;
  return count === undefined ? {} : { 'x-amz-mp-parts-count': String(count) };
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
