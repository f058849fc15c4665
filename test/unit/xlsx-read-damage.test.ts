import { describe, expect, test } from 'vitest';
import { RetryableFault } from '../../src/core/errors.ts';
import { type Book, bookFiles, bookOf, relationship, sheetOf } from '../support/xlsx-book.ts';
import { cellsOf, faultOf, memoryArchive, readBook } from '../support/xlsx-reading.ts';
import { type ZipFile, zipOf } from '../support/xlsx-zip.ts';

const SHEET = 'xl/worksheets/sheet1.xml';
const ROWS = '<row><c t="str"><v>a</v></c></row><row><c><v>1</v></c></row><row><c><v>2</v></c></row>';
const BOOK: Book = { rows: ROWS };
const CELLS = [['1'], ['2']];

function withSheet(odd: Partial<ZipFile>): Book {
  return { ...BOOK, odd: { [SHEET]: odd } };
}

/** Enough rows that pieces of them come out before all of them are unpacked. */
const MANY = Array.from(
  { length: 60_000 },
  (_, i) => `<row><c><v>${(i * 7919) % 100_003}</v></c></row>`,
).join('');
const LONG: Book = { rows: `<row><c t="str"><v>a</v></c></row>${MANY}` };

describe('an archive', () => {
  test.each<[string, Buffer]>([
    ['with stored files', bookOf(withSheet({ stored: true }))],
    ['with data descriptors', bookOf(withSheet({ descriptor: true }))],
    ['with a file in ZIP64', bookOf(withSheet({ zip64: true }))],
    [
      'in ZIP64',
      zipOf(
        bookFiles(BOOK).map((file) => ({ ...file, zip64: true })),
        { zip64: true },
      ),
    ],
    ['in another order', zipOf(bookFiles(BOOK).reverse())],
    ['with a comment', zipOf(bookFiles(BOOK), { comment: 'made by hand' })],
    [
      'with folders and backslashes',
      zipOf([
        { name: 'xl\\', data: '', stored: true },
        ...bookFiles(BOOK).map((file) => ({ ...file, name: file.name.replaceAll('/', '\\') })),
      ]),
    ],
    [
      'with slashes before the names',
      zipOf(bookFiles(BOOK).map((file) => ({ ...file, name: `/${file.name}` }))),
    ],
    [
      'with other letters in the names',
      zipOf(bookFiles(BOOK).map((file) => ({ ...file, name: file.name.toUpperCase() }))),
    ],
  ])('%s is read', async (_, bytes) => {
    expect(await cellsOf(bytes)).toEqual(CELLS);
    expect(await cellsOf(bytes, { pieceBytes: 1 })).toEqual(CELLS);
  });

  test('is read by few requests', async () => {
    const bytes = bookOf(BOOK);
    const whole = memoryArchive(bytes);
    let reads = 0;
    const read: typeof whole.read = (range) => {
      reads += 1;
      return whole.read(range);
    };
    await readBook(bytes, { archive: { read } });
    expect(reads).toBeLessThan(25);
  });

  test('that was cut off is truncated, wherever it was', async () => {
    const bytes = bookOf(BOOK);
    for (let end = 4; end < bytes.length; end += 13) {
      expect(await faultOf(bytes.subarray(0, end))).toMatchObject({ code: 'file_truncated' });
    }
    for (const end of [bytes.length - 1, 0, 1, 21]) {
      expect(await faultOf(bytes.subarray(0, end))).toMatchObject({ code: 'file_truncated' });
    }
  });

  test.each<[string, Buffer, string]>([
    ['with the wrong sum', bookOf(withSheet({ crc32: 1 })), 'CRC-32'],
    ['with more bytes than stated', bookOf(withSheet({ unpackedBytes: 20 })), 'more than the 20 bytes'],
    ['with fewer bytes than stated', bookOf(withSheet({ unpackedBytes: 9999 })), 'of the 9999 bytes'],
    ['with fewer packed bytes than stated', bookOf(withSheet({ packedBytes: 40 })), ''],
    ['with more packed bytes than there are', bookOf(withSheet({ packedBytes: 99_999 })), ''],
    ['with data that is none', bookOf(withSheet({ packed: Buffer.alloc(60, 0xff) })), 'cannot be unpacked'],
    ['with data that ends too early', bookOf(withSheet({ packed: Buffer.from([0]) })), ''],
    [
      'with another name in its local header',
      bookOf(withSheet({ localName: 'xl/worksheets/sheet9.xml' })),
      'do not go together',
    ],
    ['with a file that is nowhere', bookOf(withSheet({ offset: 0xfffffff0 })), ''],
    ['with a file in the middle of another', bookOf(withSheet({ offset: 10 })), ''],
    ['with two files at the same place', bookOf(withSheet({ offset: 0 })), 'overlaps'],
    [
      'with two files of the same name',
      zipOf([...bookFiles(BOOK), { name: SHEET.toUpperCase(), data: sheetOf(ROWS) }]),
      'two files named',
    ],
    ['with bytes after its end', Buffer.concat([bookOf(BOOK), Buffer.from('more')]), 'something else'],
  ])('%s is damaged', async (_, bytes, message) => {
    const fault = await faultOf(bytes);
    expect(fault.code).toBe('file_damaged');
    expect(fault.message).toContain(message);
    expect(fault.message).not.toMatch(/\p{Cc}/u);
  });

  test('with bytes after the packed data of a file is damaged', async () => {
    const [file] = bookFiles(withSheet({})).filter(({ name }) => name === SHEET);
    const data = Buffer.from(file?.data ?? '');
    const { deflateRawSync } = await import('node:zlib');
    const packed = Buffer.concat([deflateRawSync(data), Buffer.alloc(9)]);
    const fault = await faultOf(bookOf(withSheet({ packed })));
    expect(fault).toMatchObject({ code: 'file_damaged' });
    expect(fault.message).toContain('ends before');
  });

  test('that is encrypted', async () => {
    expect(await faultOf(bookOf(withSheet({ encrypted: true })))).toMatchObject({ code: 'file_encrypted' });
  });

  test('packed in another way', async () => {
    const fault = await faultOf(bookOf(withSheet({ method: 9 })));
    expect(fault).toMatchObject({ code: 'file_not_supported' });
    expect(fault.message).toContain('method 9');
  });
});

