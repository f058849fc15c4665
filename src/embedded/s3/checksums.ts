import { createHash } from 'node:crypto';
import { type CrcAlgorithm, combineCrc, crcFromBytes, crcToBytes, isCrc, startCrc } from './crc.ts';
import { S3Error } from './errors.ts';

/** Checksums that S3 lets a client send, but for the XXHash family, which no SDK sends unasked. */
export type ChecksumAlgorithm = CrcAlgorithm | 'SHA1' | 'SHA256' | 'SHA512' | 'MD5';

/**
 * What the checksum of a multipart object is over: all its bytes, or its parts' checksums. A single PUT's is always
 * over all of them.
 */
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

const BYTES: Record<ChecksumAlgorithm, number> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
  SHA512: 64,
  MD5: 16,
};
export const CHECKSUM_ALGORITHMS = Object.keys(BYTES) as ChecksumAlgorithm[];

/** A running hash. */
export interface Digest {
  update(chunk: Uint8Array): void;
  digest(): Buffer;
}

/** A fresh running hash; MD5 is the ETag's too. */
export function createDigest(algorithm: ChecksumAlgorithm): Digest {
  if (isCrc(algorithm)) {
    const crc = startCrc(algorithm);
    return { update: (chunk) => crc.update(chunk), digest: () => crcToBytes(algorithm, crc.value()) };
  }
  const hash = createHash(algorithm.toLowerCase());
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() };
}

/** The checksum of a part and how many bytes it is over. */
export interface PartChecksum {
  /** Base64. */
  value: string;
  size: number;
}

/** The checksum of a multipart object, without reading it again. */
export function checksumOfParts(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly PartChecksum[],
): string {
  const values = parts.map(({ value }) => Buffer.from(value, 'base64'));
  if (type === 'COMPOSITE') {
    const digest = createDigest(algorithm);
    for (const value of values) digest.update(value);
    return `${digest.digest().toString('base64')}-${parts.length}`;
  }
  if (!isCrc(algorithm)) throw new Error(`${algorithm} of a whole cannot be had from its parts`);
  const whole = values.reduce(
    (crc, value, index) => combineCrc(algorithm, crc, crcFromBytes(value), parts[index]?.size ?? 0),
    0n,
  );
  return crcToBytes(algorithm, whole).toString('base64');
}

/**
 * Reads `x-amz-checksum-type` of a multipart upload, or says what S3 takes when there is none.
 * @throws S3Error InvalidRequest for what the algorithm cannot do
 * @see Amazon S3 User Guide, "Checking object integrity", "Full object and composite checksum types"
 */
export function parseChecksumType(algorithm: ChecksumAlgorithm, given: string | undefined): ChecksumType {
  const type = given?.toUpperCase() ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
  if (type !== 'FULL_OBJECT' && type !== 'COMPOSITE') {
    throw new S3Error('InvalidRequest', 'x-amz-checksum-type must be FULL_OBJECT or COMPOSITE.');
  }
  if (type === 'FULL_OBJECT' ? isCrc(algorithm) : algorithm !== 'CRC64NVME') return type;
  throw new S3Error(
    'InvalidRequest',
    `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
  );
}

/** `CRC32` for `crc32`; undefined for what is no algorithm of S3's. @throws S3Error NotImplemented for XXHash */
export function parseAlgorithm(name: string): ChecksumAlgorithm | undefined {
  const upper = name.toUpperCase();
  if (/^XXHASH\w+$/.test(upper)) {
    throw new S3Error(
      'NotImplemented',
      `The checksum ${upper} is not supported; use ${CHECKSUM_ALGORITHMS.join(', ')}.`,
    );
  }
  return CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === upper);
}

/** The header, and the trailer, that carries a checksum. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** @throws S3Error InvalidRequest when the value is not base64 of the right length */
export function checkChecksumValue(algorithm: ChecksumAlgorithm, value: string): void {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === BYTES[algorithm] && bytes.toString('base64') === value) return;
  throw new S3Error('InvalidRequest', `Value for ${checksumHeader(algorithm)} header is invalid.`);
}
