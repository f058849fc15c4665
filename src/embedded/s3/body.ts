import type { Payload } from './auth.ts';
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checkChecksumValue,
  checksumHeader,
  createDigest,
  type Digest,
  parseAlgorithm,
} from './checksums.ts';
import { decodeChunked } from './chunked.ts';
import { ClientGone, S3Error } from './errors.ts';
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

/** What the client says about the body, from headers; a trailer fills `value` in later. */
interface Expectation {
  algorithm: ChecksumAlgorithm;
  value: string | undefined;
  trailing: boolean;
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

async function* bodyChunks(
  request: S3Request,
  payload: Payload,
  onTrailers: (trailers: ReadonlyMap<string, string>) => void,
): AsyncGenerator<Buffer> {
  const raw = rawChunks(request);
  if (payload.kind !== 'chunked') yield* raw;
  else yield* decodeChunked(raw, { signer: payload.signer, trailer: payload.trailer, onTrailers });
}

async function* rawChunks({ http }: S3Request): AsyncGenerator<Buffer> {
  try {
    // What is left of a refused body is drained after the answer, which a destroyed request could not be.
    yield* http.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
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

function readExpectation(request: S3Request, payload: Payload): Expectation | undefined {
  const found = checksumHeaders(request);
  const trailer = headerOf(request, 'x-amz-trailer');
  if (trailer !== undefined) {
    if (payload.kind !== 'chunked' || !payload.trailer) {
      throw new S3Error(
        'InvalidRequest',
        'x-amz-trailer needs a body of x-amz-content-sha256: STREAMING-…-TRAILER.',
      );
    }
    const algorithm = parseAlgorithm(/^x-amz-checksum-(\w+)$/i.exec(trailer.trim())?.[1] ?? '');
    if (!algorithm)
      throw new S3Error('InvalidRequest', 'The value specified in the x-amz-trailer header is not supported');
    found.push({ algorithm, value: undefined, trailing: true });
  }
  if (found.length > 1) throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header.');
  const announced = headerOf(request, 'x-amz-sdk-checksum-algorithm');
  if (announced !== undefined && parseAlgorithm(announced) !== found[0]?.algorithm) {
    throw new S3Error(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  return found[0];
}

function checksumHeaders(request: S3Request): Expectation[] {
  const found: Expectation[] = [];
  for (const name of [...Object.keys(request.http.headers), ...request.hoisted.keys()]) {
    const suffix = /^x-amz-checksum-(?!mode$|algorithm$|type$)(\w+)$/.exec(name)?.[1];
    if (suffix === undefined || found.some((other) => checksumHeader(other.algorithm) === name)) continue;
    const algorithm = parseAlgorithm(suffix);
    if (!algorithm) {
      throw new S3Error(
        'InvalidRequest',
        `${name} is unknown; the checksums are ${CHECKSUM_ALGORITHMS.join(', ')}.`,
      );
    }
    const value = headerOf(request, name) ?? '';
    checkChecksumValue(algorithm, value);
    found.push({ algorithm, value, trailing: false });
  }
  return found;
}

function takeTrailers(trailers: ReadonlyMap<string, string>, expected: Expectation | undefined): void {
  if (!expected?.trailing) return;
  const value = trailers.get(checksumHeader(expected.algorithm));
  if (value === undefined)
    throw new S3Error('InvalidRequest', 'The trailer that x-amz-trailer announced is missing.');
  checkChecksumValue(expected.algorithm, value);
  expected.value = value;
}

/** Whether the request brings a body at all. */
export function hasBody({ http }: S3Request): boolean {
  return http.headers['transfer-encoding'] !== undefined || Number(http.headers['content-length'] ?? 0) > 0;
}
