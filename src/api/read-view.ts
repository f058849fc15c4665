import type { BatchRow } from '../engine/ports/request-stores.ts';
import type { InputDescription, TableDescription } from '../formats/description.ts';
import type { Batch } from './schemas/batch.ts';

/** Field by field, so that what the engine adds for itself is not shown by accident. */
export function readView({ read, coerced }: Pick<BatchRow, 'read' | 'coerced'>): Batch['read'] {
  if (read === null) return null;
  const { format, compression, encoding, bom } = read;
  const columns = read.columns.map(({ name, field }) => {
    const counts = Object.hasOwn(coerced, name) ? coerced[name] : undefined;
    return { name, field, ...(counts !== undefined && { coerced: counts }) };
  });
  return {
    ...{ format, compression, encoding, bom },
    ...layoutView(read),
    columns,
    columns_total: columns.length,
  };
}

function layoutView(read: InputDescription): Partial<NonNullable<Batch['read']>> {
  if (read.format === 'csv') {
    const { delimiter, quote, lineEnd } = read;
    return { delimiter, quote, line_end: lineEnd, ...tableView(read) };
  }
  if (read.format !== 'xlsx') return {};
  return { sheet: read.sheet, date_system: read.dateSystem, ...tableView(read) };
}

function tableView({ headerRow, marked }: TableDescription) {
  return { header: headerRow > 0, header_row: headerRow, marked };
}
