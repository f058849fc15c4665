import { open } from 'node:fs/promises';
import ExcelJS from 'exceljs';
import { tempFileScratch } from '../../src/adapters/scratch/temp-file.ts';
import { UNSTATED } from '../../src/core/file-format.ts';
import { convertWorkbook } from '../../src/formats/xlsx/read/convert-workbook.ts';
import { LIMITS } from '../csv/rows.ts';

/** Reads a workbook in a process of its own, and prints how long it took and the most memory it ever had. */
const [reader = '', path = ''] = process.argv.slice(2);
const PIECE_BYTES = 64 * 1024;

const began = performance.now();
const before = process.cpuUsage();
const rows = reader === 'exceljs' ? await byExceljs() : await byUs();
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
const cpu = (user + system) / 1e6;
const { maxRSS } = process.resourceUsage();
process.stdout.write(JSON.stringify({ rows, seconds, cpu, peak: Math.round(maxRSS / 1024) }));

async function byUs(): Promise<number> {
  const file = await open(path);
  const { size: bytes } = await file.stat();
  async function* read({ start, end }: { start: number; end: number }) {
    for (let at = start; at < end; at += PIECE_BYTES) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - at));
      await file.read(piece, 0, piece.length, at);
      yield piece;
    }
  }
  const archive = {
    bytes,
    read: async (range: { start: number; end: number }) => read(range),
    openScratch: tempFileScratch,
  };
  const { records, fault } = await convertWorkbook(archive, async () => undefined, {
    limits: LIMITS,
    format: UNSTATED,
    known: new Set(),
    encoding: null,
    unpackedBytes: 2 ** 40,
    progress: () => undefined,
  });
  if (fault !== undefined) throw new Error(fault.message);
  return records;
}

async function byExceljs(): Promise<number> {
  const book = new ExcelJS.stream.xlsx.WorkbookReader(path, {
    worksheets: 'emit',
    sharedStrings: 'cache',
    styles: 'cache',
    hyperlinks: 'ignore',
    entries: 'ignore',
  });
  let rows = -1;
  for await (const sheet of book) for await (const row of sheet) rows += row.cellCount > 0 ? 1 : 0;
  return rows;
}
