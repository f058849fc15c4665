import { isAscii } from 'node:buffer';
import { NO_BYTES, type TextStep } from './text-step.ts';

/** What the bytes from 0x80 to 0x9F stand for; those from 0xA0 on are the characters of the same number. */
const BELOW_A0 = '€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ';

/** The character of each byte; 0 above 0x7F: there is none. */
const CHARACTERS = Uint16Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 && byte < 0xa0 ? BELOW_A0.charCodeAt(byte - 0x80) : byte,
);

/** By how many bytes each byte grows in UTF-8. */
const GROWTH = Uint8Array.from(CHARACTERS, (character) => (character < 0x80 ? 0 : character < 0x800 ? 1 : 2));

/**
 * Windows-1252 to UTF-8. A byte that stands for no character stays as it is: alone it is no UTF-8, so the record that
 * holds it is found and told, and no other.
 */
export class Windows1252Decoder implements TextStep {
  readonly fault = undefined;

  push(piece: Buffer): Buffer {
    if (isAscii(piece)) return piece;
    let length = piece.length;
    for (let at = 0; at < piece.length; at++) length += GROWTH[piece[at]!]!;
    const text = Buffer.allocUnsafe(length);
    let to = 0;
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at]!;
      const growth = GROWTH[byte]!;
      const character = CHARACTERS[byte]!;
      if (growth === 0) {
        text[to++] = byte;
      } else if (growth === 1) {
        text[to++] = 0xc0 | (character >> 6);
        text[to++] = 0x80 | (character & 0x3f);
      } else {
        text[to++] = 0xe0 | (character >> 12);
        text[to++] = 0x80 | ((character >> 6) & 0x3f);
        text[to++] = 0x80 | (character & 0x3f);
      }
    }
    return text;
  }

  finish(): Buffer {
    return NO_BYTES;
  }
}
