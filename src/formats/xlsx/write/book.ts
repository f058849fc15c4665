import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import WorkbookInside from 'exceljs/lib/stream/xlsx/workbook-writer.js';
import type { Comments } from './comments.ts';
import type { CellStyles } from './row-xml.ts';
import { ZipEntry } from './zip-entry.ts';

const FONT = { name: 'Calibri', size: 11, family: 2 };
const TEXT = { numFmt: '@' };
const LIGHT_RED = { type: 'pattern', pattern: 'solid', fgColor: { argb: 'FFFFC7CE' } };

/** On result files, 6 (zlib's own) takes half as much time again and saves a seventh; 1 saves no time. */
const COMPRESSION = { level: 3 };

/** What each stage of the ZIP may hold; it would be 1 MiB, four times. */
const BUFFERED_BYTES = 64 * 1024;

const PIECE_LENGTH = 64 * 1024;

/** How a sheet looks, where that is not as tables of results do. */
export interface SheetLook {
  /** Of whole columns, cells that are still empty included; texts where left out. */
  columnStyles?: readonly object[];
  /** Whether the first row stays where it is; it does, if left out. */
  frozen?: boolean;
}

/** What the cells of a range take, and what they say (ECMA-376, 18.3.1.32). */
export interface CellValidation {
  type: 'any' | 'list' | 'whole' | 'decimal' | 'date' | 'textLength';
  operator?: 'between' | 'greaterThan' | 'greaterThanOrEqual' | 'lessThan';
  formulae?: readonly (string | Date)[];
  allowBlank: boolean;
  showInputMessage: boolean;
  promptTitle: string;
  prompt: string;
  showErrorMessage: boolean;
  errorStyle: 'stop' | 'warning';
  errorTitle: string;
  error: string;
}

export interface SheetEnd {
  /** The cells that the filter is for. */
  filter?: string;
  comments?: Comments;
  /** By the range of cells. */
  validations?: ReadonlyMap<string, CellValidation>;
}

export interface OpenSheet {
  readonly entry: ZipEntry;
  close(end: SheetEnd): Promise<void>;
}

/**
 * A workbook on its way out: exceljs makes all of it but the rows and the comments. The ZIP takes one entry after the
 * other; what is sent to the next one waits. Once anything has failed, everything fails with the same reason.
 */
export class Book {
  readonly styles: CellStyles;
  readonly #inside: WorkbookInside;
  readonly #output: Writable;
  readonly #whole: Promise<void>;
  readonly #abandoned = new AbortController();
  #entries: ZipEntry[] = [];
  #shapeBlocks = 0;

  constructor(output: Writable) {
    this.#output = output;
    this.#whole = finished(output, { readable: false });
    this.#whole.catch((error: Error) => this.abandon(error));
    this.#inside = new WorkbookInside({
      stream: output,
      useStyles: true,
      useSharedStrings: false,
      creator: 'Sheaf',
      lastModifiedBy: 'Sheaf',
      zip: { zlib: COMPRESSION, highWaterMark: BUFFERED_BYTES },
    });
    this.#inside.zip.on('error', (error) => this.abandon(error));
    this.#inside._openStream = (path) => this.#open(path);
    const { styles } = this.#inside;
    this.styles = {
      header: styles.addStyleModel({ ...TEXT, font: { ...FONT, bold: true } }),
      text: styles.addStyleModel(TEXT),
      markedText: styles.addStyleModel({ ...TEXT, fill: LIGHT_RED }),
      markedNumber: styles.addStyleModel({ fill: LIGHT_RED }),
    };
  }

  /** Aborted once it was given up or has failed, with the reason. */
  get signal(): AbortSignal {
    return this.#abandoned.signal;
  }

  /** The number of a style, as cells name it. */
  styleNumber(style: object): number {
    return this.#inside.styles.addStyleModel(style);
  }

  /** Everything up to the first row. @throws the reason, when it was given up */
  openSheet(name: string, widths: readonly number[], look: SheetLook = {}): OpenSheet {
    this.#abandoned.signal.throwIfAborted();
    const { columnStyles = [], frozen = true } = look;
    const views = frozen ? [{ state: 'frozen', ySplit: 1, activeCell: 'A2' }] : [];
    const sheet = this.#inside.addWorksheet(name, { views });
    sheet.columns = widths.map((width, column) => ({ width, style: columnStyles[column] ?? TEXT }));
    // An empty row is not written, but what stands before the first row is.
    sheet.addRow([]).commit();
    const entry = sheet.stream as ZipEntry;
    const close = async ({ filter, comments, validations = new Map() }: SheetEnd) => {
      if (filter !== undefined) sheet.autoFilter = filter;
      for (const [range, validation] of validations) sheet.dataValidations.add(range, validation);
      const commented = comments !== undefined && comments.count > 0;
      if (commented) {
        sheet.hasComments = true;
        sheet._sheetCommentsWriter._addRelationships();
        sheet._sheetCommentsWriter._addCommentRefs();
      }
      sheet.commit();
      if (commented) await this.#writeComments(sheet.id, comments);
    };
    return { entry, close };
  }

  /** The parts that name the sheets; resolves when the output has taken everything. */
  async finish(): Promise<void> {
    this.#abandoned.signal.throwIfAborted();
    // It is never settled when the output goes away.
    this.#inside.commit().catch((error: Error) => this.abandon(error));
    await this.#whole;
  }

  /** Lets go of everything; whoever waits for it gets the reason. May be called more than once. */
  abandon(reason: Error): void {
    if (this.#abandoned.signal.aborted) return;
    this.#abandoned.abort(reason);
    const { zip } = this.#inside;
    zip.unpipe(this.#output);
    this.#output.destroy(reason);
    zip.abort();
    // The compressor ends with its source, if somebody takes what it still has.
    zip.resume();
    for (const entry of this.#entries) entry.source.destroy(reason);
  }

  async #writeComments(id: number, comments: Comments): Promise<void> {
    const firstBlock = this.#shapeBlocks + 1;
    this.#shapeBlocks += comments.blocks;
    await this.#writeEntry(`xl/comments${id}.xml`, comments.xml());
    await this.#writeEntry(`xl/drawings/vmlDrawing${id}.vml`, comments.shapes(firstBlock));
  }

  async #writeEntry(path: string, pieces: Iterable<string>): Promise<void> {
    const entry = this.#open(path);
    let text = '';
    for (const piece of pieces) {
      text += piece;
      if (text.length < PIECE_LENGTH) continue;
      await entry.send(text);
      text = '';
    }
    await entry.send(text);
    entry.end();
  }

  #open(path: string): ZipEntry {
    const entry = new ZipEntry(this.#abandoned.signal);
    this.#entries = [...this.#entries.filter(({ source }) => !source.readableEnded), entry];
    this.#inside.zip.append(entry.source, { name: path });
    return entry;
  }
}
