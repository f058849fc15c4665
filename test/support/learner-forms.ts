import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import ExcelJS from 'exceljs';
import type { Encoding, LineEnd } from '../../src/core/file-format.ts';
import { type AwkwardLearner, FIELDS } from './awkward-learners.ts';
import { bookOf } from './xlsx-book.ts';

/*
 * The same learners in each form that people send, written by nothing of ours.
 */

/** As `read` of the batch must tell it. */
export interface Form {
  name: string;
  bytes: Buffer;
  read: Record<string, unknown>;
}

export const LINE_ENDS: Record<LineEnd, string> = { lf: '\n', crlf: '\r\n', cr: '\r' };

export interface CsvForm {
  delimiter: string;
  lineEnd: LineEnd;
  encoding: Encoding;
  bom: boolean;
}

export function csvForm(learners: readonly AwkwardLearner[], form: CsvForm): Form {
  const { delimiter, lineEnd, encoding, bom } = form;
  const rows = [FIELDS, ...learners.map((learner) => FIELDS.map((field) => learner[field]))];
  const text = rows
    .map((row) => row.map((cell) => quoted(cell, delimiter)).join(delimiter))
    .join(LINE_ENDS[lineEnd]);
  return {
    name: `CSV, ${JSON.stringify(delimiter)}, ${lineEnd}, ${encoding}${bom ? ' with BOM' : ''}`,
    // The last line has its end in every second form.
    bytes: encoded(`${bom ? '\ufeff' : ''}${text}${lineEnd === 'crlf' ? '\r\n' : ''}`, encoding),
    read: { format: 'csv', delimiter, quote: '"', line_end: lineEnd, header_row: 1, encoding, bom },
  };
}

/** Quoted where it must be, and here and there where it need not be. */
function quoted(cell: string, delimiter: string): string {
  const must = cell.includes(delimiter) || /["\r\n]/.test(cell);
  return must || cell.length % 3 === 1 ? `"${cell.replaceAll('"', '""')}"` : cell;
}

export function encoded(text: string, encoding: Encoding): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text);
  if (encoding === 'windows-1252') return windows1252(text);
  const bytes = Buffer.from(text, 'utf16le');
  return encoding === 'utf-16le' ? bytes : bytes.swap16();
}

/** What its bytes from 0x80 stand for; at five of them there is nothing. */
const HIGH_1252 = '€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ';

function windows1252(text: string): Buffer {
  const bytes = Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80 || (code >= 0xa0 && code <= 0xff)) return code;
    const high = HIGH_1252.indexOf(character);
    if (high === -1) throw new Error(`Windows-1252 has no ${character}`);
    return 0x80 + high;
  });
  return Buffer.from(bytes);
}

/** Nothing that is given is left out, is null or is an empty text, in turn. */
function objectOf(learner: AwkwardLearner, number: number, indent = ''): string {
  const members = FIELDS.flatMap((field, place) => {
    const text = learner[field];
    const key = `${indent}${JSON.stringify(field)}:${indent === '' ? '' : ' '}`;
    if (text === '') return [[], [`${key}null`], [`${key}""`]][(number + place) % 3] ?? [];
    return [`${key}${field === 'score' && /^[\d.]+$/.test(text) ? text : JSON.stringify(text)}`];
  });
  const space = indent === '' ? '' : '\n';
  return `{${space}${members.join(`,${space}`)}${space}}`;
}

export function ndjsonForms(learners: readonly AwkwardLearner[]): Form[] {
  const lines = learners.map((learner, number) => objectOf(learner, number));
  const spread = lines.map((line, number) => (number % 4 === 1 ? `\r\n  \t\r\n${line} ` : line));
  const read = { format: 'ndjson', encoding: 'utf-8', bom: false };
  return [
    { name: 'NDJSON', bytes: Buffer.from(`${lines.join('\n')}\n`), read },
    {
      name: 'NDJSON with BOM, CRLF and blank lines',
      bytes: Buffer.from(`\ufeff\r\n${spread.join('\r\n')}`),
      read: { ...read, bom: true },
    },
    {
      name: 'NDJSON in UTF-16',
      bytes: encoded(`\ufeff${lines.join('\n')}\n`, 'utf-16le'),
      read: { format: 'ndjson', encoding: 'utf-16le', bom: true },
    },
  ];
}

