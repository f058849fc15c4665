import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { S3Error } from './errors.ts';

/** Checksums that S3 lets a client send, but for CRC64NVME, which the JavaScript SDK sends only when asked to. */
export type ChecksumAlgorithm = 'CRC32' | 'CRC32C' | 'SHA1' | 'SHA256';

const BYTES: Record<ChecksumAlgorithm, number> = { CRC32: 4, CRC32C: 4, SHA1: 20, SHA256: 32 };
export const CHECKSUM_ALGORITHMS = Object.keys(BYTES) as ChecksumAlgorithm[];

/** A running hash. */
export interface Digest {
  update(chunk: Uint8Array): void;
  digest(): Buffer;
}

/** A fresh running hash of one of S3's checksums, or of MD5, the ETag's. */
export function createDigest(algorithm: ChecksumAlgorithm | 'MD5'): Digest {
  if (algorithm === 'CRC32') return crcDigest((chunk, crc) => crc32(chunk, crc));
  if (algorithm === 'CRC32C') return crcDigest(crc32c);
  const hash = createHash(algorithm.toLowerCase());
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() };
}

function crcDigest(step: (chunk: Uint8Array, crc: number) => number): Digest {
  let crc = 0;
  return {
    update: (chunk) => {
      crc = step(chunk, crc);
    },
    digest: () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(crc >>> 0);
      return bytes;
    },
  };
}

const CRC32C_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), which node:zlib does not have; continues from `crc`. */
export function crc32c(chunk: Uint8Array, crc = 0): number {
  let state = ~crc;
  for (let index = 0; index < chunk.length; index += 1) {
    state = (state >>> 8) ^ (CRC32C_TABLE[(state ^ (chunk[index] as number)) & 0xff] as number);
  }
  return ~state >>> 0;
}

/** `CRC32` for `crc32`; undefined for what is no algorithm of S3's. @throws S3Error NotImplemented for CRC64NVME and the other newer ones */
export function parseAlgorithm(name: string): ChecksumAlgorithm | undefined {
  const upper = name.toUpperCase();
  if (/^(CRC64NVME|MD5|SHA512|XXHASH\w+)$/.test(upper)) {
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
