/*
 * Converts one large file that is made while it is read, in a process of its own, and writes what that took as a line of
 * JSON: `node --import tsx convert-memory.ts FILE MEBIBYTES`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { constants, crc32, deflateRawSync } from 'node:zlib';
import { tempFileScratch } from '../../src/adapters/scratch/temp-file.ts';
import { type Encoding, UNSTATED } from '../../src/core/file-format.ts';
import { type ConversionSource, convertFile } from '../../src/formats/convert/convert-file.ts';

const MIB = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

/** A file of a beginning, a part that is repeated, and an end. */
interface Repeated {
  head: Buffer;
  part: Buffer;
  times: number;
  tail: Buffer;
}

const row = (n: number) => `L-${n * 7919},Søren Müller,"user${n}@example.com",${n / 7},"a, ""b"""`;
const rows = Array.from({ length: 20_000 }, (_, n) => row(n));
const objects = rows.map((row, n) => JSON.stringify({ id: n, row, tags: [{ a: 1.5 }, []] }, null, 1));
const HEADER = 'id,name,email,score,note';
const NONE = Buffer.alloc(0);

function repeated(
  head: string | Buffer,
  part: string | Buffer,
  tail: string | Buffer,
  bytes: number,
): Repeated {
  const length = Buffer.byteLength(part);
  const filled: Buffer = Buffer.alloc(Math.max(1, Math.floor(MIB / length)) * length, part);
  return {
    head: Buffer.from(head),
    part: filled,
    times: Math.ceil(bytes / filled.length),
    tail: Buffer.from(tail),
  };
}

/** Such a file in one member of gzip. */
function gzipped(file: Repeated): Repeated {
  const options = { level: 1, finishFlush: constants.Z_FULL_FLUSH };
  let crc = crc32(file.head);
  for (let time = 0; time < file.times; time++) crc = crc32(file.part, crc);
  crc = crc32(file.tail, crc);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE((file.head.length + file.part.length * file.times + file.tail.length) % 2 ** 32, 4);
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  return {
    head: Buffer.concat([header, deflateRawSync(file.head, options)]),
    part: deflateRawSync(file.part, { ...options, level: 6 }),
    times: file.times,
    tail: Buffer.concat([deflateRawSync(file.tail), trailer]),
  };
}

function utf16(file: Repeated, encoding: 'utf-16le' | 'utf-16be'): Repeated {
  const encoded = (bytes: Buffer) => {
    const units = Buffer.from(bytes.toString(), 'utf16le');
    return encoding === 'utf-16be' ? units.swap16() : units;
  };
  const times = Math.ceil(file.times / 2);
  return { head: encoded(file.head), part: encoded(file.part), times, tail: encoded(file.tail) };
}

const csv = (bytes: number, lineEnd = '\r\n') =>
  repeated(HEADER + lineEnd, rows.join(lineEnd) + lineEnd, '', bytes);
const latin = ({ head, part, times, tail }: Repeated): Repeated => {
  return { head, part: Buffer.from(part.toString(), 'latin1'), times, tail };
};

const FILES: Record<string, (bytes: number) => { file: Repeated; encoding: Encoding | null }> = {
  json: (bytes) => ({ file: repeated('[{}', `,\n${objects.join(',\n')}`, ']', bytes), encoding: 'utf-8' }),
  'json-one-text': (bytes) => ({
    file: repeated('[{"a":"', 'x'.repeat(1000), '"}]', bytes),
    encoding: 'utf-8',
  }),
  'json-deep': (bytes) => ({ file: repeated('[{"a":', '[', '', bytes), encoding: 'utf-8' }),
  'json-small-items': (bytes) => ({ file: repeated('[1', ',1', ']', bytes), encoding: 'utf-8' }),
  'utf-16le': (bytes) => ({ file: utf16(csv(bytes), 'utf-16le'), encoding: 'utf-16le' }),
  'utf-16be': (bytes) => ({ file: utf16(csv(bytes), 'utf-16be'), encoding: 'utf-16be' }),
  'utf-16le-halves': (bytes) => ({
    file: repeated(Buffer.from(`\ufeff${HEADER}\n`, 'utf16le'), Buffer.from([0x3d, 0xd8]), '', bytes),
    encoding: 'utf-16le',
  }),
  'windows-1252': (bytes) => ({ file: latin(csv(bytes)), encoding: 'windows-1252' }),
  'lone-cr': (bytes) => ({ file: csv(bytes, '\r'), encoding: 'utf-8' }),
  gzip: (bytes) => ({ file: gzipped(csv(bytes)), encoding: null }),
  'gzip-windows-1252': (bytes) => ({ file: gzipped(latin(csv(bytes))), encoding: null }),
  'gzip-one-cell': (bytes) => ({
    file: gzipped(repeated(`${HEADER}\n1,"`, rows.join('\n').replaceAll('"', "'"), '', bytes)),
    encoding: null,
  }),
  'gzip-bomb': (bytes) => ({
    file: gzipped(repeated(`${HEADER}\n`, 'a,b,c,d,e\n', '', bytes)),
    encoding: null,
  }),
  'gzip-header': (bytes) => ({
    file: repeated(Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255]), 'name', NONE, bytes),
    encoding: null,
  }),
};

function sourceOf({ head, part, times, tail }: Repeated): ConversionSource {
  const bytes = head.length + part.length * times + tail.length;
  async function* pieces(end: number): AsyncGenerator<Buffer> {
    let left = end;
    const parts = function* () {
      yield head;
      for (let time = 0; time < times; time++) yield part;
      yield tail;
    };
    for (const part of parts()) {
      for (let at = 0; at < part.length && left > 0; at += PIECE_BYTES) {
        // A copy, as bytes from a socket are: what is kept is kept.
        const piece = Buffer.from(part.subarray(at, Math.min(at + PIECE_BYTES, at + left)));
        left -= piece.length;
        yield piece;
      }
    }
  }
  return {
    bytes,
    read: async ({ end } = { start: 0, end: bytes }) => pieces(end),
    openScratch: tempFileScratch,
  };
}

/** The most memory that the process has had since it was last asked to forget it, in MiB. */
function mostMemory(): number {
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib) / 1024;
}

async function convert(source: ConversionSource, encoding: Encoding | null) {
  let written = 0;
  const options = {
    limits: { records: 5000, bytes: 4 * MIB, recordBytes: 8 * MIB, cellBytes: MIB },
    format: UNSTATED,
    known: new Set(['id']),
    unpackedBytes: 1e12,
    encoding,
    progress: () => {},
  };
  const write = async (piece: Buffer) => {
    written += piece.length;
    await setImmediate();
  };
  const outcome = await convertFile(source, write, options);
  return { outcome, written };
}

const [name = '', mebibytes = '300'] = process.argv.slice(2);
const make = FILES[name];
if (make === undefined) throw new Error(`there is no ${name}; there are ${Object.keys(FILES).join(', ')}`);
const small = make(20 * MIB);
await convert(sourceOf(small.file), small.encoding);
const { file, encoding } = make(Number(mebibytes) * MIB);
const source = sourceOf(file);
globalThis.gc?.();
writeFileSync('/proc/self/clear_refs', '5');
const before = mostMemory();
const begun = performance.now();
const { outcome, written } = await convert(source, encoding);
const seconds = (performance.now() - begun) / 1000;
const told = 'again' in outcome ? outcome : { records: outcome.records, fault: outcome.fault?.code ?? null };
const grown = Math.max(0, mostMemory() - before);
process.stdout.write(
  `${JSON.stringify({ name, bytes: source.bytes, written, grown, before, seconds, ...told })}\n`,
);