export function jsonForms(learners: readonly AwkwardLearner[]): Form[] {
  const objects = (indent: string) => learners.map((learner, number) => objectOf(learner, number, indent));
  const read = { format: 'json', encoding: 'utf-8', bom: false };
  return [
    { name: 'a JSON array', bytes: Buffer.from(`[${objects('').join(',')}]`), read },
    {
      name: 'an indented JSON array with BOM and CRLF',
      bytes: Buffer.from(`\ufeff[\n${objects('  ').join(',\n')}\n]\n`.replaceAll('\n', '\r\n')),
      read: { ...read, bom: true },
    },
  ];
}

/** The cells of a sheet: texts, or numbers and dates where they are some. */
function cellsOf(learner: AwkwardLearner, { typed }: { typed: boolean }): (string | number | Date | null)[] {
  return FIELDS.map((field) => {
    const text = learner[field];
    if (text === '') return null;
    if (!typed) return text;
    if (field === 'score' && Number.isFinite(Number(text))) return Number(text);
    // A day that does not exist cannot be in a date cell.
    if (field === 'birth_date' && isDay(text)) return new Date(text);
    return text;
  });
}

function isDay(text: string): boolean {
  const date = new Date(text);
  return /^\d{4}-\d\d-\d\d$/.test(text) && date.toISOString().startsWith(text);
}

const readXlsx = { format: 'xlsx', encoding: 'utf-8', sheet: 'Learners', header_row: 1 };

/** As a program writes a large workbook. */
export async function streamedXlsx(
  learners: readonly AwkwardLearner[],
  { shared }: { shared: boolean },
): Promise<Form> {
  const stream = new PassThrough();
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  const book = new ExcelJS.stream.xlsx.WorkbookWriter({ stream, useSharedStrings: shared, useStyles: true });
  const sheet = book.addWorksheet('Learners');
  sheet.addRow([...FIELDS]).commit();
  for (const learner of learners) sheet.addRow(cellsOf(learner, { typed: false })).commit();
  sheet.commit();
  await book.commit();
  const strings = shared ? 'shared strings' : 'inline strings';
  return { name: `XLSX streamed by exceljs, ${strings}`, bytes: Buffer.concat(pieces), read: readXlsx };
}

/** As a person has it: numbers and dates are some, and there is more than the data. */
export async function typedXlsx(
  learners: readonly AwkwardLearner[],
  { date1904 }: { date1904: boolean },
): Promise<Form> {
  const book = new ExcelJS.Workbook();
  book.properties.date1904 = date1904;
  const sheet = book.addWorksheet('Learners');
  sheet.columns = FIELDS.map((field) => ({
    width: 20,
    style: field === 'birth_date' ? { numFmt: 'dd.mm.yyyy' } : {},
  }));
  sheet.addRow([...FIELDS]).font = { bold: true };
  for (const learner of learners) sheet.addRow(cellsOf(learner, { typed: true }));
  sheet.autoFilter = 'A1:I1';
  book.addWorksheet('Notes').addRow(['nothing of this is read']);
  const bytes = Buffer.from(await book.xlsx.writeBuffer());
  return {
    name: `XLSX by exceljs, dates from ${date1904 ? 1904 : 1900}`,
    bytes,
    read: { ...readXlsx, date_system: date1904 ? 1904 : 1900 },
  };
}

/** A workbook of texts, of as many rows as may be, from CSV without quotes. */
export function xlsxOf(csv: string): Buffer {
  const cells = (row: string) => row.split(',').map((text) => `<c t="inlineStr"><is><t>${text}</t></is></c>`);
  const rows = csv.trimEnd().split('\n');
  return bookOf({ rows: rows.map((row) => `<row>${cells(row).join('')}</row>`).join('') });
}

export function gzipped({ name, bytes, read }: Form): Form {
  return { name: `${name}, gzipped`, bytes: gzipSync(bytes), read: { ...read, compression: 'gzip' } };
}
