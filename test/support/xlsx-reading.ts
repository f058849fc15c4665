import { createHash } from 'node:crypto';
import type { ChunkLimits } from '../../src/core/chunk.ts';
import type { FileFault } from '../../src/core/errors.ts';
import { type FileFormat, UNSTATED } from '../../src/core/file-format.ts';
import type { ConvertedFile } from '../../src/formats/converted-file.ts';
import type { CellsRow, FaultyRow } from '../../src/formats/row.ts';
import type { Scratch } from '../../src/formats/scratch.ts';
import { type Archive, convertWorkbook } from '../../src/formats/xlsx/read/convert-workbook.ts';
import { parseSheetChunk } from '../../src/formats/xlsx/read/parse.ts';
import { type Book, bookOf } from './xlsx-book.ts';

export const ROOMY: ChunkLimits = { records: 5000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 18 };

export interface Reading {
  limits?: ChunkLimits;
  format?: Partial<FileFormat>;
  known?: readonly string[];
  unpackedBytes?: number;
  /** In which pieces the archive is read. */
  pieceBytes?: number;
  archive?: Partial<Archive>;
  progress?: (bytes: number) => void;
}

/** What a workbook was converted to, and its rows as a worker reads them. */
export interface ReadBook extends ConvertedFile {
  text: string;
  rows: (CellsRow | FaultyRow)[];
}

/** Converts a workbook and parses it chunk by chunk; each chunk must have the sum that it states. */
export async function readBook(book: Buffer | Book, reading: Reading = {}): Promise<ReadBook> {
  const bytes = Buffer.isBuffer(book) ? book : bookOf(book);
  const { limits = ROOMY } = reading;
  const pieces: Buffer[] = [];
  const file = await convertWorkbook(
    { ...memoryArchive(bytes, reading.pieceBytes), ...reading.archive },
    async (piece) => {
      pieces.push(piece);
    },
    {
      limits,
      format: { ...UNSTATED, ...reading.format },
      known: new Set(reading.known),
      encoding: null,
      unpackedBytes: reading.unpackedBytes ?? 1 << 30,
      progress: reading.progress ?? (() => undefined),
    },
  );
  const converted = Buffer.concat(pieces);
  return { ...file, text: converted.toString('utf8'), rows: rowsOf(converted, file, limits) };
}

function rowsOf(converted: Buffer, file: ConvertedFile, limits: ChunkLimits): (CellsRow | FaultyRow)[] {
  const columns = file.columns?.length ?? 0;
  const rows = file.chunks.flatMap(({ start, end, firstRecord, records, sha256, fault }) => {
    const bytes = converted.subarray(start, end);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256)
      throw new Error('a chunk has another sum');
    if (fault !== undefined) return [{ fault, offset: 0 }];
    const parsed = parseSheetChunk(bytes, { start, firstRecord, limits, columns, marked: file.marked });
    if (parsed.length !== records) throw new Error(`${parsed.length} rows for ${records} records`);
    return parsed;
  });
  if (rows.length !== file.records) throw new Error(`${rows.length} rows for ${file.records} records`);
  return rows;
}

/** The cells of each row, and of cells and rows that cannot be read the code of what is wrong. */
export async function cellsOf(book: Buffer | Book, reading: Reading = {}): Promise<(string[] | string)[]> {
  const { rows, fault } = await readBook(book, reading);
  if (fault !== undefined) throw new Error(`${fault.code}: ${fault.message}`);
  return rows.map(shown);
}

export function shown(row: CellsRow | FaultyRow): string[] | string {
  if (row.cells === undefined) return row.fault.code;
  return row.cells.map((cell, place) => row.problems?.get(place)?.code ?? cell);
}

export async function faultOf(book: Buffer | Book, reading: Reading = {}): Promise<FileFault> {
  const { fault } = await readBook(book, reading);
  if (fault === undefined) throw new Error('nothing is wrong with it');
  return fault;
}

export function memoryArchive(bytes: Buffer, pieceBytes = 1 << 16): Archive {
  return {
    bytes: bytes.length,
    read: async ({ start, end }) => piecesOf(bytes.subarray(start, end), pieceBytes),
    openScratch: async () => memoryScratch(),
  };
}

async function* piecesOf(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

export function memoryScratch(): Scratch {
  const parts: Buffer[] = [];
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    async append(piece) {
      parts.push(Buffer.from(piece));
      bytes += piece.length;
    },
    async read(start, end) {
      if (end > bytes) throw new RangeError(`only ${bytes} bytes are kept`);
      if (parts.length > 1) parts.splice(0, parts.length, Buffer.concat(parts));
      return Buffer.from(parts[0]?.subarray(start, end) ?? '');
    },
    async close() {},
  };
}
