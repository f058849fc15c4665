import type { Payload } from './auth.ts';
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checkChecksumValue,
  checksumHeader,
  parseAlgorithm,
} from './checksums.ts';
import { S3Error } from './errors.ts';
import { headerNames, headerOf, type S3Request } from './request.ts';

/** What the client says about the body, from headers; a trailer fills `value` in later. */
export interface Expectation {
  algorithm: ChecksumAlgorithm;
  value: string | undefined;
  trailing: boolean;
}

/**
 * Reads which checksum the client promises of the body, in a header or a trailer.
 * @throws S3Error InvalidRequest when it is malformed, or there are several; NotImplemented
 */
export function readExpectation(request: S3Request, payload: Payload): Expectation | undefined {
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
  for (const name of headerNames(request)) {
    const suffix = /^x-amz-checksum-(?!mode$|algorithm$|type$)(\w+)$/.exec(name)?.[1];
    if (suffix === undefined) continue;
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

/** Fills in what only the end of the body says. @throws S3Error MalformedTrailerError, InvalidRequest */
export function takeTrailers(trailers: ReadonlyMap<string, string>, expected: Expectation | undefined): void {
  // What was not announced would pass unchecked, and its sender believe it was not.
  const announced = expected?.trailing ? checksumHeader(expected.algorithm) : undefined;
  for (const name of trailers.keys()) if (name !== announced) throw new S3Error('MalformedTrailerError');
  if (!expected?.trailing) return;
  const value = trailers.get(checksumHeader(expected.algorithm));
  if (value === undefined)
    throw new S3Error('InvalidRequest', 'The trailer that x-amz-trailer announced is missing.');
  checkChecksumValue(expected.algorithm, value);
  expected.value = value;
}
