import { crc32 } from 'node:zlib';

/** The cyclic checksums of S3: all reflected, all beginning and ending inverted. */
export type CrcAlgorithm = 'CRC32' | 'CRC32C' | 'CRC64NVME';

interface CrcParameters {
  bits: 32 | 64;
  /** Reflected: the highest bit stands for the lowest power. */
  polynomial: bigint;
}

/** CRC-32C is that of RFC 3720 appendix B.4, CRC-64/NVME that of the NVM Command Set Specification. */
const PARAMETERS: Record<CrcAlgorithm, CrcParameters> = {
  CRC32: { bits: 32, polynomial: 0xedb88320n },
  CRC32C: { bits: 32, polynomial: 0x82f63b78n },
  CRC64NVME: { bits: 64, polynomial: 0x9a6c9329ac4bc9b5n },
};

export function isCrc(algorithm: string): algorithm is CrcAlgorithm {
  return Object.hasOwn(PARAMETERS, algorithm);
}

/** A running checksum. */
export interface RunningCrc {
  update(chunk: Uint8Array): void;
  value(): bigint;
}

export function startCrc(algorithm: CrcAlgorithm): RunningCrc {
  if (algorithm !== 'CRC32') return new SlicedCrc(algorithm);
  let crc = 0;
  return {
    update: (chunk) => {
      crc = crc32(chunk, crc);
    },
    value: () => BigInt(crc),
  };
}

/** Big-endian, as S3 has a checksum before base64. */
export function crcToBytes(algorithm: CrcAlgorithm, value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes.subarray(8 - PARAMETERS[algorithm].bits / 8);
}

/** The inverse of `crcToBytes`. */
export function crcFromBytes(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

/**
 * What node:zlib does not have, eight bytes a step ("slicing-by-8"). The state is in two halves: bit operations of
 * JavaScript have 32 bits, and a bigint for each step is a hundred times slower.
 */
class SlicedCrc implements RunningCrc {
  readonly #tables: Int32Array;
  readonly #wide: boolean;
  #low = -1;
  #high: number;

  constructor(algorithm: CrcAlgorithm) {
    this.#tables = tablesOf(algorithm);
    this.#wide = PARAMETERS[algorithm].bits === 64;
    this.#high = this.#wide ? -1 : 0;
  }

  update(chunk: Uint8Array): void {
    const table = this.#tables;
    const words = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const sliced = chunk.length - (chunk.length % 8);
    let low = this.#low;
    let high = this.#high;
    for (let at = 0; at < sliced; at += 8) {
      low ^= words.getInt32(at, true);
      high ^= words.getInt32(at + 4, true);
      // Each of the eight bytes has a table of 256 pairs; that of the last byte stands first.
      const a = 0xe00 + ((low & 0xff) << 1);
      const b = 0xc00 + ((low >>> 7) & 0x1fe);
      const c = 0xa00 + ((low >>> 15) & 0x1fe);
      const d = 0x800 + ((low >>> 23) & 0x1fe);
      const e = 0x600 + ((high & 0xff) << 1);
      const f = 0x400 + ((high >>> 7) & 0x1fe);
      const g = 0x200 + ((high >>> 15) & 0x1fe);
      const h = (high >>> 23) & 0x1fe;
      low = xor4(table, a, b, c, d) ^ xor4(table, e, f, g, h);
      high = xor4(table, a + 1, b + 1, c + 1, d + 1) ^ xor4(table, e + 1, f + 1, g + 1, h + 1);
    }
    for (let at = sliced; at < chunk.length; at += 1) {
      const entry = ((low ^ (chunk[at] as number)) & 0xff) << 1;
      low = ((low >>> 8) | (high << 24)) ^ (table[entry] as number);
      high = (high >>> 8) ^ (table[entry + 1] as number);
    }
    this.#low = low;
    this.#high = high;
  }

  value(): bigint {
    const low = BigInt(~this.#low >>> 0);
    return this.#wide ? (BigInt(~this.#high >>> 0) << 32n) | low : low;
  }
}

function xor4(table: Int32Array, a: number, b: number, c: number, d: number): number {
  return (table[a] as number) ^ (table[b] as number) ^ (table[c] as number) ^ (table[d] as number);
}

const tablesByAlgorithm = new Map<CrcAlgorithm, Int32Array>();

/** Eight tables of 256 entries, low and high half: what a byte does to the state, that byte and up to seven zeros on. */
function tablesOf(algorithm: CrcAlgorithm): Int32Array {
  const known = tablesByAlgorithm.get(algorithm);
  if (known) return known;
  const { polynomial } = PARAMETERS[algorithm];
  const first = Array.from({ length: 256 }, (_, byte) => {
    let entry = BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) entry = entry & 1n ? (entry >> 1n) ^ polynomial : entry >> 1n;
    return entry;
  });
  const tables = new Int32Array(8 * 512);
  let entries = first;
  for (let table = 0; table < 8; table += 1) {
    for (const [byte, entry] of entries.entries()) {
      tables[table * 512 + byte * 2] = Number(BigInt.asIntN(32, entry));
      tables[table * 512 + byte * 2 + 1] = Number(BigInt.asIntN(32, entry >> 32n));
    }
    entries = entries.map((entry) => (entry >> 8n) ^ (first[Number(entry & 0xffn)] as bigint));
  }
  tablesByAlgorithm.set(algorithm, tables);
  return tables;
}

/**
 * The checksum of two runs of bytes behind one another, from theirs and the second's length: the first moved on by
 * as many zero bytes, which is a multiplication by a power of x in the field of the polynomial.
 */
export function combineCrc(algorithm: CrcAlgorithm, first: bigint, second: bigint, length: number): bigint {
  const powers = powersOf(algorithm);
  let moved = first;
  for (let [left, bit] = [length, 0]; left > 0; left = Math.floor(left / 2), bit += 1) {
    if (left % 2 === 1) moved = multiply(algorithm, moved, powers[bit] as bigint);
  }
  return moved ^ second;
}

const powersByAlgorithm = new Map<CrcAlgorithm, bigint[]>();

/** x to the power of 8, 16, 32 …: one byte, two bytes, four bytes … on, up to what a number can count. */
function powersOf(algorithm: CrcAlgorithm): bigint[] {
  const known = powersByAlgorithm.get(algorithm);
  if (known) return known;
  let power = 1n << BigInt(PARAMETERS[algorithm].bits - 9);
  const powers = Array.from({ length: 53 }, () => {
    const current = power;
    power = multiply(algorithm, power, power);
    return current;
  });
  powersByAlgorithm.set(algorithm, powers);
  return powers;
}

function multiply(algorithm: CrcAlgorithm, left: bigint, right: bigint): bigint {
  const { bits, polynomial } = PARAMETERS[algorithm];
  let product = 0n;
  let factor = right;
  for (let bit = 1n << BigInt(bits - 1); bit > 0n; bit >>= 1n) {
    if (left & bit) product ^= factor;
    factor = factor & 1n ? (factor >> 1n) ^ polynomial : factor >> 1n;
  }
  return product;
}
