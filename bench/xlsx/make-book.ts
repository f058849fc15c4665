import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { crc32, createDeflateRaw } from 'node:zlib';
import { bookFiles } from '../../test/support/xlsx-book.ts';
import { type ZipFile, zipOf } from '../../test/support/xlsx-zip.ts';

/** `shared`: every text is a shared string, and no two are the same. `inline`: every text stands in its cell. */
export type BookKind = 'shared' | 'inline';

const COLUMNS = ['id', 'name', 'email', 'street', 'city', 'score', 'starts_at', 'note'];
const SCORE = 5;
const PIECE = 1 << 20;
const [SHEET, STRINGS] = ['xl/worksheets/sheet1.xml', 'xl/sharedStrings.xml'];

/** Writes a workbook of 8 columns, of which one has numbers, as programs write it. Memory stays flat. */
export async function makeBook(path: string, rows: number, kind: BookKind): Promise<void> {
  const large = [
    await deflated(SHEET, sheet(rows, kind)),
    await deflated(STRINGS, kind === 'shared' ? strings(rows) : stringsPart([])),
  ];
  const small = bookFiles({}).filter(({ name }) => name !== SHEET && name !== STRINGS);
  const file = await open(path, 'w');
  await file.writeFile(zipOf([...small, ...large]));
  await file.close();
}

/** A part in its packed form: what comes out of it is far more than memory should hold. */
async function deflated(name: string, pieces: Iterable<string>): Promise<ZipFile> {
  const deflate = createDeflateRaw({ level: 6 });
  const packed: Buffer[] = [];
  deflate.on('data', (piece: Buffer) => packed.push(piece));
  let sum = 0;
  let unpackedBytes = 0;
  for (const piece of pieces) {
    const bytes = Buffer.from(piece);
    sum = crc32(bytes, sum);
    unpackedBytes += bytes.length;
    if (!deflate.write(bytes)) await once(deflate, 'drain');
  }
  deflate.end();
  await once(deflate, 'end');
  return { name, data: '', packed: Buffer.concat(packed), crc32: sum, unpackedBytes };
}

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';

function* sheet(rows: number, kind: BookKind): Generator<string> {
  let piece = `${HEAD}<worksheet xmlns="${MAIN}"><sheetData>`;
  let string = 0;
  for (let row = 1; row <= rows + 1; row++) {
    piece += `<row r="${row}" spans="1:8">`;
    for (let column = 0; column < COLUMNS.length; column++) {
      const place = String.fromCharCode(65 + column) + row;
      const text = row === 1 ? (COLUMNS[column] ?? '') : cell(row, column);
      if (row > 1 && column === SCORE) piece += `<c r="${place}"><v>${text}</v></c>`;
      else if (kind === 'inline') piece += `<c r="${place}" t="inlineStr"><is><t>${text}</t></is></c>`;
      else piece += `<c r="${place}" t="s"><v>${string++}</v></c>`;
    }
    piece += '</row>';
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}</sheetData></worksheet>`;
}

function* strings(rows: number): Generator<string> {
  function* all() {
    yield* COLUMNS;
    for (let row = 2; row <= rows + 1; row++) {
      for (let column = 0; column < COLUMNS.length; column++) if (column !== SCORE) yield cell(row, column);
    }
  }
  yield* stringsPart(all());
}

function* stringsPart(texts: Iterable<string>): Generator<string> {
  let piece = `${HEAD}<sst xmlns="${MAIN}">`;
  for (const text of texts) {
    piece += `<si><t>${text}</t></si>`;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}</sst>`;
}

function cell(row: number, column: number): string {
  const [hash, day] = [(row * 2_654_435_761) % 2 ** 32, 1 + (row % 28)];
  switch (column) {
    case 0:
      return String(row).padStart(9, '0');
    case 1:
      return `Zoë Learner ${hash}`;
    case 2:
      return `learner.${hash}@example.org`;
    case 3:
      return `${hash % 977} Straße ${row}`;
    case 4:
      return `Town ${row}`;
    case SCORE:
      return String((hash % 10_000) / 100);
    case 6:
      return `2024-05-${String(day).padStart(2, '0')}T08:${row}`;
    default:
      return `a note of some words, number ${row}`;
  }
}
