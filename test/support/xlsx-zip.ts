import { crc32, deflateRawSync } from 'node:zlib';

/** A file of a ZIP archive, and whatever is to be odd about it. */
export interface ZipFile {
  name: string;
  data: Buffer | string;
  stored?: boolean;
  /** Sizes and sum stand after the data, and zeros in the local header. */
  descriptor?: boolean;
  /** Sizes and offset stand in the extra field of ZIP64. */
  zip64?: boolean;
  encrypted?: boolean;
  method?: number;
  crc32?: number;
  /** What the directory states instead of the true sizes. */
  unpackedBytes?: number;
  packedBytes?: number;
  /** What stands in the archive instead of the packed data. */
  packed?: Buffer;
  /** What the local header calls it. */
  localName?: string;
  /** Where the directory says that it begins. */
  offset?: number;
}

const [LOCAL, CENTRAL, DESCRIPTOR, END] = [0x04034b50, 0x02014b50, 0x08074b50, 0x06054b50];
const [END_64, LOCATOR_64] = [0x06064b50, 0x07064b50];
const FULL = 0xffffffff;

/** Writes a ZIP archive by hand (APPNOTE 6.3.10), so that each of its bytes can be wrong. */
export function zipOf(
  files: readonly ZipFile[],
  options: { zip64?: boolean; comment?: string } = {},
): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const { local, central } = entryOf(file, offset);
    parts.push(local);
    directory.push(central);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = endOf(files.length, central.length, offset, options);
  return Buffer.concat([...parts, central, end]);
}

function entryOf(file: ZipFile, at: number): { local: Buffer; central: Buffer } {
  const data = Buffer.from(file.data);
  const packed = file.packed ?? (file.stored ? data : deflateRawSync(data));
  const method = file.method ?? (file.stored ? 0 : 8);
  const flags = (file.descriptor ? 8 : 0) | (file.encrypted ? 1 : 0) | 0x800;
  const sum = file.crc32 ?? crc32(data);
  const stated = {
    unpacked: file.unpackedBytes ?? data.length,
    packed: file.packedBytes ?? packed.length,
    offset: file.offset ?? at,
  };
  const name = Buffer.from(file.name);
  const localName = Buffer.from(file.localName ?? file.name);
  const common = u(2, 45, 2, flags, 2, method, 4, 0);
  const sizes = file.zip64
    ? u(4, sum, 4, FULL, 4, FULL)
    : u(4, sum, 4, Math.min(stated.packed, FULL), 4, Math.min(stated.unpacked, FULL));
  const localExtra = file.zip64 ? extra64(stated.unpacked, stated.packed) : Buffer.alloc(0);
  const centralExtra = file.zip64 ? extra64(stated.unpacked, stated.packed, stated.offset) : Buffer.alloc(0);
  const local = Buffer.concat([
    u(4, LOCAL),
    common,
    file.descriptor ? Buffer.alloc(12) : sizes,
    u(2, localName.length, 2, localExtra.length),
    localName,
    localExtra,
    packed,
    file.descriptor ? Buffer.concat([u(4, DESCRIPTOR), sizes]) : Buffer.alloc(0),
  ]);
  const central = Buffer.concat([
    u(4, CENTRAL, 2, 45),
    common,
    sizes,
    u(2, name.length, 2, centralExtra.length, 2, 0, 2, 0, 2, 0, 4, 0, 4, file.zip64 ? FULL : stated.offset),
    name,
    centralExtra,
  ]);
  return { local, central };
}

function extra64(...values: number[]): Buffer {
  return Buffer.concat([u(2, 1, 2, values.length * 8), ...values.map((value) => u(8, value))]);
}

function endOf(
  count: number,
  size: number,
  offset: number,
  { zip64 = false, comment = '' }: { zip64?: boolean; comment?: string },
): Buffer {
  const text = Buffer.from(comment);
  const end = (entries: number, bytes: number, start: number) =>
    Buffer.concat([u(4, END, 2, 0, 2, 0, 2, entries, 2, entries, 4, bytes, 4, start, 2, text.length), text]);
  if (!zip64) return end(count, size, offset);
  const record = u(4, END_64, 8, 44, 2, 45, 2, 45, 4, 0, 4, 0, 8, count, 8, count, 8, size, 8, offset);
  const locator = u(4, LOCATOR_64, 4, 0, 8, offset + size, 4, 1);
  return Buffer.concat([record, locator, end(0xffff, FULL, FULL)]);
}

/** Numbers in little endian: each after how many bytes it has. */
function u(...pairs: number[]): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < pairs.length; i += 2) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(pairs[i + 1] ?? 0));
    parts.push(bytes.subarray(0, pairs[i]));
  }
  return Buffer.concat(parts);
}
