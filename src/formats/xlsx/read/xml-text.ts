import { asBytes } from './part-text.ts';

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const REFERENCE = /&(?:(#x[0-9a-fA-F]{1,8}|#[0-9]{1,8}|[a-z]{1,8});)?/g;

/**
 * What character data of XML stands for (XML 1.0, sections 2.11 and 4.1): references are replaced, and each line end is
 * one LF. Both are bytes in a string.
 *
 * @returns null when an & begins no reference that XML itself knows
 */
export function characterData(raw: string): string | null {
  const text = raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw;
  if (!text.includes('&')) return text;
  let unknown = false;
  const decoded = text.replace(REFERENCE, (_, reference: string | undefined) => {
    const character = reference === undefined ? undefined : characterOf(reference);
    unknown ||= character === undefined;
    return character ?? '';
  });
  return unknown ? null : decoded;
}

function characterOf(reference: string): string | undefined {
  if (!reference.startsWith('#')) return Object.hasOwn(NAMED, reference) ? NAMED[reference] : undefined;
  const digits = reference.slice(reference.startsWith('#x') ? 2 : 1);
  const point = Number.parseInt(digits, reference.startsWith('#x') ? 16 : 10);
  const isCharacter = point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return isCharacter ? asBytes(String.fromCodePoint(point)) : undefined;
}
