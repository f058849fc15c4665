import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Utf8Watch } from '../../src/formats/detect/utf8-watch.ts';

/** As a reader with one buffer has it: what was pushed is overwritten. */
function verdict(bytes: Buffer, pieceBytes = bytes.length + 1) {
  const watch = new Utf8Watch();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    watch.push(piece);
    piece.fill(0xc3);
  }
  return watch.finish();
}

const latin = (text: string) => Buffer.from(text, 'latin1');

describe('the verdict', () => {
  test.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), 'utf-8'],
    ['ASCII', Buffer.from('a,b\n'), 'utf-8'],
    ['UTF-8', Buffer.from('é漢🦊'), 'utf-8'],
    ['Windows-1252', latin('Ren\xe9,K\xf6ln,\x80,\x93a\x94\n'), 'windows-1252'],
    ['Windows-1252, a letter and its last one last', latin('K\xf6ln, caf\xe9'), 'windows-1252'],
    ['a last byte that may be either', latin('caf\xe9'), 'mixed'],
    ['a last byte that begins no character', latin('voil\xc0'), 'windows-1252'],
    ['such bytes in a sequence that was cut', latin('K\xf6ln \xe9\x81'), 'mixed'],
    ['Windows-1252, a letter and a quote last', latin('Gr\xf6\xdfe, beaut\xe9\xbb'), 'windows-1252'],
    ['UTF-8 and Windows-1252', Buffer.concat([Buffer.from('é\n'), latin('Ren\xe9\n')]), 'mixed'],
    ['Windows-1252 and UTF-8', Buffer.concat([latin('Ren\xe9\n'), Buffer.from('é\n')]), 'mixed'],
    ['a byte that Windows-1252 has not', latin('Ren\xe9\x81\n'), 'mixed'],
    ['such a byte in a character that is right', Buffer.from('\u00c1\u0390'), 'utf-8'],
    ['UTF-8 that was cut', Buffer.from('a,漢').subarray(0, 4), 'mixed'],
    ['an overlong form', Buffer.from([0x61, 0xc0, 0x80]), 'mixed'],
    ['an overlong form of three bytes', Buffer.from([0xe0, 0x80, 0xaf]), 'mixed'],
    ['above U+10FFFF', Buffer.from([0xf4, 0x90, 0x80, 0x80]), 'mixed'],
    ['CESU-8', Buffer.from([0xed, 0xa0, 0xbe, 0xed, 0xb6, 0x8a]), 'mixed'],
    ['part of a pattern', Buffer.from([0xe0, 0x80, 0x61, 0xf4, 0x91, 0x80, 0x0a]), 'windows-1252'],
    ['half of a surrogate pair', Buffer.from([0xed, 0xa0, 0x80]), 'mixed'],
  ])('%s', (_, bytes, expected) => {
    expect(verdict(bytes)).toBe(expected);
    for (const pieceBytes of [1, 2, 3, 4, 5]) expect(verdict(bytes, pieceBytes)).toBe(expected);
  });
});

const byte = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0x61, 0x0a, 0xc3, 0xa9, 0xe6, 0xbc, 0xa2, 0xf0, 0x9f, 0xa6, 0x8a) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
);
const bytes = fc.array(byte, { maxLength: 60 }).map((values) => Buffer.from(values));

test('any bytes: utf-8 is what Node takes for it, and pieces change nothing', () => {
  fc.assert(
    fc.property(bytes, fc.integer({ min: 1, max: 7 }), (bytes, pieceBytes) => {
      const whole = verdict(bytes);
      expect(whole === 'utf-8').toBe(isUtf8(bytes));
      expect(verdict(bytes, pieceBytes)).toBe(whole);
    }),
    { numRuns: 3000 },
  );
});

test('any text: characters of several bytes and a wrong one are never taken for Windows-1252', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const bytes = Buffer.concat([Buffer.from(`${before}é`), Buffer.from([0xff]), Buffer.from(after)]);
      expect(verdict(bytes)).toBe('mixed');
    }),
  );
});
