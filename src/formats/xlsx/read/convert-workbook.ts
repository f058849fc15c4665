import { faultOf } from '../../broken-file.ts';
import { type ConvertedFile, type ConvertOptions, refusedFile, type Write } from '../../converted-file.ts';
import type { Archive } from './archive.ts';
import { ConvertedLines } from './converted-lines.ts';
import { findWorkbook } from './package-kind.ts';
import { readSharedStrings } from './shared-strings.ts';
import { SheetConversion } from './sheet-conversion.ts';
import { StringTable } from './string-table.ts';
import { readStyles } from './styles.ts';
import { chooseSheet, readWorkbook } from './workbook.ts';
import { WorkbookParts } from './workbook-parts.ts';
import { ZipDirectory } from './zip-directory.ts';

export type { Archive } from './archive.ts';

/**
 * Turns a sheet of an XLSX workbook (ECMA-376) into a line for each record: a JSON array of its cells, and finds the chunks of
 * that file on the way. Memory stays flat whatever its size: of the sheet one row is held, and shared strings that are many
 * are kept on a scratch.
 *
 * What is wrong with the workbook is its `fault`, and the records before it stay. Whatever the archive or `write` throw is
 * thrown.
 */
export async function convertWorkbook(
  archive: Archive,
  write: Write,
  options: ConvertOptions,
): Promise<ConvertedFile> {
  const strings = new StringTable(archive.openScratch);
  try {
    return await convert(archive, strings, write, options);
  } catch (error) {
    return refusedFile(faultOf(error));
  } finally {
    await strings.close();
  }
}

async function convert(
  archive: Archive,
  strings: StringTable,
  write: Write,
  options: ConvertOptions,
): Promise<ConvertedFile> {
  const { limits, unpackedBytes, format, progress } = options;
  const zip = await ZipDirectory.read(archive);
  const parts = new WorkbookParts(archive, zip, unpackedBytes);
  const workbook = await readWorkbook(parts, await findWorkbook(parts, zip.names));
  const sheet = chooseSheet(workbook.sheets, format.sheet);
  const styles = workbook.styles === undefined ? [] : await readStyles(parts.open(workbook.styles));
  let read = 0;
  if (workbook.sharedStrings !== undefined) {
    const xml = parts.open(workbook.sharedStrings, { packed: progress });
    await readSharedStrings(xml, strings, limits.cellBytes);
    read = parts.find(workbook.sharedStrings)?.packedBytes ?? 0;
  }
  const { dateSystem, isStale } = workbook;
  const { cellBytes } = limits;
  const context = { styles, dateSystem, isStale, cellBytes, limits, strings: strings.count };
  const lines = new ConvertedLines(limits, write, unpackedBytes);
  const conversion = new SheetConversion(context, strings, lines);
  const sheetBytes = parts.find(sheet.path)?.packedBytes ?? 0;
  // What is read twice counts half each time: it may be all of the sheet, and each piece is a sign of life.
  let searched = 0;
  const search = (bytes: number) => {
    searched = Math.floor(bytes / 2);
    progress(read + searched);
  };
  const headerRow =
    format.headerRow ??
    (await conversion.findHeader(parts.open(sheet.path, { packed: search }), options.known));
  const share = 1 - searched / Math.max(sheetBytes, 1);
  const packed = (bytes: number) => progress(read + searched + Math.floor(bytes * share));
  const xml = parts.open(sheet.path, { packed });
  const head = await conversion.convert(xml, headerRow);
  progress(archive.bytes);
  const { columns, marked, fault } = head;
  const { records, chunks } = lines;
  const layout = { ...LAYOUT, sheet: sheet.name, dateSystem, headerRow: head.headerRow, marked };
  return { columns, marked, records, chunks, layout, ...(fault && { fault }) };
}

/** Its parts are compressed, and not the workbook. */
const LAYOUT = { format: 'xlsx', compression: null, encoding: 'utf-8', bom: false } as const;
