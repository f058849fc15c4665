type Utf16 = 'utf-16le' | 'utf-16be';

/** What no text holds: control characters but TAB, LF and CR, halves of surrogate pairs, noncharacters. */
const NO_TEXT = /(?![\t\n\r])[\p{Cc}\p{Surrogate}\ufdd0-\ufdef\ufffe\uffff]/u;

/** Fewer delimiters, digits and Latin letters, or less than a quarter of them, may be there by accident. */
const LEAST_ASCII = 4;

/**
 * Which UTF-16 the first bytes of a file are, if it has no byte order mark. Only where one of the two gives lines of
 * nothing but text, and the other does not.
 */
export function seemsUtf16(head: Buffer): Utf16 | null {
  const little = givesText(head, 'utf-16le');
  const big = givesText(head, 'utf-16be');
  if (little === big) return null;
  return little ? 'utf-16le' : 'utf-16be';
}

/** Whether some character of the text is one of the first 256. */
export function hasHighNul(head: Buffer, encoding: Utf16): boolean {
  for (let at = encoding === 'utf-16le' ? 1 : 0; at < head.length; at += 2) {
    if (head[at] === 0) return true;
  }
  return false;
}

function givesText(head: Buffer, encoding: Utf16): boolean {
  const units = Buffer.from(head.subarray(0, head.length - (head.length % 2)));
  const text = (encoding === 'utf-16le' ? units : units.swap16()).toString('utf16le');
  // Its other half may come after the head.
  const whole = /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
  const ascii = whole.match(/[\t -~]/g)?.length ?? 0;
  return /[\r\n]/.test(whole) && ascii >= LEAST_ASCII && ascii * 4 >= whole.length && !NO_TEXT.test(whole);
}
