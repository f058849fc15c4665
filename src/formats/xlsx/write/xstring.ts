/**
 * What XML 1.0 cannot hold at all, a parser would change (CR) or a writer leave out (DEL). With the flag `u`, the
 * surrogates are the lone ones.
 */
const UNSAFE = String.raw`[\u0000-\u0008\u000B-\u001F\u007F\uD800-\uDFFF\uFFFE\uFFFF]`;

/**
 * An underscore too, where a reader would take it for the beginning of an escape: also when what it needs for one is
 * only the underscore that the escape of the next character begins with.
 */
const ESCAPED = new RegExp(`${UNSAFE}|_(?=x[0-9A-Fa-f]{4}(?:_|${UNSAFE}))`, 'gu');

const MARKUP: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Text as SpreadsheetML's type ST_Xstring: characters that XML has no place for are `_xHHHH_`. */
export function xstring(text: string): string {
  return text.replace(ESCAPED, (unit) => {
    const hex = unit.charCodeAt(0).toString(16).toUpperCase();
    return `_x${hex.padStart(4, '0')}_`;
  });
}

/** A `<t>` with the text in it, every blank and line break kept. */
export function textXml(text: string): string {
  const escaped = xstring(text).replace(/[&<>]/g, (character) => MARKUP[character]!);
  return /^\s|\s$|[\t\n]/.test(escaped) ? `<t xml:space="preserve">${escaped}</t>` : `<t>${escaped}</t>`;
}
