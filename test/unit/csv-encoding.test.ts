import { isUtf8 } from 'node:buffer';
import { expect, test } from 'vitest';
import { encodingFault, encodingMessage, firstInvalidByte } from '../../src/formats/encoding.ts';

const utf8Message = (bytes: Buffer, at: number) => encodingMessage(bytes, at, 'utf-8');

test('agrees with Node on all sequences of a lead byte and three more', () => {
  const edges = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xf4, 0xff];
  const differing: string[] = [];
  for (let lead = 0; lead < 256; lead++) {
    for (const second of edges) {
      for (const third of edges) {
        for (const fourth of edges) {
          const bytes = Buffer.from([lead, second, third, fourth]);
          if ((firstInvalidByte(bytes) === -1) !== isUtf8(bytes)) differing.push(bytes.toString('hex'));
        }
      }
    }
  }
  expect(differing).toEqual([]);
});

test.each([
  [[0x61, 0xe9, 0x62], 1],
  [[0xc3], 0],
  [[0xc3, 0xa9, 0xc3], 2],
  [[0xf0, 0x9f, 0xa6, 0x8a, 0xf0, 0x9f, 0xa6], 4],
  [[0xc0, 0x80], 0],
  [[0x61, 0xed, 0xa0, 0x80], 1],
  [[0xf4, 0x90, 0x80, 0x80], 0],
])('%j: the first invalid byte is at %i', (bytes, at) => {
  expect(firstInvalidByte(Buffer.from(bytes))).toBe(at);
});

test('says Windows-1252 only where every byte has a character in it', () => {
  expect(utf8Message(Buffer.from([0x93, 0x61, 0x94]), 0)).toMatch(/0x93.*Windows-1252/);
  expect(utf8Message(Buffer.from([0x81, 0x61]), 0)).not.toMatch(/Windows/);
});

test('says where half of a surrogate pair was written as if it were a character', () => {
  expect(utf8Message(Buffer.from([0x61, 0xed, 0xa0, 0x80]), 1)).toMatch(/half of a surrogate pair/);
  expect(utf8Message(Buffer.from([0xed, 0xa0]), 0)).toMatch(/0xED/);
  expect(utf8Message(Buffer.from([0xed, 0x9f]), 0)).toMatch(/0xED/);
});

test.each([0x81, 0x8d, 0x8f, 0x90, 0x9d])('the byte %i is told as what it was in Windows-1252', (byte) => {
  const record = Buffer.from([0xc3, 0xad, byte, 0x61, byte]);
  expect(encodingFault(record, { record: 3, offset: 100, encoding: 'windows-1252' })).toEqual({
    code: 'file_encoding',
    message: `The byte 0x${byte.toString(16).toUpperCase()} stands for no character in Windows-1252`,
    record: 3,
    offset: 102,
  });
  expect(encodingFault(record, { record: 3, offset: 100 }).message).toMatch(/is not valid UTF-8 here/);
});

test.each(['utf-16le', 'utf-16be'] as const)(
  'half of a surrogate pair is told as what it was in %s',
  (order) => {
    for (const half of [
      [0xed, 0xa0, 0x80],
      [0xed, 0xbf, 0xbf],
    ]) {
      const fault = encodingFault(Buffer.from([0x61, ...half]), { record: 1, offset: 0, encoding: order });
      expect(fault.message).toBe('The text holds half of a surrogate pair, which is no character');
    }
  },
);
