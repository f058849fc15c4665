import { isUtf8 } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import type { TextStep } from '../../src/formats/convert/text-step.ts';
import { Utf16Decoder } from '../../src/formats/convert/utf-16.ts';
import { Windows1252Decoder } from '../../src/formats/convert/windows-1252.ts';

function decoded(step: TextStep, bytes: Buffer, pieceBytes = 1 << 16): Buffer {
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    out.push(Buffer.from(step.push(piece)));
    piece.fill(0x22);
  }
  out.push(step.finish());
  return Buffer.concat(out);
}

const PIECES = [1, 2, 3, 4, 5, 1 << 16];
const ORDERS = [['utf-16le'], ['utf-16be']] as const;

/** A text that may hold halves of surrogate pairs. */
function utf16(text: string, order: 'utf-16le' | 'utf-16be'): Buffer {
  const bytes = Buffer.from(text, 'utf16le');
  return order === 'utf-16le' ? bytes : bytes.swap16();
}

describe.each(ORDERS)('%s', (order) => {
  test.each([
    ['', ''],
    ['ASCII', 'a,"b"\r\n1,2\t\n'],
    ['NUL', 'a\0b'],
    ['the edges of lengths', '\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}'],
    ['pairs', '😀😀a😀'],
    ['a mark further on', 'a\ufeffb'],
  ])('%s', (_, text) => {
    for (const pieceBytes of PIECES) {
      const step = new Utf16Decoder(order);
      expect(decoded(step, utf16(text, order), pieceBytes).toString()).toBe(text);
      expect(step.fault).toBeUndefined();
    }
  });

  test.each([
    ['a high half', 'a\ud83db', [0x61, 0xed, 0xa0, 0xbd, 0x62]],
    ['a low half', 'a\ude00b', [0x61, 0xed, 0xb8, 0x80, 0x62]],
    ['halves the wrong way round', '\ude00\ud83d.', [0xed, 0xb8, 0x80, 0xed, 0xa0, 0xbd, 0x2e]],
    ['a half before a pair', '\ud83d😀', [0xed, 0xa0, 0xbd, 0xf0, 0x9f, 0x98, 0x80]],
    ['a half after a pair', '😀\ude00', [0xf0, 0x9f, 0x98, 0x80, 0xed, 0xb8, 0x80]],
  ])('%s stays what it is, and is no UTF-8', (_, text, expected) => {
    for (const pieceBytes of PIECES) {
      const step = new Utf16Decoder(order);
      const bytes = decoded(step, utf16(text, order), pieceBytes);
      expect([...bytes]).toEqual(expected);
      expect(isUtf8(bytes)).toBe(false);
      expect(step.fault).toBeUndefined();
    }
  });

  test.each([
    ['in a character', utf16('ab', order).subarray(0, 3), 'a', 2],
    ['in its first', utf16('a', order).subarray(0, 1), '', 0],
    ['in a pair', utf16('a😀', order).subarray(0, 4), 'a\xed\xa0\xbd', 2],
    ['in the second half of a pair', utf16('a😀', order).subarray(0, 5), 'a\xed\xa0\xbd', 2],
  ])('cut %s', (_, bytes, expected, offset) => {
    for (const pieceBytes of PIECES) {
      const step = new Utf16Decoder(order);
      expect(decoded(step, bytes, pieceBytes).toString('latin1')).toBe(expected);
      const message = 'The UTF-16 text ends in the middle of a character, so its end is missing';
      expect(step.fault).toEqual({ code: 'file_encoding', message, offset });
    }
  });
});

describe('windows-1252', () => {
  const UNDEFINED = [0x81, 0x8d, 0x8f, 0x90, 0x9d];
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).filter(
    (byte) => !UNDEFINED.includes(byte),
  );

  // Node 20's own TextDecoder reads it as ISO 8859-1.
  test('each byte is the character that Unicode’s table gives it', () => {
    const expected =
      Buffer.from(all.filter((byte) => byte < 0x80)).toString('latin1') +
      '\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d' +
      '\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178' +
      Buffer.from(all.filter((byte) => byte >= 0xa0)).toString('latin1');
    for (const pieceBytes of PIECES) {
      expect(decoded(new Windows1252Decoder(), Buffer.from(all), pieceBytes).toString()).toBe(expected);
    }
  });

  test.each(UNDEFINED.map((byte) => [byte.toString(16), byte]))(
    '%s, which is none, is no UTF-8',
    (_, byte) => {
      for (const before of [[], [0x41], [0xe9], [0x80], [byte]]) {
        const bytes = decoded(new Windows1252Decoder(), Buffer.from([...before, byte, 0xe9, 0x42]));
        expect(isUtf8(bytes)).toBe(false);
        expect(bytes.subarray(-4)).toEqual(Buffer.from([byte, 0xc3, 0xa9, 0x42]));
      }
    },
  );
});
