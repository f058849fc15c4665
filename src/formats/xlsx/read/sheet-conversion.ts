import type { FileFault } from '../../../core/errors.ts';
import { faultOf } from '../../broken-file.ts';
import type { ConvertedLines } from './converted-lines.ts';
import { asBytes } from './part-text.ts';
import { NEEDS_MORE, NO_MORE_ROWS, type SheetContext, SheetReader } from './sheet-reader.ts';
import type { SheetRow } from './sheet-row.ts';
import type { StringTable } from './string-table.ts';
import { FirstRows, TableHead } from './table-head.ts';
import type { XmlScanner } from './xml-scanner.ts';

const GO_ON = 0;
const FLUSH = 1;
const STOP = 2;

/**
 * Reads a sheet. Where the header row has to be found its first rows are read twice, so that none of them has to be held.
 */
export class SheetConversion {
  readonly #context: SheetContext;
  readonly #strings: StringTable;
  readonly #lines: ConvertedLines;
  readonly #tooLarge: string;

  constructor(context: SheetContext, strings: StringTable, lines: ConvertedLines) {
    this.#context = context;
    this.#strings = strings;
    this.#lines = lines;
    const message = `The record has more than the limit of ${context.limits.recordBytes} bytes`;
    this.#tooLarge = asBytes(JSON.stringify({ code: 'record_too_large', message }));
  }

  /** Number of the row that names the columns. What is wrong after it is found when the sheet is converted. */
  async findHeader(xml: XmlScanner, known: ReadonlySet<string>): Promise<number> {
    const first = new FirstRows(known);
    try {
      await this.#eachRow(xml, (row) => (first.add(row) ? STOP : GO_ON));
    } catch (error) {
      faultOf(error);
    }
    return first.headerRow;
  }

  /** Writes the records, as far as they can be read. */
  async convert(xml: XmlScanner, headerRow: number): Promise<TableHead> {
    const head = new TableHead(headerRow);
    let lastRow = 0;
    try {
      await this.#eachRow(xml, (row) => {
        lastRow = row.number;
        const wasOver = head.isOver;
        const isRecord = head.isRecord(row);
        if (!wasOver && head.columns !== null) this.#lines.limitCells(head.columns.length);
        return isRecord && this.#lines.add(row.tooLarge ? this.#tooLarge : row.line()) ? FLUSH : GO_ON;
      });
      await this.#lines.flush();
    } catch (error) {
      const fault = this.#located(faultOf(error), head);
      await this.#lines.flush();
      head.fault ??= fault;
    }
    this.#lines.finish();
    if (this.#lines.records === 0) head.fault ??= head.nothing(lastRow);
    return head;
  }

  /** Shows all rows that are not blank. The reader ends with the part, which must be whole. */
  async #eachRow(
    xml: XmlScanner,
    look: (row: SheetRow) => typeof GO_ON | typeof FLUSH | typeof STOP,
  ): Promise<void> {
    const reader = new SheetReader(xml, this.#context);
    const { row } = reader;
    try {
      for (;;) {
        const found = reader.next();
        if (found === NO_MORE_ROWS) break;
        if (found === NEEDS_MORE) {
          await xml.more();
          continue;
        }
        if (!row.resolve(this.#strings)) await row.load(this.#strings);
        if (row.isBlank) continue;
        const then = look(row);
        if (then === STOP) return;
        if (then === FLUSH) await this.#lines.flush();
      }
    } finally {
      await xml.close();
    }
  }

  /** The record where a fault of the sheet shows is the one that would have come next; before there are any it is none. */
  #located(fault: FileFault, { isOver, headerRow }: TableHead): FileFault {
    if (fault.record !== undefined) return fault;
    return { ...fault, record: isOver || headerRow === 0 ? this.#lines.records + 1 : 0 };
  }
}
