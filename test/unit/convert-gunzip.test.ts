import { randomBytes } from 'node:crypto';
import { constants, crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { FileFault } from '../../src/core/errors.ts';
import { BrokenFile } from '../../src/formats/broken-file.ts';
import { gunzip } from '../../src/formats/convert/gunzip.ts';
import { piecesOf } from '../support/converted.ts';

const MIB = 1024 * 1024;
const PIECES = [1, 2, 7, 23, 1 << 16];

async function unpacked(
  file: Buffer,
  { pieceBytes = 1 << 16, limit = 1e12 } = {},
): Promise<{ text: string; bytes: number; fault: FileFault | undefined }> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  let fault: FileFault | undefined;
  try {
    for await (const piece of gunzip(piecesOf(file, pieceBytes), limit)) {
      bytes += piece.length;
      if (bytes < MIB) pieces.push(piece);
    }
  } catch (error) {
    if (!(error instanceof BrokenFile)) throw error;
    fault = error.fault;
  }
  return { text: Buffer.concat(pieces).toString(), bytes, fault };
}

/** A member with a header as RFC 1952 allows it. */
function member(
  text: string,
  parts: {
    extra?: Buffer;
    name?: string;
    comment?: string;
    crc?: boolean;
    flags?: number;
    method?: number;
  } = {},
): Buffer {
  const { extra, name, comment, crc, flags = 0, method = 8 } = parts;
  const set =
    (extra ? 4 : 0) | (name === undefined ? 0 : 8) | (comment === undefined ? 0 : 16) | (crc ? 2 : 0);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(extra?.length ?? 0);
  const header = Buffer.concat([
    Buffer.from([0x1f, 0x8b, method, set | flags, 1, 2, 3, 4, 0, 255]),
    ...(extra ? [length, extra] : []),
    ...[name, comment].filter((part) => part !== undefined).map((part) => Buffer.from(`${part}\0`)),
  ]);
  const headerCrc = Buffer.alloc(2);
  headerCrc.writeUInt16LE(crc32(header) & 0xffff);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(text), 0);
  trailer.writeUInt32LE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, ...(crc ? [headerCrc] : []), deflateRawSync(text), trailer]);
}

const ABC = gzipSync('abc');
const DEFG = gzipSync('defg');
const NOTHING = gzipSync('');

describe('members', () => {
  test.each([
    ['one', ABC, 'abc'],
    ['two', Buffer.concat([ABC, DEFG]), 'abcdefg'],
    ['empty ones', Buffer.concat([NOTHING, NOTHING, ABC, NOTHING]), 'abc'],
    ['only an empty one', NOTHING, ''],
    ['zeros after the last', Buffer.concat([ABC, DEFG, Buffer.alloc(30)]), 'abcdefg'],
    [
      'with everything in its header',
      member('abc', { extra: randomBytes(300), name: 'ä.csv', comment: 'c', crc: true }),
      'abc',
    ],
    ['with a name of nothing', member('abc', { name: '' }), 'abc'],
    ['with extra of nothing', member('abc', { extra: Buffer.alloc(0), crc: true }), 'abc'],
    ['not compressed', gzipSync('abc', { level: 0 }), 'abc'],
  ])('%s', async (_, file, text) => {
    for (const pieceBytes of PIECES) {
      expect(await unpacked(file, { pieceBytes })).toMatchObject({ text, fault: undefined });
    }
  });

  test('a name longer than any memory is passed over', async () => {
    async function* file() {
      yield member('abc', { name: '' }).subarray(0, 10);
      for (let piece = 0; piece < 64; piece++) yield Buffer.alloc(MIB, 0x61);
      yield member('abc', { name: '' }).subarray(10);
    }
    const pieces: Buffer[] = [];
    for await (const piece of gunzip(file(), 100)) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe('abc');
  });

  test('many small ones', async () => {
    const count = 1000;
    const file = Buffer.concat(Array.from({ length: count }, () => ABC));
    expect(await unpacked(file)).toMatchObject({ text: 'abc'.repeat(count), fault: undefined });
  });
});

