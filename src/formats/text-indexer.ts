import type { ChunkLimits } from '../core/chunk.ts';
import type { Encoding } from '../core/file-format.ts';
import type { CsvForm } from './csv/dialect.ts';
import { CsvIndexer } from './csv/index-pass.ts';
import type { CsvLayout, NdjsonLayout } from './description.ts';
import { NdjsonIndexer } from './ndjson/index-pass.ts';
import type { RecordIndexer } from './record-indexer.ts';

/** Text whose records can be told apart as they are. */
export type SniffedRecords = { type: 'csv'; dialect: CsvForm } | { type: 'ndjson' };

/**
 * Finds the records of a text in UTF-8.
 *
 * @param options `start` is the offset of the first byte, after a byte order mark; `encoding` is that of the file as it
 * came, UTF-8 where it is left out
 */
export function textIndexer(
  sniffed: SniffedRecords,
  options: { limits: ChunkLimits; start: number; encoding?: Encoding },
): RecordIndexer {
  return sniffed.type === 'csv'
    ? new CsvIndexer({ ...options, dialect: sniffed.dialect })
    : new NdjsonIndexer(options);
}

/** As what such a text is shown, and read again. */
export function textLayout(
  sniffed: SniffedRecords,
  came: Pick<CsvLayout, 'compression' | 'encoding' | 'bom' | 'marked'>,
): CsvLayout | NdjsonLayout {
  const { compression, encoding, bom, marked } = came;
  if (sniffed.type === 'ndjson') return { format: 'ndjson', compression, encoding, bom };
  const { delimiter, quote, lineEnd, headerRow } = sniffed.dialect;
  return {
    format: 'csv',
    compression,
    encoding,
    bom,
    delimiter: String.fromCharCode(delimiter),
    quote: String.fromCharCode(quote),
    lineEnd,
    headerRow,
    marked,
  };
}
