import ExcelJS from 'exceljs';
import { expect } from 'vitest';
import type { ResultLine } from '../../src/core/result.ts';
import type { ResultFile, ResultKind } from '../../src/engine/ports/batch-results.ts';
import type { BatchRow } from '../../src/engine/ports/request-stores.ts';
import { sha256, type TestSheaf } from './sheaf.ts';

type FailedLine = ResultLine & { input?: unknown };

/** Looks into the result files of batches. */
export class BatchResults {
  readonly #sheaf: () => TestSheaf;

  constructor(sheaf: () => TestSheaf) {
    this.#sheaf = sheaf;
  }

  readonly names = (batch: BatchRow) => batch.results?.map(({ kind, format }) => `${kind}.${format}`);

  readonly bytes = async (batch: BatchRow, kind: ResultKind, format: string): Promise<Buffer> => {
    const file = batch.results?.find((it) => it.kind === kind && it.format === format);
    if (file === undefined) throw new Error(`there is no ${kind}.${format}`);
    return await this.#sheaf().object(file.key);
  };

  readonly text = async (batch: BatchRow, kind: ResultKind, format: string): Promise<string> => {
    return (await this.bytes(batch, kind, format)).toString();
  };

  readonly lines = async (batch: BatchRow, kind: ResultKind): Promise<FailedLine[]> => {
    const parsed = (await this.text(batch, kind, 'ndjson')).split('\n').filter((line) => line !== '');
    return parsed.map((line) => JSON.parse(line) as FailedLine);
  };

  readonly manifest = async (batch: BatchRow) => JSON.parse(await this.text(batch, 'manifest', 'json'));

  /** The sheets of a workbook as a reader has them that is not ours. */
  readonly sheets = async (batch: BatchRow, kind: ResultKind): Promise<ExcelJS.Worksheet[]> => {
    const book = new ExcelJS.Workbook();
    await book.xlsx.load((await this.bytes(batch, kind, 'xlsx')) as unknown as ExcelJS.Buffer);
    return book.worksheets;
  };

  /** What must be so of every batch with result files, whatever became of it. */
  readonly checkAccounting = async (batch: BatchRow): Promise<void> => {
    const { total, succeeded, failed, skipped, unprocessed } = batch.counts;
    expect(succeeded + failed + skipped + unprocessed).toBe(total);
    if (batch.resultsFormats.includes('ndjson')) {
      const all = await this.lines(batch, 'all');
      expect(all.map(({ record }) => record)).toEqual(Array.from({ length: total ?? -1 }, (_, n) => n + 1));
    }
    const told = await this.manifest(batch);
    expect(told.counts).toEqual(batch.counts);
    const files = batch.results?.filter(({ kind }) => kind !== 'manifest') ?? [];
    expect(told.files).toHaveLength(files.length);
    for (const [index, file] of files.entries()) {
      const stored = await this.#sheaf().object(file.key);
      const { kind, format, bytes, records } = file;
      expect(told.files[index]).toEqual({
        ...{ kind, format, bytes, records },
        name: `${kind}.${format}`,
        sha256: sha256(stored),
      });
      expect([file.sha256, bytes]).toEqual([sha256(stored), stored.length]);
    }
    const counted = { all: total, succeeded, failed, errors: failed, unprocessed };
    for (const file of files) {
      const expected = isWholeTable(batch, file) ? total : counted[file.kind as keyof typeof counted];
      expect(file.records, `records in ${file.kind}.${file.format}`).toBe(expected);
    }
  };
}

/** The workbook of errors, as long as nothing was processed. */
export function isWholeTable({ status, dryRun }: BatchRow, { kind, format }: ResultFile): boolean {
  return kind === 'errors' && format === 'xlsx' && (status === 'validation_failed' || dryRun);
}

/** What a sheet holds, blank cells being `null`. */
export function valuesOf(sheet: ExcelJS.Worksheet | undefined): unknown[][] {
  const width = sheet?.columnCount ?? 0;
  return Array.from({ length: sheet?.rowCount ?? 0 }, (_, row) =>
    Array.from({ length: width }, (_, column) => sheet?.getCell(row + 1, column + 1).value ?? null),
  );
}

/** A workbook of one sheet, as another program writes it. */
export async function workbook(
  name: string,
  rows: readonly (readonly ExcelJS.CellValue[])[],
): Promise<Buffer> {
  const book = new ExcelJS.Workbook();
  book.addWorksheet(name).addRows(rows.map((row) => [...row]));
  return Buffer.from(await book.xlsx.writeBuffer());
}