describe('what the store does', () => {
  test('is thrown as it is, at every read', async () => {
    const bytes = bookOf(LONG);
    const whole = memoryArchive(bytes);
    const trouble = new Error('the store is away');
    for (let fails = 1, thrown = true; thrown; fails++) {
      let reads = 0;
      const read: typeof whole.read = async (range) => {
        reads += 1;
        if (reads === fails) throw trouble;
        return await whole.read(range);
      };
      thrown = await readBook(bytes, { archive: { read } }).then(
        () => false,
        (error: unknown) => {
          expect(error).toBe(trouble);
          return true;
        },
      );
      if (!thrown) expect(fails).toBeGreaterThan(5);
    }
  });

  test('is thrown in the middle of a file too', async () => {
    const bytes = bookOf(LONG);
    const trouble = new Error('cut off');
    const whole = memoryArchive(bytes, 1000);
    const read: typeof whole.read = async (range) => brokenAfter(await whole.read(range), 60, trouble);
    await expect(readBook(bytes, { archive: { read } })).rejects.toBe(trouble);
  });

  test('leaving bytes out is no damage of the file', async () => {
    const bytes = bookOf(LONG);
    const whole = memoryArchive(bytes, 1000);
    const read: typeof whole.read = async (range) => brokenAfter(await whole.read(range), 60);
    await expect(readBook(bytes, { archive: { read } })).rejects.toBeInstanceOf(RetryableFault);
  });

  test('is thrown when it takes nothing more', async () => {
    const { convertWorkbook } = await import('../../src/formats/xlsx/read/convert-workbook.ts');
    const { UNSTATED } = await import('../../src/core/file-format.ts');
    const lost = new Error('the lease is lost');
    const options = {
      limits: { records: 5000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 20 },
      format: UNSTATED,
      known: new Set<string>(),
      encoding: null,
      unpackedBytes: 1 << 30,
      progress: () => undefined,
    };
    await expect(
      convertWorkbook(memoryArchive(bookOf(LONG)), () => Promise.reject(lost), options),
    ).rejects.toBe(lost);
  });
});

