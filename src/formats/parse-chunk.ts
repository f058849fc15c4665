import { withoutOffset } from './converted-file.ts';
import { csvSlices, parseCsvChunk } from './csv/parse.ts';
import { type CsvDescription, type InputDescription, isConverted } from './description.ts';
import { lineSlices, parseNdjsonChunk } from './ndjson/parse.ts';
import type { CellsRow, ChunkPlace, FaultyRow, ValueRow } from './row.ts';
import { parseSheetChunk } from './xlsx/read/parse.ts';

export type Row = CellsRow | ValueRow | FaultyRow;

/**
 * Reads the records of one chunk by the rules with which `FileIndexer`, or the conversion, has cut it: as many rows come
 * back as the chunk has records, in order. A record that cannot be read never changes its neighbours.
 */
export function parseChunk(bytes: Buffer, description: InputDescription, place: ChunkPlace): Row[] {
  const rows = rowsOf(bytes, description, { ...place, encoding: description.encoding });
  if (!isConverted(description)) return rows;
  return rows.map((row) => (row.fault === undefined ? row : { ...row, fault: withoutOffset(row.fault) }));
}

function rowsOf(bytes: Buffer, description: InputDescription, place: ChunkPlace): Row[] {
  switch (description.format) {
    case 'ndjson':
    case 'json':
      return parseNdjsonChunk(bytes, place);
    case 'xlsx': {
      const { columns, marked } = description;
      return parseSheetChunk(bytes, { ...place, columns: columns.length, marked });
    }
    case 'csv': {
      const { columns, marked } = description;
      const dialect = dialectOf(description);
      return parseCsvChunk(bytes, { ...place, dialect, columns: columns.length, marked });
    }
  }
}

/**
 * The bytes of each record of a chunk as the file has them, or the converted file, one for each row of `parseChunk`: with
 * its line end, which the last record of a file may lack, and without the blank lines around. They are views of the
 * chunk's own bytes.
 */
export function recordSlices(bytes: Buffer, description: InputDescription): Buffer[] {
  return description.format === 'csv' ? csvSlices(bytes, dialectOf(description)) : lineSlices(bytes);
}

function dialectOf({ delimiter, quote }: CsvDescription) {
  return { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) };
}
