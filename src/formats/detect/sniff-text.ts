import type { CsvForm } from '../csv/dialect.ts';
import { csvForm } from './csv-form.ts';
import type { SniffTextOptions } from './head.ts';
import { firstLineIsWhole, hasObjectLine, isCertainlyJson, jsonOpening } from './json-opening.ts';
import { type Refused, refused, type StatedType, statedType } from './stated.ts';

/** What the first 64 KiB of a text say it is. */
export type SniffedText =
  | { type: 'csv'; dialect: CsvForm; fault?: undefined }
  | { type: 'ndjson'; fault?: undefined }
  | { type: 'json'; fault?: undefined }
  | Refused;

const EXPORT = 'export the table as CSV or XLSX';
const LEAVE_OUT = 'leave that out, so that its content tells what it is';
const ONE_LINE_EACH =
  'write each record as a JSON object on a line of its own (NDJSON), all of them as one array, or as CSV';

const MARKUP: readonly { begins: RegExp; seems: string }[] = [
  { begins: /^[ \t\r\n]*<(?:!doctype\s+html|html)[\s>]/i, seems: 'an HTML page' },
  { begins: /^[ \t\r\n]*<(?:\?xml|!doctype)\s/i, seems: 'an XML document' },
];

/**
 * Tells by the first `HEAD_BYTES` of a text what it is. What is certainly none of CSV, NDJSON and a JSON array is refused,
 * and so is what is certainly not what the client says; all other text is CSV, as any text can be.
 *
 * @param head UTF-8 without a byte order mark; its last character may be cut
 */
export function sniffText(head: Buffer, options: SniffTextOptions): SniffedText {
  const text = head.toString('utf8');
  const stated = statedType(options.format);
  const offset = text.search(/[^ \t\r\n]/);
  if (offset === -1) return stated?.type.endsWith('json') ? { type: 'ndjson' } : csv(text, options);
  const markup = MARKUP.find(({ begins }) => begins.test(text));
  if (markup) return refused(stated?.says, `seems to be ${markup.seems}`, EXPORT, { offset });
  const found = stated === null || stated.type === 'csv' ? unlessJson(text, stated) : asStated(text, stated);
  if (found === 'csv') return csv(text, options);
  if (typeof found === 'object') return { ...found, fault: { ...found.fault, offset } };
  if (options.format.headerRow === undefined) return { type: found };
  const what = 'holds objects, each of which has its own keys';
  return refused('`format.header_row` says which row names the columns', what, LEAVE_OUT, { offset });
}

function csv(text: string, options: SniffTextOptions): SniffedText {
  const form = csvForm(text, options);
  return 'fault' in form ? form : { type: 'csv', dialect: form };
}

/** @param stated that it is CSV, or nothing */
function unlessJson(text: string, stated: StatedType | null): 'csv' | 'ndjson' | 'json' | Refused {
  const opening = jsonOpening(text);
  if (opening === null || (stated !== null && !isCertainlyJson(text))) return 'csv';
  if (opening === 'object') return refused(stated?.says, OBJECT, ONE_LINE_EACH);
  if (stated !== null) return refused(stated.says, opening === 'lines' ? LINES : ARRAY, LEAVE_OUT);
  return opening === 'lines' ? 'ndjson' : 'json';
}

const LINES = 'holds a JSON object on each line (NDJSON)';
const ARRAY = 'holds an array of JSON';
const OBJECT = 'begins with a JSON object that goes on over several lines';

function asStated(text: string, { type, says }: StatedType): 'ndjson' | 'json' | Refused {
  const opening = jsonOpening(text);
  if (type === 'json') {
    if (/^[ \t\r\n]*\[/.test(text)) return 'json';
    if (opening === 'lines') return refused(says, LINES, LEAVE_OUT);
    return refused(says, 'does not begin with the bracket of an array', LEAVE_OUT);
  }
  if (opening === 'lines') return 'ndjson';
  if (opening === 'object') return refused(says, OBJECT, ONE_LINE_EACH);
  if (opening === 'array' && !firstLineIsWhole(text)) return refused(says, ARRAY, LEAVE_OUT);
  return hasObjectLine(text) ? 'ndjson' : refused(says, 'has no line that begins an object', LEAVE_OUT);
}
