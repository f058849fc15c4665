import { createHash } from 'node:crypto';
import type { ChunkSigner } from './auth.ts';
import { S3Error } from './errors.ts';
import { EMPTY_SHA256, sameSignature, sign } from './sigv4.ts';

const MAX_CHUNK_HEADER = 1024;
const MAX_TRAILER = 4096;
const CRLF = Buffer.from('\r\n');

/** Takes a body apart that was sent in S3's `aws-chunked` coding. */
export interface ChunkedOptions {
  /** Present when every chunk carries a signature. */
  signer: ChunkSigner | undefined;
  /** Whether header lines follow the last chunk. */
  trailer: boolean;
  /** Called once, before the last byte is accepted, with the trailing headers in lower case. */
  onTrailers: (trailers: ReadonlyMap<string, string>) => void;
}

/**
 * Decodes `aws-chunked`, verifying each chunk's signature when there is one. Bytes are passed on before their
 * chunk's signature is known (a chunk may be gigabytes), so the reader must not let anyone see them until this ends.
 * @throws S3Error SignatureDoesNotMatch, IncompleteBody, InvalidRequest for a malformed coding
 * @see Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks"
 */
export async function* decodeChunked(
  source: AsyncIterable<Buffer>,
  options: ChunkedOptions,
): AsyncGenerator<Buffer> {
  const reader = new ByteReader(source);
  try {
    yield* readChunks(reader, options);
  } finally {
    // The source keeps its listeners until it is told that nobody reads on.
    await reader.close();
  }
}

async function* readChunks(reader: ByteReader, options: ChunkedOptions): AsyncGenerator<Buffer> {
  let previous = options.signer?.seed ?? '';
  for (;;) {
    const header = (await reader.line(MAX_CHUNK_HEADER)).toString('latin1');
    const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(header);
    if (!match || (match[2] === undefined) !== (options.signer === undefined)) throw malformed();
    let left = Number.parseInt(match[1] as string, 16);
    const last = left === 0;
    const hash = options.signer ? createHash('sha256') : undefined;
    while (left > 0) {
      const bytes = await reader.upTo(left);
      hash?.update(bytes);
      left -= bytes.length;
      yield bytes;
    }
    if (options.signer && hash) {
      const text = chunkStringToSign(options.signer, previous, hash.digest('hex'));
      const expected = sign(options.signer.key, text);
      if (!sameSignature(expected, match[2] as string)) throw new S3Error('SignatureDoesNotMatch');
      previous = expected;
    }
    if (last) break;
    if ((await reader.line(0)).length > 0) throw malformed();
  }
  options.onTrailers(await readTrailers(reader, options, previous));
  if (!(await reader.atEnd())) throw malformed();
}

async function readTrailers(
  reader: ByteReader,
  options: ChunkedOptions,
  previous: string,
): Promise<Map<string, string>> {
  const trailers = new Map<string, string>();
  let signature: string | undefined;
  let signed = '';
  let budget = MAX_TRAILER;
  for (;;) {
    const line = (await reader.line(budget)).toString('latin1').replace(/\n$/, '');
    if (line === '') break;
    budget -= line.length;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === '' || trailers.has(name) || !options.trailer) throw malformed();
    if (name === 'x-amz-trailer-signature') {
      signature = value;
      continue;
    }
    trailers.set(name, value);
    signed += `${name}:${value}\n`;
  }
  if (options.signer && options.trailer) {
    const hash = createHash('sha256').update(signed, 'latin1').digest('hex');
    const { key, timestamp, scope } = options.signer;
    const text = ['AWS4-HMAC-SHA256-TRAILER', timestamp, scope, previous, hash].join('\n');
    if (!sameSignature(sign(key, text), signature ?? '')) throw new S3Error('SignatureDoesNotMatch');
  }
  return trailers;
}

function chunkStringToSign(signer: ChunkSigner, previous: string, hash: string): string {
  return ['AWS4-HMAC-SHA256-PAYLOAD', signer.timestamp, signer.scope, previous, EMPTY_SHA256, hash].join(
    '\n',
  );
}

function malformed(): S3Error {
  return new S3Error('InvalidRequest', 'The body is not well-formed aws-chunked.');
}

/** Cuts a stream of buffers into lines and runs of bytes, holding no more than one buffer and one line. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The bytes before the next CRLF, of which there may be `limit`. */
  async line(limit: number): Promise<Buffer> {
    for (;;) {
      const end = this.#buffer.indexOf(CRLF);
      if (end > limit) throw malformed();
      if (end !== -1) {
        const line = this.#buffer.subarray(0, end);
        this.#buffer = this.#buffer.subarray(end + 2);
        return line;
      }
      // One byte more than the limit may be the CR of a CRLF whose LF is still to come.
      if (this.#buffer.length > limit + 1) throw malformed();
      const more = await this.#next();
      if (!more) throw new S3Error('IncompleteBody');
      this.#buffer = Buffer.concat([this.#buffer, more]);
    }
  }

  /** At least one and at most `count` bytes. */
  async upTo(count: number): Promise<Buffer> {
    while (this.#buffer.length === 0) {
      const more = await this.#next();
      if (!more) throw new S3Error('IncompleteBody');
      this.#buffer = more;
    }
    const bytes = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(bytes.length);
    return bytes;
  }

  async atEnd(): Promise<boolean> {
    while (this.#buffer.length === 0) {
      const more = await this.#next();
      if (!more) return true;
      this.#buffer = more;
    }
    return false;
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #next(): Promise<Buffer | undefined> {
    const result = await this.#source.next();
    return result.done ? undefined : result.value;
  }
}
