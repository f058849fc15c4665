import type { RecordFault } from '../core/chunk.ts';
import type { Encoding } from '../core/file-format.ts';

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
export function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lengthByLead(lead);
  if (length === 0 || !isSecond(lead, bytes[at + 1] ?? 0)) return 0;
  for (let i = 2; i < length; i++) {
    if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}

/** How many bytes at the end are the beginning of a well-formed character that goes on after them. */
export function brokenOff(bytes: Uint8Array): number {
  for (let length = 1; length <= Math.min(bytes.length, 3); length++) {
    const at = bytes.length - length;
    const byte = bytes[at] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const goesOn = lengthByLead(byte) > length && (length === 1 || isSecond(byte, bytes[at + 1] ?? 0));
    return goesOn ? length : 0;
  }
  return 0;
}

/** How many bytes the character has that begins with this one, which is no ASCII; 0 when none does. */
export function lengthByLead(lead: number): number {
  if (lead > 0xf4) return 0;
  return lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 ? 4 : 0;
}

/**
 * How many bytes a sequence has that begins with this one, by the pattern of UTF-8 alone: overlong forms, surrogates and what
 * is above U+10FFFF have it too, though they are no characters. 0 when the byte begins none.
 */
export function patternLength(lead: number): number {
  if (lead < 0xc0 || lead > 0xf7) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** Whether a whole sequence with the pattern of UTF-8 is at `at`, be it well-formed or not. */
export function hasPattern(bytes: Uint8Array, at: number): boolean {
  const length = patternLength(bytes[at] ?? 0);
  for (let i = 1; i < length; i++) {
    if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return false;
  }
  return length > 0;
}

/** The second byte is where overlong forms, surrogates and what is above U+10FFFF show. */
function isSecond(lead: number, second: number): boolean {
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return second >= lowest && second <= highest;
}

/** Whether Windows-1252 has a character for the byte. */
export function isWindows1252(byte: number): boolean {
  return !NOT_IN_WINDOWS_1252.includes(byte);
}

/**
 * Says which byte stands for no character, and what text that should be UTF-8 seems to be instead.
 *
 * @param bytes one record with at least one invalid byte
 * @param at what `firstInvalidByte` says of it
 * @param encoding of the file as it came: a byte that Windows-1252 gives no character was converted to itself
 */
export function encodingMessage(bytes: Uint8Array, at: number, encoding: Encoding): string {
  if (isHalfOfPair(bytes, at)) return 'The text holds half of a surrogate pair, which is no character';
  const hex = (bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0');
  if (encoding === 'windows-1252') return `The byte 0x${hex} stands for no character in Windows-1252`;
  const message = `The byte 0x${hex} is not valid UTF-8 here`;
  const seems = seemsWindows1252(bytes)
    ? ', the text seems to be Windows-1252 or another 8-bit encoding'
    : '';
  return `${message}${seems}; save the file as UTF-8, or state its encoding as \`format.encoding\``;
}

/** What UTF-16 with half of a surrogate pair becomes, here or in another program, by the pattern of UTF-8. */
function isHalfOfPair(bytes: Uint8Array, at: number): boolean {
  const [lead, second = 0, third = 0] = bytes.subarray(at, at + 3);
  return lead === 0xed && second >= 0xa0 && second <= 0xbf && (third & 0xc0) === 0x80;
}

/** One sequence of several bytes with UTF-8's pattern shows UTF-8 that was damaged, not another encoding. */
function seemsWindows1252(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) continue;
    if (!isWindows1252(byte) || hasPattern(bytes, at)) return false;
  }
  return true;
}

/** What is wrong with a record that is no UTF-8, which begins at `offset` of the file that is read. */
export function encodingFault(
  bytes: Uint8Array,
  place: { record: number; offset: number; encoding?: Encoding | undefined },
): RecordFault {
  const { record, offset, encoding = 'utf-8' } = place;
  const at = firstInvalidByte(bytes);
  return {
    code: 'file_encoding',
    message: encodingMessage(bytes, at, encoding),
    record,
    offset: offset + at,
  };
}
