import { isAscii, isUtf8 } from 'node:buffer';
import { brokenOff, characterLength, hasPattern, isWindows1252, patternLength } from '../encoding.ts';

/**
 * What the bytes of a whole file say of its encoding. `mixed`: some bytes are no UTF-8, and others show that it is not
 * Windows-1252 either.
 */
type Utf8Verdict = 'utf-8' | 'windows-1252' | 'mixed';

const NO_BYTES = Buffer.alloc(0);

/**
 * Tells UTF-8 and Windows-1252 apart while the pieces of a file pass by. One sequence of several bytes with UTF-8's pattern
 * shows UTF-8 that was damaged, or written by a program that has its own idea of it (surrogates, overlong forms), not another
 * encoding: it would be several letters and signs that hardly any word has together.
 */
export class Utf8Watch {
  #invalid = false;
  #multibyte = false;
  /** Whether what is no UTF-8 is no Windows-1252 either: a byte without a character there, or a sequence with UTF-8's pattern. */
  #foreign = false;
  /** The first bytes of a sequence that the end of the last piece has cut. */
  #cut: Buffer = NO_BYTES;

  /** Takes the next bytes, as many as there are. They may be overwritten afterwards. */
  push(piece: Buffer): void {
    if (this.#isMixed || piece.length === 0) return;
    const from = this.#cut.length === 0 ? 0 : this.#endCut(piece);
    const rest = piece.subarray(from);
    const whole = rest.length - cutOff(rest);
    this.#look(rest.subarray(0, whole));
    if (whole < rest.length) this.#cut = Buffer.from(rest.subarray(whole));
  }

  /** The file is over. */
  finish(): Utf8Verdict {
    if (this.#cut.length > 0) {
      // What would begin a character, and nothing else that is wrong: that is where the file was cut.
      if (!this.#invalid && brokenOff(this.#cut) === this.#cut.length) this.#multibyte = true;
      this.#lookAtEach(this.#cut);
    }
    if (!this.#invalid) return 'utf-8';
    return this.#isMixed ? 'mixed' : 'windows-1252';
  }

  get #isMixed(): boolean {
    return this.#invalid && (this.#multibyte || this.#foreign);
  }

  #look(bytes: Buffer): void {
    if (!this.#multibyte && isAscii(bytes)) return;
    if (isUtf8(bytes)) this.#multibyte = true;
    else this.#lookAtEach(bytes);
  }

  #lookAtEach(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte < 0x80) continue;
      const length = characterLength(bytes, at);
      if (length > 1) {
        this.#multibyte = true;
        at += length - 1;
      } else {
        this.#invalid = true;
        if (!isWindows1252(byte) || hasPattern(bytes, at)) this.#foreign = true;
      }
      if (this.#isMixed) return;
    }
  }

  /** @returns how many bytes of the piece go to the sequence that was cut, if it is one */
  #endCut(piece: Buffer): number {
    const cut = this.#cut;
    const missing = patternLength(cut[0] ?? 0) - cut.length;
    const joined = Buffer.concat([cut, piece.subarray(0, missing)]);
    if (cutOff(joined) === joined.length) {
      this.#cut = joined;
      return piece.length;
    }
    this.#cut = NO_BYTES;
    const isWhole = hasPattern(joined, 0);
    this.#lookAtEach(isWhole ? joined : cut);
    return isWhole ? missing : 0;
  }
}

/** How many bytes at the end begin a sequence with UTF-8's pattern that goes on after them. */
function cutOff(bytes: Buffer): number {
  for (let length = 1; length <= Math.min(bytes.length, 3); length++) {
    const byte = bytes[bytes.length - length] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return patternLength(byte) > length ? length : 0;
  }
  return 0;
}
