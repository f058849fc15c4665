import type { RecordFault } from '../core/chunk.ts';

/** Bytes that Windows-1252 gives no character. */
const NOT_IN_WINDOWS_1252 = [0x81, 0x8d, 0x8f, 0x90, 0x9d];

/**
 * The offset of the first byte that does not belong to well-formed UTF-8 (Unicode 16, table 3-7), -1 when there is none.
 * A character that is broken off counts from its first byte.
 */
export function firstInvalidByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = characterLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return -1;
}

/** Length of the well-formed character at `at`, 0 when there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 ? 4 : 0;
  if (length === 0 || lead > 0xf4) return 0;
  // The second byte is where overlong forms, surrogates and what is above U+10FFFF show.
  const second = bytes[at + 1] ?? 0;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let i = 2; i < length; i++) {
    if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}

/**
 * Says which byte is no UTF-8 and what the text seems to be instead.
 *
 * @param bytes one record with at least one invalid byte
 * @param at what `firstInvalidByte` says of it
 */
export function invalidUtf8Message(bytes: Uint8Array, at: number): string {
  const hex = (bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0');
  const message = `The byte 0x${hex} is not valid UTF-8 here`;
  return seemsWindows1252(bytes)
    ? `${message}; the file seems to be Windows-1252 or another 8-bit encoding, save it as UTF-8`
    : `${message}; save the file as UTF-8`;
}

/** One multi-byte character that is right shows UTF-8 that was damaged, not another encoding. */
function seemsWindows1252(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) continue;
    if (NOT_IN_WINDOWS_1252.includes(byte) || characterLength(bytes, at) > 1) return false;
  }
  return true;
}

/** What is wrong with a record that is no UTF-8, which begins at `offset` of the file. */
export function encodingFault(bytes: Uint8Array, record: number, offset: number): RecordFault {
  const at = firstInvalidByte(bytes);
  return { code: 'file_encoding', message: invalidUtf8Message(bytes, at), record, offset: offset + at };
}