async function* brokenAfter(
  pieces: AsyncIterable<Buffer>,
  count: number,
  error?: Error,
): AsyncGenerator<Buffer> {
  let given = 0;
  for await (const piece of pieces) {
    if (given === count) {
      if (error === undefined) return;
      throw error;
    }
    given += 1;
    yield piece;
  }
}

describe('damage in the middle', () => {
  test('leaves the records before it', async () => {
    const packedAt = (bytes: Buffer) => bytes.indexOf(SHEET) + SHEET.length;
    const bytes = bookOf(LONG);
    const at = packedAt(bytes) + 60_000;
    bytes.fill(0xff, at, at + 200);
    const { fault, records, rows } = await readBook(bytes);
    expect(fault).toMatchObject({ code: 'file_damaged', record: records + 1 });
    expect(records).toBeGreaterThan(1000);
    for (let i = 0; i < records; i++) expect(rows[i]?.cells).toEqual([String((i * 7919) % 100_003)]);
  });

  test('that only the sum shows leaves all of them', async () => {
    const { fault, records } = await readBook({ ...LONG, odd: { [SHEET]: { crc32: 7 } } });
    expect(fault).toMatchObject({ code: 'file_damaged', record: 60_001 });
    expect(records).toBe(60_000);
  });

  test.each([
    ['ends within a row', sheetOf(ROWS).split('<c><v>2')[0] ?? '', 'ends before its last tag'],
    ['ends within a tag', sheetOf(ROWS).split('><v>2')[0] ?? '', 'ends before its last tag'],
    ['ends within a comment', `${sheetOf(ROWS).split('<c><v>2')[0]}<!-- `, 'ends before its last tag'],
    ['ends within CDATA', `${sheetOf(ROWS).split('2</v>')[0]}<![CDATA[ `, 'ends before its last tag'],
    ['ends within an attribute', `${sheetOf(ROWS).split('<c><v>2')[0]}<c r="`, 'ends before its last tag'],
    ['closes what is not open', sheetOf(ROWS).replace('<v>2</v>', '<v>2</x>'), 'not open'],
    ['closes too much', sheetOf(ROWS).replace('<v>2</v>', '</v>'), 'not open'],
    ['opens a tag in a tag', sheetOf(ROWS).replace('<v>2', '<v <v>2'), '<'],
    ['has entities of its own', sheetOf(ROWS).replace('<v>2', '<v>&two;'), '&'],
    ['has an & alone', sheetOf(ROWS).replace('<v>2', '<v>2 & 3'), '&'],
    ['refers to no character', sheetOf(ROWS).replace('<v>2', '<v>&#xD83E;'), '&'],
    ['refers to NUL', sheetOf(ROWS).replace('<v>2', '<v>&#0;'), '&'],
    ['refers beyond Unicode', sheetOf(ROWS).replace('<v>2', '<v>&#x110000;'), '&'],
    ['has an attribute without quotes', sheetOf(ROWS).replace('<c><v>2', '<c r=A3><v>2'), 'quotes'],
  ])('of XML: %s', async (_, sheet, message) => {
    const { fault, rows } = await readBook({ sheet });
    expect(fault).toMatchObject({ code: 'file_damaged', record: 2 });
    expect(fault?.message).toContain(message);
    expect(fault?.message).toContain(SHEET);
    expect(rows).toEqual([{ cells: ['1'] }]);
  });

  test.each([
    ['in the header row', sheetOf(ROWS.replace('<v>a', '<v <v>a')), {}, 0],
    ['before it', sheetOf(ROWS.replace('<row>', '<row')), { headerRow: 2 }, 0],
    ['in the first record', sheetOf(ROWS.replace('<v>1', '<v <v>1')), {}, 1],
    [
      'in the first of rows that are all records',
      sheetOf(ROWS.replace('<v>a', '<v <v>a')),
      { headerRow: 0 },
      1,
    ],
  ])('%s is told with the record that it is in, 0 for none', async (_, sheet, format, record) => {
    const { fault, rows } = await readBook({ sheet }, { format });
    expect(fault).toMatchObject({ code: 'file_damaged', record });
    expect(rows).toEqual([]);
  });

  test('of UTF-8', async () => {
    const sheet = Buffer.from(sheetOf(ROWS.replace('<v>2', '<v>é2')));
    sheet[sheet.indexOf('é') + 1] = 0x41;
    const { fault, rows } = await readBook({ odd: { [SHEET]: { data: sheet } } });
    expect(fault).toMatchObject({ code: 'file_damaged', record: 2 });
    expect(fault?.message).toContain('no UTF-8');
    expect(rows).toEqual([{ cells: ['1'] }]);
    const cut = Buffer.concat([Buffer.from(sheetOf(ROWS).split('2</v>')[0] ?? ''), Buffer.from([0xc3])]);
    expect(await faultOf({ odd: { [SHEET]: { data: cut } } })).toMatchObject({ code: 'file_damaged' });
  });

  test('of UTF-16', async () => {
    const data = Buffer.concat([Buffer.from(`\uFEFF${sheetOf(ROWS)}`, 'utf16le'), Buffer.from([0x3d])]);
    expect(await faultOf({ odd: { [SHEET]: { data } } })).toMatchObject({ code: 'file_damaged' });
  });
});

