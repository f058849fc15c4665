import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import ExcelJS from 'exceljs';
import { tempFileScratch } from '../../src/adapters/scratch/temp-file.ts';
import type { CellMark, WrittenCell } from '../../src/formats/xlsx/write/table.ts';
import { type WorkbookOptions, WorkbookWriter } from '../../src/formats/xlsx/write/workbook-writer.ts';

export interface WrittenRow {
  cells: readonly WrittenCell[];
  marks?: readonly CellMark[];
}

/** A workbook with these rows and lines of the report. */
export async function written(
  options: Partial<WorkbookOptions> & Pick<WorkbookOptions, 'columns'>,
  rows: Iterable<WrittenRow>,
  report: Iterable<readonly string[]> = [],
): Promise<Buffer> {
  const output = new PassThrough();
  const bytes = buffer(output);
  const defaults = { output, openScratch: tempFileScratch, sheet: 'Results', report: false };
  const writer = new WorkbookWriter({ ...defaults, ...options });
  for (const { cells, marks } of rows) await writer.row(cells, marks);
  for (const cells of report) await writer.report(cells);
  await writer.finish();
  return await bytes;
}

/** As a reader that is not ours has it. */
export async function opened(bytes: Buffer): Promise<ExcelJS.Workbook> {
  const workbook = new ExcelJS.Workbook();
  await workbook.xlsx.load(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as never);
  return workbook;
}

/** exceljs leaves ST_Xstring as it stands in a cell. */
export function unescaped(text: string): string {
  return text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** What the cells of a sheet hold, blank ones being `null`. */
export function valuesOf(sheet: ExcelJS.Worksheet | undefined, columns: number): WrittenCell[][] {
  return Array.from({ length: sheet!.rowCount }, (_, row) =>
    Array.from({ length: columns }, (_, column) => {
      const { value } = sheet!.getCell(row + 1, column + 1);
      return typeof value === 'string' ? unescaped(value) : (value as WrittenCell);
    }),
  );
}
