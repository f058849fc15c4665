import { csvSlices, parseCsvChunk } from './csv/parse.ts';
import type { CsvDescription, InputDescription } from './description.ts';
import { lineSlices, parseNdjsonChunk } from './ndjson/parse.ts';
import type { CellsRow, ChunkPlace, FaultyRow, ValueRow } from './row.ts';

export type Row = CellsRow | ValueRow | FaultyRow;

/**
 * Reads the records of one chunk by the rules with which `FileIndexer` has cut it: as many rows come back as the
 * chunk has records, in order. A record that cannot be read never changes its neighbours.
 */
export function parseChunk(bytes: Buffer, description: InputDescription, place: ChunkPlace): Row[] {
  if (description.format === 'ndjson') return parseNdjsonChunk(bytes, place);
  return parseCsvChunk(bytes, {
    ...place,
    dialect: dialectOf(description),
    columns: description.columns.length,
  });
}

/**
 * The bytes of each record of a chunk as the file has them, one for each row of `parseChunk`: with its line end, which
 * the last record of a file may lack, and without the blank lines around. They are views of the chunk's own bytes.
 */
export function recordSlices(bytes: Buffer, description: InputDescription): Buffer[] {
  return description.format === 'ndjson' ? lineSlices(bytes) : csvSlices(bytes, dialectOf(description));
}

function dialectOf({ delimiter, quote }: CsvDescription) {
  return { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) };
}
