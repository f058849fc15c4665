import type { RecordStatus } from './chunk-results.ts';
import { reportRows } from './error-report.ts';
import type { ContentOptions, FileKind, WorkbookContent } from './file-content.ts';
import { each } from './pieces.ts';
import type { ResultTable } from './result-table.ts';
import { SheetRows } from './sheet-rows.ts';

/** The result files as workbooks: bad cells are marked, and the error report is the client's own table with all rules. */
export function xlsxContents(table: ResultTable, options: ContentOptions): WorkbookContent[] {
  const { description, fields, nothingProcessed } = options;
  const rows = new SheetRows(table, fields, description.values);
  // That of the client: whoever names a sheet finds it when the file comes back.
  const sheet = description.format === 'xlsx' ? description.sheet : 'Records';
  const workbook = (kind: FileKind, records: RecordStatus | 'all'): WorkbookContent => {
    const names = kind === 'unprocessed' ? table.unprocessedNames : table.names;
    const report = kind === 'errors';
    return {
      ...{ kind, format: 'xlsx', records, repeatsInput: true, sheet, report },
      columns: names.map((name) => ({ name })),
      cells: names.length,
      rows: (chunk) =>
        each(chunk.results.places(records), (index) => {
          const row = chunk.tableRow(index, () => table.row(chunk, index));
          const cells = kind === 'unprocessed' ? rows.unprocessedCells(row) : rows.cells(row);
          const broken = report && row.errors.length > 0 ? reportRows(chunk.results, index, true) : [];
          return { cells, marks: rows.marks(row), report: broken };
        }),
    };
  };
  return [
    workbook('all', 'all'),
    workbook('succeeded', 'succeeded'),
    workbook('failed', 'failed'),
    workbook('errors', nothingProcessed ? 'all' : 'failed'),
    workbook('unprocessed', 'unprocessed'),
  ];
}
