import { neutralised } from '../../core/neutralise.ts';
import { isOurColumn, MARKER_COLUMN } from '../../core/our-columns.ts';
import { CsvWriter } from '../csv/write.ts';
import { rowsOf, type TemplateTable } from './table.ts';

const BYTE_ORDER_MARK = '\uFEFF';
const PIECE_LENGTH = 64 * 1024;

/**
 * A table as CSV, in pieces. What a spreadsheet would run as a formula is neutralised, and only then is the table marked
 * as one of ours, which our readers undo it for: most templates have no such text, and no more columns than fields.
 */
export function* csvTemplate(table: TemplateTable): Generator<Buffer> {
  const writer = new CsvWriter();
  const names = table.columns.map(({ name }) => name);
  const marked = isDangerous(table) && !names.some(isOurColumn);
  const cell = (text: string) => (marked ? neutralised(text) : text);
  const mark = marked ? [''] : [];
  const header = [...names.map(cell), ...(marked ? [MARKER_COLUMN] : [])];
  // The quotes show the marker as ours, and that the only name there is says nothing of the delimiter, as `sep=;` does.
  const quoted = marked || header.length === 1;
  let text = BYTE_ORDER_MARK + (quoted ? writer.lineWithQuotes(header) : writer.line(header));
  for (const row of rowsOf(table)) {
    text += writer.line([...row.map((value) => cell(value === null ? '' : String(value))), ...mark]);
    if (text.length < PIECE_LENGTH) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text);
}

function isDangerous(table: TemplateTable): boolean {
  const changed = (value: unknown) => typeof value === 'string' && neutralised(value) !== value;
  if (table.columns.some(({ name }) => changed(name))) return true;
  for (const row of rowsOf(table)) if (row.some(changed)) return true;
  return false;
}
