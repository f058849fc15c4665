import { RFC_4180 } from '../csv/dialect.ts';
import { CsvWriter } from '../csv/write.ts';
import type { InputDescription } from '../description.ts';
import type { RecordStatus } from './chunk-results.ts';
import { reportColumns, reportRows } from './error-report.ts';
import type { ContentOptions, FileKind, TextContent } from './file-content.ts';
import { each, piecesOfText, slicesOf } from './pieces.ts';
import type { ResultChunk } from './result-chunk.ts';
import { errorCells, type ResultTable } from './result-table.ts';
import { startOf } from './start-of-text.ts';

const NO_ERRORS = ['', ''] as const;
/** The cells of the marker are blank: its name says it all. */
const MARK = '';

type Kind = FileKind & (RecordStatus | 'all');

/** The result files as CSV, in the delimiter and quote of the input if that is CSV. */
export function csvContents(table: ResultTable, options: ContentOptions): TextContent[] {
  const { description, withCustomIds } = options;
  const writer = new CsvWriter(dialectOf(description));
  const start = startOf(description);
  const tableOf = (kind: Kind, row: (chunk: ResultChunk, index: number) => string): TextContent => {
    const names = kind === 'unprocessed' ? table.unprocessedNames : table.names;
    return {
      ...{ kind, format: 'csv', records: kind, repeatsInput: true },
      // Where the file comes back the marker tells delimiter and quote: texts with an apostrophe in front do not.
      head: start + writer.lineWithQuotes(names),
      cells: names.length,
      of: (chunk) => piecesOfText(each(chunk.results.places(kind), (index) => row(chunk, index))),
    };
  };
  const { length } = table.columns;
  const rowOf = (chunk: ResultChunk, index: number) =>
    chunk.csvRow(index, () => {
      const { cells, rest, record, status, errors } = table.row(chunk, index);
      const [codes, messages] = errors.length === 0 ? NO_ERRORS : errorCells(errors);
      return writer.filled(cells, length, [rest, String(record), status, codes, messages, MARK]);
    });
  const unprocessedRow = (chunk: ResultChunk, index: number) => {
    const { cells, rest } = table.row(chunk, index);
    return writer.filled(cells, length, [rest, MARK]);
  };
  const errors: TextContent = {
    ...{ kind: 'errors', format: 'csv', records: 'failed', repeatsInput: false },
    head: start + writer.line(reportColumns(withCustomIds)),
    cells: 0,
    of: ({ results }) =>
      piecesOfText(
        each(results.places('failed'), (index) =>
          reportRows(results, index, withCustomIds)
            .map((row) => writer.line(row))
            .join(''),
        ),
      ),
  };
  return [
    tableOf('all', rowOf),
    tableOf('succeeded', rowOf),
    tableOf('failed', rowOf),
    errors,
    tableOf('unprocessed', unprocessedRow),
  ];
}

/** The records as they came, under what stood before them: of a file whose columns are not known. */
export function rawRecords(description: InputDescription, head: Buffer): TextContent {
  // What stands before the first record has the mark of a file that was not converted.
  const start = description.encoding === 'utf-8' ? '' : startOf(description);
  return {
    ...{ kind: 'unprocessed', format: 'csv', records: 'unprocessed', repeatsInput: true },
    head: Buffer.concat([Buffer.from(start), head]),
    cells: 0,
    // A CR at the end of a file is part of its last cell, and must be so still when a line end follows.
    of: (chunk) => slicesOf(chunk, '\r\n'),
  };
}

function dialectOf(description: InputDescription) {
  if (description.format !== 'csv') return RFC_4180;
  return { delimiter: description.delimiter.charCodeAt(0), quote: description.quote.charCodeAt(0) };
}
