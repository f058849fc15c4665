/**
 * What is used of exceljs. Its own types leave all of it out: it is what lies under its streaming writer, which takes
 * rows faster than it gets rid of them.
 */
declare module 'exceljs/lib/stream/xlsx/workbook-writer.js' {
  /** What it writes an entry of the ZIP to, without ever waiting. */
  export interface EntryStream {
    write(piece: string | { toBuffer(): Buffer }): unknown;
    end(): void;
    pause(): unknown;
  }

  export interface SheetInside {
    readonly stream: EntryStream;
    columns: { width: number; style: object }[];
    autoFilter: string | null;
    readonly dataValidations: { add(range: string, validation: object): unknown };
    hasComments: boolean;
    readonly _sheetCommentsWriter: { _addRelationships(): void; _addCommentRefs(): void };
    readonly id: number;
    addRow(values: unknown[]): { commit(): void };
    commit(): void;
  }

  export default class WorkbookInside {
    constructor(options: {
      stream: import('node:stream').Writable;
      useStyles: boolean;
      useSharedStrings: boolean;
      creator: string;
      lastModifiedBy: string;
      zip: { zlib: import('node:zlib').ZlibOptions; highWaterMark: number };
    });
    /** An Archiver. */
    readonly zip: import('node:stream').Transform & {
      append(source: import('node:stream').Readable, entry: { name: string }): unknown;
      abort(): unknown;
    };
    readonly styles: { addStyleModel(model: object): number };
    _openStream: (path: string) => EntryStream;
    addWorksheet(name: string, options: { views: object[] }): SheetInside;
    commit(): Promise<unknown>;
  }
}