describe('what would be passed over is damage', () => {
  const row = '<row><c><v>3</v></c></row>';
  test.each([
    [
      'a choice around a row',
      `<AlternateContent><Choice>${row}</Choice></AlternateContent>`,
      'in place of a row',
    ],
    ['a choice around a cell', '<row><AlternateContent><c/></AlternateContent></row>', 'no version is read'],
    ['a choice around a value', '<row><c><AlternateContent/></c></row>', 'no version is read'],
    ['two values', '<row><c><v>3</v><v>4</v></c></row>', 'two values in cell A4'],
    ['two texts', '<row><c t="inlineStr"><is/><is><t>x</t></is></c></row>', 'two texts in cell A4'],
    ['a second table', `</sheetData><sheetData>${row}`, 'second table'],
    [
      'a second table after much else',
      `</sheetData><x>${' '.repeat(300_000)}</x><sheetData>`,
      'second table',
    ],
  ])('%s', async (_, rows, message) => {
    const { fault, rows: read } = await readBook({ rows: ROWS + rows });
    expect(fault).toMatchObject({ code: 'file_damaged', record: 3 });
    expect(fault?.message).toContain(message);
    expect(read).toEqual([{ cells: ['1'] }, { cells: ['2'] }]);
  });

  test('but not what has no values', async () => {
    const sheet = sheetOf(`${ROWS}<row><c><v>3</v><extLst/></c><extLst/></row>`).replace(
      '</sheetData>',
      '</sheetData><AlternateContent><Choice><c><v>9</v><v>9</v></c></Choice></AlternateContent>',
    );
    expect(await cellsOf({ sheet })).toEqual([...CELLS, ['3']]);
  });
});

describe('document types and entities are damage at once', () => {
  const BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>';
  test.each([
    ['the sheet', { sheet: sheetOf(ROWS).replace('<worksheet', `${BOMB}<worksheet`) }],
    ['the strings', { rows: ROWS, sharedStrings: `${BOMB}<sst/>` }],
    ['the styles', { rows: ROWS, styles: `<!DOCTYPE styleSheet SYSTEM "file:///etc/passwd"><styleSheet/>` }],
    ['the workbook', { rows: ROWS, workbook: `${BOMB}<workbook/>` }],
    ['the list of types', { rows: ROWS, types: `${BOMB}<Types/>` }],
    ['a row', { rows: `${ROWS}<!ENTITY a "b">` }],
  ])('in %s', async (_, book) => {
    const fault = await faultOf(book);
    expect(fault).toMatchObject({ code: 'file_damaged' });
    expect(fault.message).toContain('declares');
  });
});