describe('a damaged file gives all that it has', () => {
  const wrong = (file: Buffer, at: number): Buffer => {
    const copy = Buffer.from(file);
    const place = at < 0 ? file.length + at : at;
    copy[place]! ^= 1;
    return copy;
  };
  const damaged = (what: string, offset: number) => ({
    code: 'file_damaged',
    message: `The gzip file is damaged: ${what}`,
    offset,
  });
  const foreign = (offset: number) => damaged('after its end there is something else', offset);
  const text = (file: Buffer, ...more: (string | number[] | Buffer)[]) =>
    Buffer.concat([file, ...more.map((part) => Buffer.from(part as string))]);

  test.each([
    ['text after it', text(ABC, 'garbage'), 'abc', foreign(ABC.length)],
    ['one byte after it', text(ABC, 'g'), 'abc', foreign(ABC.length)],
    ['half of a mark after it', text(ABC, [0x1f, 0x00]), 'abc', foreign(ABC.length)],
    ['text after zeros', text(ABC, Buffer.alloc(30), 'xyz'), 'abc', foreign(ABC.length + 30)],
    ['a member after zeros', text(ABC, Buffer.alloc(3), DEFG), 'abc', foreign(ABC.length + 3)],
    [
      'another checksum',
      wrong(ABC, -6),
      'abc',
      damaged('its data does not match its checksum', ABC.length - 8),
    ],
    ['another length', wrong(ABC, -2), 'abc', damaged('its data does not have its length', ABC.length - 8)],
    [
      'a method that is not deflate',
      text(ABC, member('d', { method: 7 })),
      'abc',
      damaged('the header of its data cannot be read', ABC.length),
    ],
    [
      'a flag that there is not',
      member('d', { flags: 0x20 }),
      '',
      damaged('the header of its data cannot be read', 0),
    ],
    [
      'another checksum of the header',
      wrong(member('abc', { name: 'a', crc: true }), 10),
      '',
      damaged('the header of its data does not match its checksum', 0),
    ],
  ])('%s', async (_, file, text, fault) => {
    for (const pieceBytes of PIECES) {
      expect(await unpacked(file, { pieceBytes })).toMatchObject({ text, fault });
    }
  });

  test('data that is none', async () => {
    const file = Buffer.concat([ABC, ABC.subarray(0, 10), Buffer.alloc(20, 0xff)]);
    for (const pieceBytes of PIECES) {
      const { text, fault } = await unpacked(file, { pieceBytes });
      expect(text).toBe('abc');
      expect(fault).toMatchObject({
        code: 'file_damaged',
        message: expect.stringContaining('cannot be unpacked'),
      });
    }
  });

  test('cut anywhere it is truncated, but for the ends of members', async () => {
    const file = Buffer.concat([ABC, member('defg', { extra: Buffer.from('x'), name: 'n', crc: true })]);
    for (let end = 1; end < file.length; end++) {
      for (const pieceBytes of [1, 1 << 16]) {
        const { text, fault } = await unpacked(file.subarray(0, end), { pieceBytes });
        expect('abcdefg'.startsWith(text)).toBe(true);
        if (end >= ABC.length - 8) expect(text.length).toBeGreaterThanOrEqual(3);
        if (end === ABC.length) expect(fault).toBeUndefined();
        else expect(fault).toMatchObject({ code: 'file_truncated', offset: end });
      }
    }
  });

  test('what the source throws is thrown as it is, and the source is closed', async () => {
    const trouble = new Error('the store is gone');
    let closed = false;
    async function* file() {
      try {
        yield ABC.subarray(0, 12);
        throw trouble;
      } finally {
        closed = true;
      }
    }
    const read = async () => {
      for await (const piece of gunzip(file(), 100)) expect('abc'.startsWith(piece.toString())).toBe(true);
    };
    await expect(read()).rejects.toBe(trouble);
    expect(closed).toBe(true);
  });

  test('the source is closed when nobody reads on', async () => {
    let closed = false;
    async function* file() {
      try {
        for (;;) yield ABC;
      } finally {
        closed = true;
      }
    }
    for await (const piece of gunzip(file(), 1e9)) {
      expect(piece.toString()).toBe('abc');
      break;
    }
    expect(closed).toBe(true);
  });
});

describe('a bomb', () => {
  test('of 512 MiB from 500 KB gives 32 MiB', async () => {
    const block = deflateRawSync(Buffer.alloc(MIB), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
    const file = Buffer.concat([ABC.subarray(0, 10), ...Array.from({ length: 512 }, () => block)]);
    expect(file.length).toBeLessThan(600_000);
    for (const pieceBytes of [1000, 1 << 16, 1 << 20]) {
      const { bytes, fault } = await unpacked(file, { pieceBytes });
      expect(bytes).toBeLessThanOrEqual(32 * MIB);
      expect(bytes).toBeGreaterThan(30 * MIB);
      expect(fault).toEqual({
        code: 'file_bomb',
        message: 'The file unpacks to more than 200 times its size',
      });
    }
  });

  test('is none where less comes out, or not so many times as much', async () => {
    expect(await unpacked(gzipSync(Buffer.alloc(32 * MIB)))).toMatchObject({
      bytes: 32 * MIB,
      fault: undefined,
    });
    // A third of a percent is noise, so it shrinks to little less.
    const block = Buffer.concat([Buffer.alloc(MIB), randomBytes(6 * 1024)]);
    const file = gzipSync(Buffer.concat(Array.from({ length: 40 }, () => block)));
    const { bytes, fault } = await unpacked(file);
    expect(bytes / file.length).toBeGreaterThan(100);
    expect(fault).toBeUndefined();
  });

  test('in many members is one as well', async () => {
    const file = Buffer.concat(Array.from({ length: 64 }, () => gzipSync(Buffer.alloc(MIB))));
    expect(await unpacked(file)).toMatchObject({ bytes: 32 * MIB, fault: { code: 'file_bomb' } });
  });

  test('is what has more than 10000 members that give next to nothing', async () => {
    const many = (count: number, one: Buffer) => Buffer.concat(Array.from({ length: count }, () => one));
    const message =
      'The gzip file is made of more than 10000 parts of less than 1024 bytes on average; compress it as one';
    const fault = { code: 'file_bomb', message };
    expect(await unpacked(many(10_001, ABC))).toMatchObject({ bytes: 30_000, fault });
    const enough = gzipSync(randomBytes(10_000 * 1024));
    const file = Buffer.concat([enough, many(10_000, NOTHING)]);
    expect(await unpacked(file)).toMatchObject({ bytes: 10_000 * 1024, fault: undefined });
  });

  test('is what unpacks to more than the limit', async () => {
    const file = gzipSync(randomBytes(3 * MIB));
    expect(await unpacked(file, { limit: 3 * MIB })).toMatchObject({ bytes: 3 * MIB, fault: undefined });
    const { bytes, fault } = await unpacked(file, { limit: 3 * MIB - 1 });
    expect(bytes).toBeLessThan(3 * MIB);
    expect(fault).toEqual({
      code: 'file_bomb',
      message: `The file unpacks to more than the ${3 * MIB - 1} bytes that it may have`,
    });
  });
});
