import { PassThrough } from 'node:stream';
import ExcelJS from 'exceljs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BrokenFile } from '../../src/formats/broken-file.ts';
import { NEEDS_MORE, NO_MORE_ROWS, SheetReader } from '../../src/formats/xlsx/read/sheet-reader.ts';
import { XmlScanner } from '../../src/formats/xlsx/read/xml-scanner.ts';
import { WorkbookWriter } from '../../src/formats/xlsx/write/workbook-writer.ts';
import { type Book, bookFiles, bookOf, sheetOf } from '../support/xlsx-book.ts';
import { memoryScratch, ROOMY, readBook, shown } from '../support/xlsx-reading.ts';
import { zipOf } from '../support/xlsx-zip.ts';

type Value = string | number | boolean | Date | null;

/** exceljs leaves out what XML cannot hold, and does not escape what looks like an escape; XML makes LF of CR. */
const text = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.string({
      unit: fc.constantFrom(' ', '\n', '\t', '&', '<', '"', "'", '_', 'x', 'é', '漢', '🦊', ']]>'),
      maxLength: 8,
    }),
  )
  .map((value) => value.replace(/(?![\t\n])\p{Cc}|[\u{fffe}\u{ffff}]/gu, '.').replaceAll('_x', '_y'));
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((value) => Math.round(value * 100) / 100),
);
const date = fc.date({
  min: new Date('1900-03-01'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});
const value: fc.Arbitrary<Value> = fc.oneof(text, number, fc.boolean(), date, fc.constant(null));
const table = fc
  .integer({ min: 1, max: 6 })
  .chain((width) =>
    fc.array(fc.array(value, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 12 }),
  );

/** Written all at once, or as a stream with or without shared strings. */
type Writing = 'whole' | 'shared' | 'inline';

async function written(rows: readonly Value[][], writing: Writing): Promise<Buffer> {
  if (writing === 'whole') {
    const workbook = new ExcelJS.Workbook();
    workbook.addWorksheet('Data').addRows(rows as Value[][]);
    return Buffer.from(await workbook.xlsx.writeBuffer());
  }
  const stream = new PassThrough();
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  const options = { stream, useSharedStrings: writing === 'shared', useStyles: true };
  const workbook = new ExcelJS.stream.xlsx.WorkbookWriter(options);
  const sheet = workbook.addWorksheet('Data');
  for (const row of rows) sheet.addRow(row).commit();
  await workbook.commit();
  return Buffer.concat(pieces);
}

function expectSame(cell: string | undefined, value: Value): void {
  if (typeof value === 'number') {
    expect(cell).not.toMatch(/e/i);
    expect(Number(cell)).toBe(value + 0);
  } else if (value instanceof Date) {
    const iso = value.toISOString().replace('Z', '').replace('.000', '');
    expect(cell).toBe(iso.endsWith('T00:00:00') ? iso.slice(0, 10) : iso);
  } else if (typeof value === 'boolean') {
    expect(cell).toBe(value ? 'TRUE' : 'FALSE');
  } else {
    expect(cell).toBe(value ?? '');
  }
}

describe('what exceljs writes', () => {
  test.each<Writing>(['whole', 'shared', 'inline'])('comes back the same: %s', async (writing) => {
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        const header = (rows[0] ?? []).map((_, place) => `column ${place}`);
        const book = await written([header, ...rows], writing);
        const { fault, columns, rows: read } = await readBook(book, { format: { headerRow: 1 } });
        const filled = rows.filter((row) => row.some((value) => value !== null && value !== ''));
        expect(fault?.code).toBe(filled.length === 0 ? 'file_no_records' : undefined);
        expect(columns).toEqual(header);
        expect(read).toHaveLength(filled.length);
        for (const [index, row] of filled.entries()) {
          for (const [place, value] of row.entries()) expectSame(read[index]?.cells?.[place], value);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('what our own writer writes', () => {
  const any = fc.string({ unit: 'binary', maxLength: 20 });
  const escapes = fc.string({
    unit: fc.constantFrom('_', 'x', '0', '4', '1', 'D', '_x000D_', '\r', '\n', ' '),
    maxLength: 12,
  });
  const cells = fc.array(fc.oneof(any, escapes, number, fc.constant(null)), { minLength: 3, maxLength: 3 });

  test('comes back the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(cells, { minLength: 1, maxLength: 10 }),
        fc.boolean(),
        async (rows, isMarked) => {
          const output = new PassThrough();
          const pieces: Buffer[] = [];
          output.on('data', (piece: Buffer) => pieces.push(piece));
          const columns = ['a', 'b', 'c'].map((name) => ({ name }));
          const openScratch = async () => memoryScratch();
          const writer = new WorkbookWriter({ output, openScratch, sheet: 'Données', columns, report: true });
          await writer.report(['1', '', 'a', '', 'code', 'message', 'value']);
          for (const row of rows) await writer.row(row, isMarked ? [{ column: 1, comment: 'bad' }] : []);
          await writer.finish();

          const {
            fault,
            columns: names,
            rows: read,
            layout,
          } = await readBook(Buffer.concat(pieces), { format: { headerRow: 1 } });
          const filled = rows.filter((row) => row.some((value) => value !== null && value !== ''));
          expect(fault?.code).toBe(filled.length === 0 ? 'file_no_records' : undefined);
          expect(names).toEqual(['a', 'b', 'c']);
          expect(layout).toMatchObject({ sheet: 'Données' });
          for (const [index, row] of filled.entries()) {
            for (const [place, value] of row.entries()) expectSame(read[index]?.cells?.[place], value);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

const STRINGS =
  '<si><t>a</t></si><si><r><t>b </t></r><r><t xml:space="preserve"> c</t></r><rPh><t>x</t></rPh></si>';
const ROWS = `<row r="1" spans="1:4"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>n</t></is></c><c r="C1" t="str"><v>d</v></c></row>
<!-- comment --><row r="3"><c r="A3" t="s"><v>1</v></c><c r="B3" s="1"><v>45000.5</v></c><c r="C3"><f>A1&amp;"x"</f><v>1E3</v></c></row>
<x:row r="4"><x:c r="C4" t="b"><x:v>1</x:v></x:c><x:c r="A4" t='e'><x:v>#N/A</x:v></x:c></x:row><row/><row r="9"><c><v>2</v></c><c t="inlineStr"><is><r><t>é漢</t></r><r><t><![CDATA[<🦊&]]></t></r></is></c></row>`;
const BOOK: Book = { strings: STRINGS, rows: ROWS, formats: { 164: 'yyyy\\-mm;0' }, styleIds: [0, 164] };

interface Change {
  kind: 'flip' | 'delete' | 'insert' | 'repeat' | 'cut';
  at: number;
  length: number;
  piece: string;
}

const PIECES = [
  '<',
  '>',
  '/',
  '&',
  '"',
  "'",
  '=',
  '<c r="',
  '<row r="',
  '</row>',
  '<c>',
  '</c>',
  '<v>',
  '</v>',
  '<![CDATA[',
  ']]>',
  '<!--',
  '-->',
  '<?',
  '<!DOCTYPE',
  '&#x0;',
  '&amp;',
  'A1',
  'XFE1',
  '99999999999999999999',
  '-1',
  'e9',
  '_xD800_',
  '\0',
  'é',
  '\xff',
  ' t="s"',
  ' s="1"',
  'PK\x03\x04',
  'PK\x05\x06',
];
const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('flip', 'delete', 'insert', 'repeat', 'cut'),
  at: fc.nat(),
  length: fc.integer({ min: 1, max: 40 }),
  piece: fc.constantFrom(...PIECES),
});
const changes = fc.array(change, { minLength: 1, maxLength: 4 });

function changed(bytes: Buffer, all: readonly Change[]): Buffer {
  return all.reduce((now, { kind, at, length, piece }) => {
    const place = at % (now.length + 1);
    const [before, after] = [now.subarray(0, place), now.subarray(place)];
    if (kind === 'cut') return Buffer.from(at % 4 === 0 ? before : now);
    if (kind === 'delete') return Buffer.concat([before, after.subarray(length)]);
    if (kind === 'insert') return Buffer.concat([before, Buffer.from(piece, 'latin1'), after]);
    if (kind === 'repeat') return Buffer.concat([before, after.subarray(0, length), after]);
    const copy = Buffer.from(now);
    if (place < copy.length) copy[place] = (copy[place] ?? 0) ^ (1 << (length % 8));
    return copy;
  }, bytes);
}

describe('any damage', () => {
  test('to the archive is a fault, or changes nothing that is read', async () => {
    const good = (await readBook(BOOK)).rows;
    const book = bookOf(BOOK);
    await fc.assert(
      fc.asyncProperty(changes, async (changes) => {
        const { fault, rows } = await readBook(changed(book, changes), { unpackedBytes: 1 << 20 });
        if (fault === undefined) expect(rows).toEqual(good);
      }),
      { numRuns: 800 },
    );
  });

  test('to a part is a fault, or whatever it says then', async () => {
    const files = bookFiles(BOOK);
    await fc.assert(
      fc.asyncProperty(fc.nat(files.length - 1), changes, async (index, changes) => {
        const damaged = files.map((file, at) =>
          at === index ? { ...file, data: changed(Buffer.from(file.data), changes) } : file,
        );
        const { fault, records } = await readBook(zipOf(damaged));
        if (records === 0) expect(fault).toBeDefined();
      }),
      { numRuns: 1200 },
    );
  });

  test('to the end of a sheet leaves the rows before it', async () => {
    const whole = Buffer.from(sheetOf(ROWS));
    const good = (await readBook(BOOK)).rows.map(shown);
    for (let end = 0; end < whole.length; end++) {
      const odd = { 'xl/worksheets/sheet1.xml': { data: whole.subarray(0, end) } };
      const { fault, rows } = await readBook({ ...BOOK, odd });
      expect(rows.map(shown)).toEqual(good.slice(0, rows.length));
      // After the last row nothing is looked at any more.
      if (end < whole.indexOf('</sheetData>')) expect(fault).toMatchObject({ code: 'file_damaged' });
    }
  });
});

/** The rows of a sheet that comes in these pieces, in a window that is as small as can be. */
async function rowsIn(pieces: readonly Buffer[]): Promise<string[]> {
  const xml = new XmlScanner(
    'sheet',
    (async function* () {
      yield* pieces;
    })(),
    1,
  );
  const reader = new SheetReader(xml, {
    styles: [],
    dateSystem: 1900,
    isStale: false,
    cellBytes: 1000,
    limits: ROOMY,
    strings: 9,
  });
  const lines: string[] = [];
  try {
    for (;;) {
      const found = reader.next();
      if (found === NO_MORE_ROWS) return lines;
      if (found === NEEDS_MORE) await xml.more();
      else lines.push(reader.row.line());
    }
  } catch (error) {
    if (!(error instanceof BrokenFile)) throw error;
    return [...lines, error.message];
  }
}

test('a sheet is read the same wherever it is cut', async () => {
  const part = fc.oneof(
    fc.constantFrom(
      '<row>',
      '</row>',
      '<c>',
      '</c>',
      '<c r="B2">',
      '<v>',
      '</v>',
      '<is><t>',
      '</t></is>',
      '<row/>',
      '<c/>',
    ),
    fc.constantFrom(
      '1',
      'a&amp;b',
      '\r\n',
      '\r',
      '&#233;',
      '&#x41;',
      'é',
      '<!-- -- -->',
      '<?p ?>',
      '<![CDATA[]]]>',
      '<![CDATA[\r\n]]>',
      '&bad;',
      '&',
      ']]>',
    ),
    fc.constantFrom(
      '<c t="str"><v>x</v></c>',
      '<c t="inlineStr"><is><t>y</t></is></c>',
      "<x:c  t = 's' ><x:v>3</x:v></x:c >",
    ),
  );
  const sheets = fc.oneof(
    fc.constant(sheetOf(ROWS)),
    fc.array(part, { maxLength: 30 }).map((parts) => sheetOf(parts.join(''))),
    fc
      .array(part, { maxLength: 12 })
      .map((parts) => sheetOf(`<row><c t="str"><v>${parts.join('')}</v></c></row>`)),
  );
  await fc.assert(
    fc.asyncProperty(
      sheets,
      fc.array(fc.nat(), { maxLength: 30 }),
      fc.boolean(),
      async (sheet, cuts, all) => {
        const bytes = Buffer.from(sheet);
        // Characters are whole in the pieces of a part.
        const edges = (all ? [...bytes.keys()] : cuts.map((cut) => cut % bytes.length))
          .filter((at) => ((bytes[at] ?? 0) & 0xc0) !== 0x80)
          .sort((a, b) => a - b);
        const pieces = [0, ...edges].map((at, index) => bytes.subarray(at, edges[index] ?? bytes.length));
        expect(await rowsIn(pieces)).toEqual(await rowsIn([bytes]));
      },
    ),
    { numRuns: 600 },
  );
});
