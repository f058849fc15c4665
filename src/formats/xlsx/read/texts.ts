import type { RecordErrorCode } from '../../../core/errors.ts';
import { asBytes, asText } from './part-text.ts';

/**
 * What a cell becomes in the converted file: a literal of JSON, as bytes in a string. It is a string, or an object with
 * what is wrong with the cell.
 */
export type CellLiteral = string;

export const BLANK: CellLiteral = '""';

/** `_x000D_`: a character that XML cannot hold, or an underscore that begins no such escape (ST_Xstring). */
const ESCAPE = /_x([0-9A-Fa-f]{4})_/g;
const HALF_A_PAIR = /\p{Surrogate}/u;
/** An escape stands for one byte at least. */
export const LONGEST_ESCAPE = 7;

/** A text of the workbook with its escapes undone; null when half of a surrogate pair is left, which is no character. */
export function meant(text: string): string | null {
  if (!text.includes('_x')) return text;
  const unescaped = asText(text).replace(ESCAPE, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return HALF_A_PAIR.test(unescaped) ? null : asBytes(unescaped);
}

/** @param text as `meant` has it */
export function textLiteral(text: string | null, cellBytes: number): CellLiteral {
  if (text === null) {
    return problemLiteral('not_text', 'holds half of a surrogate pair, which is no character');
  }
  return text.length > cellBytes ? tooLarge(cellBytes) : JSON.stringify(text);
}

/** A text of which nothing has to be escaped. */
export function plainLiteral(text: string, cellBytes: number): CellLiteral {
  return text.length > cellBytes ? tooLarge(cellBytes) : `"${text}"`;
}

export function tooLarge(cellBytes: number): CellLiteral {
  return problemLiteral('cell_too_large', `has more bytes than the limit of ${cellBytes}`);
}

/** A cell that cannot be read, which is blank in its row. The message goes on after the name of the cell’s field. */
export function problemLiteral(code: RecordErrorCode, message: string): CellLiteral {
  return asBytes(JSON.stringify({ code, message }));
}

/** Takes away XML's white space where nothing says that it is meant: spreadsheets do so. */
export function trimmed(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text.charCodeAt(from))) from += 1;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d && unit !== 0x0b && unit !== 0x0c);
}
