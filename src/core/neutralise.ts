/**
 * Keeps texts of result tables from being run as formulas: what a spreadsheet would run gets one apostrophe before it, by
 * which spreadsheets know a text. One that is there already gets another, so that it can be undone to the letter.
 */

const APOSTROPHE = 39;

/**
 * What a formula begins with, in wide letters too, and what spreadsheets skip before one (OWASP, “CSV Injection”; ASVS
 * 1.2.10).
 */
const DANGEROUS: ReadonlySet<number> = new Set(
  [...'=+-@\t\r\n\0\uFF1D\uFF0B\uFF0D\uFF20'].map((character) => character.charCodeAt(0)),
);
const NUMBER = /^[+-](\d+([.,' \u00A0\u2019\u202F]\d+)*|[.,]\d+)([eE][+-]?\d+)?[ \u00A0\u202F]?%?$/;
const PHONE = /^\+[ (]*\d[\d ()./-]*$/;
/** No number and no phone number that people write is longer; a cell may have a MiB. */
const LONGEST_NUMBER = 64;

/** A text as it stands in a cell of CSV or XLSX. Numbers and phone numbers stay as they are. */
export function neutralised(text: string): string {
  return beginsDangerously(text) && !isNumber(text) ? `'${text}` : text;
}

/** The text that `neutralised` made this of. */
export function restored(cell: string): string {
  return cell.charCodeAt(0) === APOSTROPHE && beginsDangerously(cell) ? cell.slice(1) : cell;
}

/** After any number of apostrophes: a spreadsheet that takes one away must not find a formula behind it. */
function beginsDangerously(text: string): boolean {
  let at = 0;
  while (text.charCodeAt(at) === APOSTROPHE) at += 1;
  return DANGEROUS.has(text.charCodeAt(at));
}

function isNumber(text: string): boolean {
  return text.length <= LONGEST_NUMBER && (NUMBER.test(text) || PHONE.test(text));
}
