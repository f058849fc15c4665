import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import type { HttpAnswer } from '../../core/http.ts';

const DECODERS: Record<string, (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>> =
  {
    gzip: promisify(gunzip),
    'x-gzip': promisify(gunzip),
    deflate: promisify(inflate),
    br: promisify(brotliDecompress),
  };

/** Nobody has good reason for more of them, one within the other. */
const MOST_ENCODINGS = 3;

/**
 * Undoes the encodings of a body, though none was asked for, but never makes more than `maxBytes` of it.
 * @throws {Error} when the bytes are not what the header says
 */
export async function decoded(
  bytes: Uint8Array,
  contentEncoding: string | undefined,
  maxBytes: number,
): Promise<Pick<HttpAnswer, 'body' | 'unread'>> {
  const encodings = (contentEncoding ?? '').toLowerCase().split(',');
  if (encodings.length > MOST_ENCODINGS) return { body: new Uint8Array(), unread: 'unknown_encoding' };
  let body = bytes;
  for (const encoding of encodings.map((name) => name.trim()).reverse()) {
    if (encoding === '' || encoding === 'identity' || body.length === 0) continue;
    const decode = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
    if (decode === undefined) return { body: new Uint8Array(), unread: 'unknown_encoding' };
    try {
      body = await decode(body, { maxOutputLength: maxBytes });
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
      return { body: new Uint8Array(), unread: 'too_large' };
    }
  }
  return { body };
}
