import type { Writable } from 'node:stream';
import type { OpenScratch } from '../../scratch.ts';
import { Book } from './book.ts';
import { ReportSpool } from './report-spool.ts';
import { SheetNames } from './sheet-names.ts';
import { type CellMark, MAX_COLUMNS, MAX_ROWS, type SheetColumn, type WrittenCell } from './table.ts';
import { TableWriter } from './table-writer.ts';

const REPORT_NAME = 'Errors';
const REPORT_COLUMNS: readonly SheetColumn[] = [
  'record',
  'custom_id',
  'column',
  'field',
  'code',
  'message',
  'value',
].map((name) => ({ name }));

export interface WorkbookOptions {
  output: Writable;
  openScratch: OpenScratch;
  sheet: string;
  columns: readonly SheetColumn[];
  /** Whether a sheet `Errors` follows. */
  report: boolean;
  /** Most rows of a sheet, with its header; those that do not fit go on in further sheets. */
  rowsPerSheet?: number;
}

/**
 * Writes a workbook (XLSX) to a stream, in memory that does not grow with it: one table, and a report after it. One call
 * at a time. Unless `finish` has resolved or rejected, somebody has to call `abandon`; the output belongs to the
 * workbook from the start, which ends or destroys it.
 */
export class WorkbookWriter {
  readonly #book: Book;
  readonly #names: SheetNames;
  readonly #table: TableWriter;
  readonly #rowsPerSheet: number;
  readonly #spool: ReportSpool | null;
  #finished = false;

  /** @throws {RangeError} when no sheet has as many columns */
  constructor(options: WorkbookOptions) {
    const { columns, output, openScratch, report, rowsPerSheet = MAX_ROWS } = options;
    if (columns.length === 0 || columns.length > MAX_COLUMNS) {
      throw new RangeError(`a sheet has 1 to ${MAX_COLUMNS} columns, not ${columns.length}`);
    }
    this.#book = new Book(output);
    this.#names = new SheetNames(report ? [REPORT_NAME] : []);
    this.#rowsPerSheet = rowsPerSheet;
    const nextName = () => this.#names.take(options.sheet);
    this.#table = new TableWriter(this.#book, columns, { nextName, rowsPerSheet });
    this.#spool = report ? new ReportSpool(openScratch) : null;
  }

  /**
   * Waits while the output is full.
   * @throws {Error} what the output failed with, or the reason to abandon it
   */
  async row(cells: readonly WrittenCell[], marks?: readonly CellMark[]): Promise<void> {
    this.#mayWrite();
    await this.#table.row(cells, marks);
  }

  /** A row of the sheet `Errors`: record, custom_id, column, field, code, message, value. Waits while it is stored. */
  async report(cells: readonly string[]): Promise<void> {
    this.#mayWrite();
    if (this.#spool === null) throw new Error('the workbook was opened without a report');
    if (cells.length > REPORT_COLUMNS.length) {
      throw new RangeError(`a row of ${cells.length} cells in a report of ${REPORT_COLUMNS.length}`);
    }
    try {
      await this.#spool.add(cells);
    } catch (error) {
      // Nobody wants to know that a closed file takes no bytes.
      this.#book.signal.throwIfAborted();
      throw error;
    }
  }

  /** Resolves when the output has everything and was ended. If it rejects, everything has been released. */
  async finish(): Promise<void> {
    this.#mayWrite();
    this.#finished = true;
    try {
      await this.#table.close();
      if (this.#spool !== null) await this.#writeReport(this.#spool);
      await this.#book.finish();
    } catch (error) {
      await this.abandon(error as Error);
      // The first thing that went wrong: this may be what came of it.
      throw this.#book.signal.reason;
    }
    await this.#spool?.close();
  }

  /** Destroys the output with the reason, which every call that waits is rejected with. May be called more than once. */
  async abandon(reason: Error): Promise<void> {
    this.#finished = true;
    this.#book.abandon(reason);
    await this.#spool?.close();
  }

  async #writeReport(spool: ReportSpool): Promise<void> {
    const nextName = () => this.#names.own(REPORT_NAME);
    const table = new TableWriter(this.#book, REPORT_COLUMNS, { nextName, rowsPerSheet: this.#rowsPerSheet });
    for await (const [record = '', ...others] of spool.rows()) {
      // A number, so that Excel sorts and filters it as one.
      await table.row([/^[1-9]\d{0,14}$/.test(record) ? Number(record) : record, ...others]);
    }
    await table.close();
  }

  #mayWrite(): void {
    this.#book.signal.throwIfAborted();
    if (this.#finished) throw new Error('the workbook is finished');
  }
}
