import { createHash } from 'node:crypto';
import type { Payload } from './auth.ts';
import { atPace } from './body-pace.ts';
import { type ChecksumAlgorithm, createDigest, type Digest } from './checksums.ts';
import { decodeChunked } from './chunked.ts';
import { ClientGone, S3Error } from './errors.ts';
import { readExpectation, takeTrailers } from './expected-checksum.ts';
import type { Checksum } from './records.ts';
import { headerOf, type S3Request } from './request.ts';

export interface BodyOptions {
  request: S3Request;
  payload: Payload;
  /** Tells a client that sent `Expect: 100-continue` to go on. */
  sendContinue: () => void;
  /** @see S3Error EntityTooLarge or MaxMessageLengthExceeded, whichever `tooLarge` is */
  maxBytes: number;
  tooLarge: 'EntityTooLarge' | 'MaxMessageLengthExceeded';
  /** Whether the length must be known before, as it must for objects. */
  needsLength: boolean;
  /** Whether `x-amz-checksum-*` headers are about this body; of CompleteMultipartUpload they are not. */
  checksums: boolean;
  /** A checksum to compute even if the client sends none. */
  compute?: ChecksumAlgorithm;
}

export interface ReceivedBody {
  size: number;
  md5: Buffer;
  checksum: Checksum | undefined;
}

/**
 * Reads a request's body into `sink`, piece by piece with backpressure, undoing `aws-chunked` and verifying all
 * that was promised about it: length, x-amz-content-sha256, chunk signatures, Content-MD5, checksums in headers
 * or trailers. Only when this returns are the bytes what the client meant.
 * @throws S3Error IncompleteBody, BadDigest, XAmzContentSHA256Mismatch and what malformed headers ask for; ClientGone
 */
export async function receiveBody(
  options: BodyOptions,
  sink: (chunk: Buffer) => Promise<void> | void,
): Promise<ReceivedBody> {
  const { request, payload } = options;
  const declared = declaredLength(options);
  const contentMd5 = readContentMd5(request);
  const expected = options.checksums ? readExpectation(request, payload) : undefined;
  const digests = new Map<string, Digest>([['MD5', createDigest('MD5')]]);
  if (payload.kind === 'sha256') digests.set('SHA256', createDigest('SHA256'));
  const algorithm = expected?.algorithm ?? options.compute;
  if (algorithm && !digests.has(algorithm)) digests.set(algorithm, createDigest(algorithm));

  let size = 0;
  const onTrailers = (trailers: ReadonlyMap<string, string>): void => takeTrailers(trailers, expected);
  options.sendContinue();
  for await (const chunk of bodyChunks(request, payload, onTrailers)) {
    size += chunk.length;
    if (size > options.maxBytes) throw new S3Error(options.tooLarge);
    if (declared !== undefined && size > declared) throw new S3Error('IncompleteBody');
    for (const digest of digests.values()) digest.update(chunk);
    await sink(chunk);
  }
  if (declared !== undefined && size !== declared) throw new S3Error('IncompleteBody');

  const results = new Map([...digests].map(([name, digest]) => [name, digest.digest()]));
  const md5 = results.get('MD5') as Buffer;
  if (payload.kind === 'sha256' && results.get('SHA256')?.toString('hex') !== payload.hex) {
    throw new S3Error('XAmzContentSHA256Mismatch');
  }
  if (contentMd5 && !md5.equals(contentMd5)) throw new S3Error('BadDigest');
  if (!algorithm) return { size, md5, checksum: undefined };
  const value = (results.get(algorithm) as Buffer).toString('base64');
  if (expected && expected.value !== value) {
    throw new S3Error('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`);
  }
  return { size, md5, checksum: { algorithm, value, type: 'FULL_OBJECT' } };
}

/** The longest body that is read before its request is known to be good, and how long that may take. */
const MAX_READ_AHEAD = 1024 * 1024;
const READ_AHEAD_MS = 30_000;

/**
 * Reads a small body ahead of its time and returns its SHA-256; `receiveBody` gives the bytes again. For a request
 * whose signature can only be checked with it, and by then its other claims are right.
 * @returns undefined when there is none, it is large or its length not known
 */
export async function hashAhead(request: S3Request, sendContinue: () => void): Promise<string | undefined> {
  const length = Number(request.http.headers['content-length'] ?? 0);
  if (!(length > 0 && length <= MAX_READ_AHEAD)) return undefined;
  sendContinue();
  const chunks: Buffer[] = [];
  const timer = setTimeout(() => request.http.destroy(), READ_AHEAD_MS);
  try {
    for await (const chunk of rawChunks(request)) chunks.push(chunk);
  } finally {
    clearTimeout(timer);
  }
  request.readAhead = Buffer.concat(chunks);
  return createHash('sha256').update(request.readAhead).digest('hex');
}

async function* bodyChunks(
  request: S3Request,
  payload: Payload,
  onTrailers: (trailers: ReadonlyMap<string, string>) => void,
): AsyncGenerator<Buffer> {
  const raw = rawChunks(request);
  if (payload.kind !== 'chunked') yield* raw;
  else yield* decodeChunked(raw, { signer: payload.signer, trailer: payload.trailer, onTrailers });
}

async function* rawChunks({ http, readAhead, pace }: S3Request): AsyncGenerator<Buffer> {
  if (readAhead) {
    yield readAhead;
    return;
  }
  try {
    yield* atPace(http, pace);
  } catch (error) {
    throw new ClientGone('the client disconnected while it was sending', { cause: error });
  }
}

function declaredLength(options: BodyOptions): number | undefined {
  const { request, payload } = options;
  const name = payload.kind === 'chunked' ? 'x-amz-decoded-content-length' : 'content-length';
  const text = headerOf(request, name);
  if (text === undefined) {
    if (options.needsLength || payload.kind === 'chunked') throw new S3Error('MissingContentLength');
    return undefined;
  }
  if (!/^\d{1,15}$/.test(text)) throw new S3Error('InvalidArgument', `${name} must be a number.`);
  const length = Number(text);
  if (length > options.maxBytes) {
    throw new S3Error(options.tooLarge, undefined, {
      ProposedSize: String(length),
      MaxSizeAllowed: String(options.maxBytes),
    });
  }
  return length;
}

function readContentMd5(request: S3Request): Buffer | undefined {
  const text = headerOf(request, 'content-md5');
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 16 || bytes.toString('base64') !== text) throw new S3Error('InvalidDigest');
  return bytes;
}