describe('parts that do not go together', () => {
  test.each<[string, Book, string]>([
    ['a sheet that is not in the archive', { sheet: null }, 'not in the archive'],
    ['styles that are not in the archive', { rows: ROWS, styles: null }, 'xl/styles.xml that is not'],
    [
      'strings that are not in the archive',
      { rows: ROWS, sharedStrings: null },
      'xl/sharedStrings.xml that is not',
    ],
    ['a sheet that no relationship leads to', { rows: ROWS, workbookRelationships: '' }, 'which is nowhere'],
    ['a sheet that is another part', { sheet: '<chartsheet/>' }, 'no worksheet'],
    ['a sheet that is empty', { sheet: '' }, 'ends before'],
    ['text outside of the root', { sheet: `x${sheetOf(ROWS)}` }, 'outside'],
    [
      'half a relationship',
      { rows: ROWS, workbookRelationships: '<Relationship Id="rId1" Type="worksheet"/>' },
      'half a relationship',
    ],
    [
      'an encoding that no workbook has',
      { sheet: sheetOf(ROWS).replace('UTF-8', 'ISO-8859-1') },
      'ISO-8859-1',
    ],
    ['two root elements', { rows: ROWS, sharedStrings: '<sst/><sst/>' }, 'two root elements'],
    ['elements too deep', { rows: ROWS, sharedStrings: `<sst>${'<a>'.repeat(300)}` }, 'deeper'],
  ])('%s', async (_, book, message) => {
    const fault = await faultOf(book);
    expect(fault.code).toBe('file_damaged');
    expect(fault.message).toContain(message);
  });
});

describe('what is no workbook', () => {
  const type = (name: string) => `application/vnd.${name}`;
  test.each<[string, Buffer, string, string]>([
    [
      'a macro workbook by its type',
      bookOf({ ...BOOK, mainType: type('ms-excel.sheet.macroEnabled.main+xml') }),
      'file_macros',
      'macros',
    ],
    [
      'a macro workbook by its macros',
      bookOf({ ...BOOK, files: [{ name: 'xl/vbaProject.bin', data: 'x' }] }),
      'file_macros',
      'macros',
    ],
    [
      'XLSB',
      bookOf({ ...BOOK, mainType: type('ms-excel.sheet.binary.macroEnabled.main') }),
      'file_not_supported',
      'XLSB',
    ],
    [
      'DOCX',
      bookOf({ ...BOOK, mainType: type('openxmlformats-officedocument.wordprocessingml.document.main+xml') }),
      'file_not_supported',
      'DOCX',
    ],
    [
      'PPTX',
      bookOf({
        ...BOOK,
        mainType: type('openxmlformats-officedocument.presentationml.presentation.main+xml'),
      }),
      'file_not_supported',
      'PPTX',
    ],
    [
      'a package of something else',
      bookOf({
        relationships: `<R>${relationship('a', 'officeDocument', 'x.xml')}</R>`,
        files: [{ name: 'x.xml', data: '<notes/>' }],
      }),
      'file_not_supported',
      'no workbook',
    ],
    [
      'ODS',
      zipOf([
        { name: 'mimetype', data: 'application/vnd.oasis.opendocument.spreadsheet', stored: true },
        { name: 'content.xml', data: '<x/>' },
      ]),
      'file_not_supported',
      'ODS',
    ],
    ['a JAR', zipOf([{ name: 'META-INF/MANIFEST.MF', data: 'x' }]), 'file_not_supported', 'JAR'],
    ['Numbers', zipOf([{ name: 'Index/Document.iwa', data: 'x' }]), 'file_not_supported', 'Numbers'],
    ['a ZIP archive', zipOf([{ name: 'table.csv', data: 'a,b\n' }]), 'file_not_supported', 'ZIP archive'],
    ['an empty archive', zipOf([]), 'file_not_supported', 'ZIP archive'],
  ])('%s', async (_, bytes, code, message) => {
    const fault = await faultOf(bytes);
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
  });
});
