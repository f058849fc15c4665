import type { FileFault } from '../../core/errors.ts';
import { NO_BYTES, type TextStep } from './text-step.ts';

/** UTF-8 needs at most so many bytes for a unit: pairs of units need four. */
const MOST_BYTES_PER_UNIT = 3;

/**
 * UTF-16 to UTF-8. Half of a surrogate pair is no character: it becomes the three bytes that it would have if it were one
 * (WTF-8). They are no UTF-8, so the record that holds them is found and told, and no other.
 */
export class Utf16Decoder implements TextStep {
  fault: FileFault | undefined;
  /** Where in a unit its high byte is. */
  readonly #high: 0 | 1;
  /** The bytes at the end of the last piece that may belong to one character with what follows. */
  #rest: Buffer = NO_BYTES;
  #pushed = 0;

  constructor(order: 'utf-16le' | 'utf-16be') {
    this.#high = order === 'utf-16be' ? 0 : 1;
  }

  push(piece: Buffer): Buffer {
    this.#pushed += piece.length;
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let whole = bytes.length - (bytes.length % 2);
    if (whole > 0 && isHighSurrogate(bytes[whole - 2 + this.#high]! << 8)) whole -= 2;
    this.#rest = Buffer.from(bytes.subarray(whole));
    return this.#decode(bytes.subarray(0, whole));
  }

  finish(): Buffer {
    const whole = this.#rest.length - (this.#rest.length % 2);
    if (this.#rest.length > 0) {
      const message = 'The UTF-16 text ends in the middle of a character, so its end is missing';
      this.fault = { code: 'file_encoding', message, offset: this.#pushed - this.#rest.length };
    }
    return this.#decode(this.#rest.subarray(0, whole));
  }

  #decode(units: Buffer): Buffer {
    const text = Buffer.allocUnsafe((units.length / 2) * MOST_BYTES_PER_UNIT);
    const high = this.#high;
    const low = 1 - high;
    let to = 0;
    for (let at = 0; at < units.length; at += 2) {
      const unit = (units[at + high]! << 8) | units[at + low]!;
      if (unit < 0x80) {
        text[to++] = unit;
      } else if (unit < 0x800) {
        text[to++] = 0xc0 | (unit >> 6);
        text[to++] = 0x80 | (unit & 0x3f);
      } else {
        const next =
          isHighSurrogate(unit) && at + 2 < units.length
            ? (units[at + 2 + high]! << 8) | units[at + 2 + low]!
            : 0;
        if (isLowSurrogate(next)) {
          const character = 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
          text[to++] = 0xf0 | (character >> 18);
          text[to++] = 0x80 | ((character >> 12) & 0x3f);
          text[to++] = 0x80 | ((character >> 6) & 0x3f);
          text[to++] = 0x80 | (character & 0x3f);
          at += 2;
        } else {
          text[to++] = 0xe0 | (unit >> 12);
          text[to++] = 0x80 | ((unit >> 6) & 0x3f);
          text[to++] = 0x80 | (unit & 0x3f);
        }
      }
    }
    return text.subarray(0, to);
  }
}

function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}

function isLowSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00;
}
