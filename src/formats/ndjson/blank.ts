import { CR, LF } from '../line-ends.ts';

const SPACE = 0x20;
const TAB = 0x09;

/** Whether the bytes `[from, to)` are nothing but JSON's white space (RFC 8259, section 2). */
export function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at];
    if (byte !== LF && byte !== CR && byte !== SPACE && byte !== TAB) return false;
  }
  return true;
}
