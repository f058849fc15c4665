import { isUtf8 } from 'node:buffer';
import { expect, test } from 'vitest';
import { firstInvalidByte, invalidUtf8Message } from '../../src/formats/encoding.ts';

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
  expect(invalidUtf8Message(Buffer.from([0x93, 0x61, 0x94]), 0)).toMatch(/0x93.*Windows-1252/);
  expect(invalidUtf8Message(Buffer.from([0x81, 0x61]), 0)).not.toMatch(/Windows/);
});
