import { describe, expect, test } from 'vitest';
import { PLAIN_VALUES } from '../../src/core/value-rules.ts';
import type { InputDescription } from '../../src/formats/description.ts';
import { parseChunk, recordSlices } from '../../src/formats/parse-chunk.ts';
import { bookOf, relationship, sheetOf } from '../support/xlsx-book.ts';
import { cellsOf, faultOf, ROOMY, readBook } from '../support/xlsx-reading.ts';

const HEADER =
  '<row r="1"><c r="A1" t="str"><v>a</v></c><c r="B1" t="str"><v>b</v></c><c r="C1" t="str"><v>c</v></c></row>';
const STRINGS = '<si><t>a</t></si><si><t>b</t></si><si><t>c</t></si>';

/** The first cells of a row under the header `a,b,c`, which are these. */
async function read(cells: string, book: object = {}): Promise<string[] | string | undefined> {
  const [row] = await cellsOf({ rows: `${HEADER}<row r="2">${cells}</row>`, ...book });
  return row;
}

function inline(text: string): string {
  return `<c r="A2" t="inlineStr"><is>${text}</is></c>`;
}

describe('a workbook', () => {
  test('is converted to a line for each record, and described', async () => {
    const book = await readBook({
      strings: STRINGS,
      rows: `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>
        <row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2"><v>1.5</v></c></row>
        <row r="3"><c r="A3" t="b"><v>1</v></c></row>`,
    });
    expect(book).toMatchObject({
      columns: ['a', 'b'],
      marked: false,
      records: 2,
      layout: {
        format: 'xlsx',
        compression: null,
        encoding: 'utf-8',
        bom: false,
        sheet: 'Data',
        dateSystem: 1900,
        headerRow: 1,
        marked: false,
      },
    });
    expect(book.fault).toBeUndefined();
    expect(book.text).toBe('["c","1.5"]\n["TRUE"]\n');
    expect(book.rows).toEqual([{ cells: ['c', '1.5'] }, { cells: ['TRUE', ''] }]);
  });

  test('is cut into chunks by the limits', async () => {
    const rows = Array.from({ length: 10 }, (_, i) => `<row><c><v>${i}</v></c></row>`).join('');
    const book = await readBook(
      { rows: `<row><c t="str"><v>n</v></c></row>${rows}` },
      { limits: { ...ROOMY, records: 4 } },
    );
    expect(book.chunks.map(({ number, firstRecord, records }) => [number, firstRecord, records])).toEqual([
      [1, 1, 4],
      [2, 5, 4],
      [3, 9, 2],
    ]);
    expect(book.rows.map(({ cells }) => cells?.[0])).toEqual([...'0123456789']);
  });

  test('tells how much of it was read, up to no more than there is', async () => {
    const told: number[] = [];
    const bytes = bookOf({ rows: `${HEADER}<row><c><v>1</v></c></row>` });
    await readBook(bytes, { progress: (bytes) => told.push(bytes) });
    expect(told.length).toBeGreaterThan(1);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.at(-1)).toBe(bytes.length);
  });

  test('shows life while the header row is looked for, with more read each time', async () => {
    const blank = Array.from(
      { length: 60_000 },
      (_, i) => `<row r="${i + 2}" ht="${(i * 7919) % 100_003}"/>`,
    );
    const bytes = bookOf({ rows: HEADER + blank.join('') });
    const told: number[] = [];
    await readBook(bytes, { pieceBytes: 1000, progress: (bytes) => told.push(bytes) });
    expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
    expect(told.length).toBeGreaterThan((bytes.length / 1000) * 1.9);
  });
});

describe('texts', () => {
  test.each([
    ['plain', '<t>Ünï 漢字 🦊</t>', 'Ünï 漢字 🦊'],
    ['with XML’s own entities', '<t>&lt;a&gt; &amp;amp; &quot;q&quot; &apos;</t>', '<a> &amp; "q" \''],
    ['with numeric references', '<t>&#233;&#x6F22;&#x1F98A;&#9;x</t>', 'é漢🦊\tx'],
    ['in CDATA', '<t>a<![CDATA[<b> &amp; ]] ]]>c</t>', 'a<b> &amp; ]] c'],
    ['with a comment within', '<t>a<!-- <t>x</t> -->b</t>', 'ab'],
    ['with quotes and backslashes', '<t>"a\\b"</t>', '"a\\b"'],
    ['with line ends', '<t>a\r\nb\rc\nd</t>', 'a\nb\nc\nd'],
    [
      'of several runs',
      '<r><rPr><b/></rPr><t xml:space="preserve">bold </t></r><r><t>plain</t></r>',
      'bold plain',
    ],
    ['with white space between runs', '<r><t>a</t></r><r><t> </t></r><r><t>b</t></r>', 'a b'],
    [
      'without how they are pronounced',
      '<t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/>',
      '東京',
    ],
    ['with white space that is meant', '<t xml:space="preserve">  a\t</t>', '  a\t'],
    ['with white space that is not', "<t xml:space='default'>\n  a b </t>", 'a b'],
    ['with escapes', '<t>a_x000D__x000a_b_x0009_</t>', 'a\r\nb\t'],
    ['with escaped escapes', '<t>_x005F_x0041_ _x005f_</t>', '_x0041_ _'],
    ['with what looks like escapes', '<t>_x41_ _xZZZZ_ a_x_ _X0041_</t>', '_x41_ _xZZZZ_ a_x_ _X0041_'],
    ['with an escaped pair of surrogates', '<t>_xD83E__xDD8A_</t>', '🦊'],
    ['with U+FFFD that is in the file', '<t>a\uFFFDb</t>', 'a\uFFFDb'],
  ])('%s', async (_, xml, text) => {
    expect(await read(`${inline(xml)}<c r="B2"><v>1</v></c>`)).toEqual([text, '1', '']);
    const shared = `<c r="A2" t="s"><v>1</v></c><c r="B2" t="s"><v>0</v></c>`;
    expect(await read(shared, { strings: `<si><t>0</t></si><si>${xml}</si>` })).toEqual([text, '0', '']);
  });

  test('that are half a surrogate pair are no text', async () => {
    expect(await read(inline('<t>a_xD83E_</t>'))).toEqual(['not_text', '', '']);
  });

  test('of formulas and of programs that write no shared ones are kept to the letter', async () => {
    expect(await read('<c r="A2" t="str"><v> x_x0009_</v></c>')).toEqual([' x\t', '', '']);
  });

  test('are not in `is` where the type says so, or not in `v`', async () => {
    expect(await read('<c r="A2" t="inlineStr"><v>v</v></c><c r="B2"><is><t>t</t></is></c>')).toEqual([
      'v',
      't',
      '',
    ]);
  });

  test('that are blank are no cells', async () => {
    const cells =
      '<c r="A2" t="inlineStr"><is><t></t></is></c><c r="B2" t="str"><v/></c><c r="C2" t="s"><v>0</v></c>';
    const strings = '<si><t/></si>';
    expect(
      await cellsOf({ rows: `${HEADER}<row r="2">${cells}</row><row r="3"><c><v>1</v></c></row>`, strings }),
    ).toEqual([['1', '', '']]);
  });
});

describe('values', () => {
  test.each([
    ['1', '1'],
    ['-12.50', '-12.5'],
    ['0.1', '0.1'],
    ['1.1000000000000001', '1.1'],
    ['0.30000000000000004', '0.30000000000000004'],
    ['4.9170123456E+11', '491701234560'],
    ['1E-3', '0.001'],
    ['1e-7', '0.0000001'],
    ['-1.5E-9', '-0.0000000015'],
    ['1E21', '1000000000000000000000'],
    ['12345678901234567', '12345678901234567'],
    ['-9007199254740993', '-9007199254740993'],
    ['1.2345678901234501E+16', '12345678901234500'],
    ['0', '0'],
    ['-0', '0'],
    ['007', '7'],
    ['1.', '1'],
    ['.5', '0.5'],
    [' 42 ', '42'],
    ['1e400', 'cell_error'],
    ['NaN', 'cell_error'],
    ['0x10', 'cell_error'],
    ['1,5', 'cell_error'],
    ['abc', 'cell_error'],
  ])('the number %s is %s', async (value, text) => {
    expect(await read(`<c r="A2"><v>${value}</v></c>`)).toEqual([text, '', '']);
    expect(await read(`<c r="A2" t="n"><v>${value}</v></c>`)).toEqual([text, '', '']);
  });

  test('booleans', async () => {
    const cells = '<c r="A2" t="b"><v>1</v></c><c r="B2" t="b"><v>0</v></c><c r="C2" t="b"><v>2</v></c>';
    expect(await read(cells)).toEqual(['TRUE', 'FALSE', 'cell_error']);
  });

  test('errors say which', async () => {
    const { rows } = await readBook({ rows: `${HEADER}<row r="2"><c r="B2" t="e"><v>#N/A</v></c></row>` });
    const problems = new Map([[1, { code: 'cell_error', message: 'holds the error #N/A' }]]);
    expect(rows).toEqual([{ cells: ['', '', ''], problems }]);
  });

  test('types that nobody knows', async () => {
    expect(await read('<c r="A2" t="z"><v>1</v></c>')).toEqual(['cell_error', '', '']);
  });

  test('formulas have the value that was computed last', async () => {
    const cells =
      '<c r="A2"><f>SUM(B1:B9)</f><v>3</v></c><c r="B2"><f t="shared" si="0"/><v>4</v></c><c r="C2" t="str"><f>A1&amp;"&lt;/v>"</f><v>x</v></c>';
    expect(await read(cells)).toEqual(['3', '4', 'x']);
  });

  test.each([
    ['<c r="A2"><f>1+1</f></c>', 'cell_not_computed'],
    ['<c r="A2"><f>1+1</f><v></v></c>', 'cell_not_computed'],
    ['<c r="A2"><f>1+1</f><v/></c>', 'cell_not_computed'],
    ['<c r="A2" t="str"><f>1+1</f></c>', 'cell_not_computed'],
    ['<c r="A2" t="str"><f>""</f><v></v></c><c r="B2"><v>1</v></c>', ''],
  ])('formulas without a value: %s', async (cell, text) => {
    expect((await read(cell))?.[0]).toBe(text);
  });

  test.each(['1', 'true'])(
    'formulas of a workbook that is to be computed (%s) have no value',
    async (says) => {
      const workbookPr = `<calcPr calcId="124519" fullCalcOnLoad="${says}"/>`;
      const cells =
        '<c r="A2"><f>1+1</f><v>0</v></c><c r="B2" t="str"><f>A1</f><v>x</v></c><c r="C2"><v>7</v></c>';
      expect(await read(cells, { workbookPr })).toEqual(['cell_not_computed', 'cell_not_computed', '7']);
      expect(await read(cells, { workbookPr: '<calcPr fullCalcOnLoad="0"/>' })).toEqual(['0', 'x', '7']);
    },
  );

  test('whole numbers in a format of zeros keep them', async () => {
    const book = {
      formats: { 164: '00000', 165: '[Red]000;-000', 166: '00-00' },
      styleIds: [0, 164, 165, 166],
    };
    const cell = (style: number, value: string) => read(`<c r="A2" s="${style}"><v>${value}</v></c>`, book);
    expect(await cell(1, '1067')).toEqual(['01067', '', '']);
    expect(await cell(1, '1234567')).toEqual(['1234567', '', '']);
    expect(await cell(1, '1.5')).toEqual(['1.5', '', '']);
    expect(await cell(1, '-42')).toEqual(['-00042', '', '']);
    expect(await cell(2, '7')).toEqual(['007', '', '']);
    expect(await cell(3, '7')).toEqual(['7', '', '']);
    expect(await cell(0, '7')).toEqual(['7', '', '']);
    expect(await cell(99, '7')).toEqual(['7', '', '']);
  });
});

describe('places', () => {
  test('cells are where their names say, in any order', async () => {
    expect(await read('<c r="C2"><v>3</v></c><c r="A2"><v>1</v></c>')).toEqual(['1', '', '3']);
  });

  test('cells and rows without a name follow the one before', async () => {
    const rows =
      '<row><c t="str"><v>a</v></c><c t="str"><v>b</v></c></row><row r="5"><c r="B5"><v>1</v></c></row><row><c><v>2</v></c><c><v>3</v></c></row>';
    expect(await cellsOf({ rows })).toEqual([
      ['', '1'],
      ['2', '3'],
    ]);
    const { layout } = await readBook({ rows }, { format: { headerRow: 1 } });
    expect(layout).toMatchObject({ headerRow: 1 });
  });

  test('blank cells and rows are none', async () => {
    const rows = `<row r="1"/>${HEADER.replaceAll('1"', '2"')}<row r="3"><c r="A3" s="1"/></row><row r="4" hidden="1"><c r="B4"><v>1</v></c><c r="XFD4" s="1"/></row>`;
    expect(await cellsOf({ rows })).toEqual([['', '1', '']]);
  });

  test('many blank cells before one that is not take no room', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `<c t="str"><v>n${i}</v></c>`).join('');
    const { rows, text } = await readBook({
      rows: `<row>${names}</row><row r="2"><c r="C2"><v>1</v></c><c r="KN2"><v>2</v></c></row>`,
    });
    expect(text).toBe('["","","1",296,"2"]\n');
    expect(rows[0]?.cells).toHaveLength(300);
    expect(rows[0]?.cells?.[299]).toBe('2');
  });

  test('a row with more cells than the header fails alone', async () => {
    const { rows, fault } = await readBook({
      rows: `${HEADER}<row r="2"><c r="XFD2"><v>1</v></c></row><row r="3"><c r="D3" t="str"><v></v></c><c r="A3"><v>1</v></c></row>`,
    });
    expect(fault).toBeUndefined();
    expect(rows).toEqual([
      { fault: { code: 'cells_too_many', message: 'The row has 16384 cells, the header has 3' }, offset: 0 },
      { cells: ['1', '', ''] },
    ]);
  });

  test.each([
    ['twice', '<c r="A2"><v>1</v></c><c r="A2"><v>2</v></c>', 'two cells A2'],
    [
      'twice out of order',
      '<c r="B2"><v>1</v></c><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c>',
      'two cells B2',
    ],
    ['in another row', '<c r="A3"><v>1</v></c>', '"A3" in row 2'],
    ['without a row', '<c r="A"><v>1</v></c>', '"A" in row 2'],
    ['without a column', '<c r="2"><v>1</v></c>', '"2" in row 2'],
    ['in no row', '<c r="$A$2"><v>1</v></c>', '"$A$2"'],
    ['after the last column', '<c r="XFE2"><v>1</v></c>', 'XFD'],
    ['far after the last column', '<c r="ZZZZZZZ2"><v>1</v></c>', '16384 columns'],
    ['farther than numbers go', `<c r="${'Z'.repeat(400)}2"><v>1</v></c>`, '16384 columns'],
    ['following the last column', '<c r="XFD2"/><c><v>1</v></c>', '16384 columns'],
    [
      'with a shared text that is not there',
      '<c r="A2" t="s"><v>7</v></c>',
      'shared text "7" in cell A2; there are 0',
    ],
    ['with a shared text that is no number', '<c r="A2" t="s"><v>-1</v></c>', 'shared text "-1"'],
  ])('a cell %s is damage', async (_, cells, what) => {
    const fault = await faultOf({ rows: `${HEADER}<row r="2">${cells}</row>` });
    expect(fault).toMatchObject({ code: 'file_damaged', record: 1 });
    expect(fault.message).toContain(what);
  });

  test.each(['<row r="1"/>', '<row r="2"/>', '<row r="0"/>', '<row r="x"/>', `<row r="${'9'.repeat(20)}"/>`])(
    'rows out of order are damage: %s',
    async (row) => {
      const { fault, records } = await readBook({
        rows: `${HEADER}<row r="2"><c r="A2"><v>1</v></c></row>${row}`,
      });
      expect(fault).toMatchObject({ code: 'file_damaged', record: 2 });
      expect(records).toBe(1);
    },
  );

  test('merged, hidden and other things around cells change nothing', async () => {
    const sheet = sheetOf(`${HEADER}<row r="2" hidden="1" ht="0"><c r="A2"><v>1</v></c><c r="B2"/></row>`)
      .replace(
        '<sheetData>',
        '<dimension ref="A1:A1"/><sheetViews><sheetView/></sheetViews><cols><col min="1" max="1" hidden="1"/></cols><sheetData>',
      )
      .replace('</sheetData>', '</sheetData><mergeCells count="1"><mergeCell ref="A2:B2"/></mergeCells>');
    expect(await cellsOf({ sheet })).toEqual([['1', '', '']]);
  });
});

describe('sheets', () => {
  const book = {
    sheets:
      '<sheet name="Chart" sheetId="1" r:id="c"/><sheet name="Hidden" sheetId="2" state="hidden" r:id="h"/><sheet name="Übersicht &amp; Daten" sheetId="3" r:id="rId1"/>',
    workbookRelationships:
      relationship('c', 'chartsheet', 'chartsheets/sheet1.xml') +
      relationship('h', 'worksheet', '/xl/worksheets/sheet2.xml') +
      relationship('rId1', 'worksheet', '../xl/./worksheets/sheet1.xml'),
    rows: `${HEADER}<row><c><v>1</v></c></row>`,
    files: [{ name: 'xl/worksheets/sheet2.xml', data: sheetOf(`${HEADER}<row><c><v>2</v></c></row>`) }],
  };

  test('the first that is shown and has cells', async () => {
    const { rows, layout } = await readBook(book);
    expect(rows).toEqual([{ cells: ['1', '', ''] }]);
    expect(layout).toMatchObject({ sheet: 'Übersicht & Daten' });
  });

  test.each(['Hidden', 'hidden'])('by the name %s', async (sheet) => {
    const { rows, layout } = await readBook(book, { format: { sheet } });
    expect(rows).toEqual([{ cells: ['2', '', ''] }]);
    expect(layout).toMatchObject({ sheet: 'Hidden' });
  });

  test('that are not there', async () => {
    expect(await faultOf(book, { format: { sheet: 'Nope' } })).toEqual({
      code: 'file_sheet_missing',
      message: 'The workbook has no sheet "Nope"; it has "Hidden", "Übersicht & Daten"',
    });
    expect(await faultOf(book, { format: { sheet: 'Chart' } })).toMatchObject({ code: 'file_sheet_missing' });
    const hidden = { ...book, sheets: '<sheet name="H" sheetId="1" state="veryHidden" r:id="h"/>' };
    expect(await faultOf(hidden)).toMatchObject({ code: 'file_sheet_missing' });
  });

  test('that have no rows', async () => {
    expect(await faultOf({ rows: '' })).toEqual({ code: 'file_no_records', message: 'The sheet is empty' });
    expect(await faultOf({ rows: HEADER })).toEqual({
      code: 'file_no_records',
      message: 'The sheet holds only a header row',
    });
    expect(await faultOf({ sheet: '<worksheet><sheetData/></worksheet>' })).toMatchObject({
      code: 'file_no_records',
    });
    expect(await faultOf({ sheet: '<worksheet/>' })).toMatchObject({ code: 'file_no_records' });
  });
});

describe('other ways to write the same', () => {
  const ROWS = `${HEADER}<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="inlineStr"><is><t>x</t></is></c><c r="C2"><v>2</v></c></row>`;
  const CELLS = [['s', 'x', '2']];
  const strings = '<si><t>s</t></si>';

  test('prefixes, other quotes, white space in tags', async () => {
    const sheet = sheetOf(ROWS)
      .replace('xmlns=', 'xmlns:x=')
      .replaceAll(/<(\/?)([a-z])/gi, '<$1x:$2')
      .replaceAll('"', "'")
      .replaceAll("r='", "r = '")
      .replaceAll("'>", "'\n >");
    const sharedStrings = `<x:sst xmlns:x="m"><x:si ><x:t>s</x:t ></x:si></x:sst>`;
    expect(await cellsOf({ sheet: sheet.replace(/<\?x:/, '<?'), sharedStrings })).toEqual(CELLS);
  });

  test('strict workbooks have other namespaces', async () => {
    const strict = 'http://purl.oclc.org/ooxml/officeDocument/relationships';
    const sheet = sheetOf(ROWS).replace(
      'http://schemas.openxmlformats.org/spreadsheetml/2006/main',
      'http://purl.oclc.org/ooxml/spreadsheetml/main',
    );
    const links = (text: string) =>
      text.replaceAll('http://schemas.openxmlformats.org/officeDocument/2006/relationships', strict);
    const workbookRelationships = links(
      relationship('rId1', 'worksheet', 'worksheets/sheet1.xml') +
        relationship('r2', 'sharedStrings', 'sharedStrings.xml'),
    );
    const relationships = `<Relationships>${links(relationship('a', 'officeDocument', '/xl/workbook.xml'))}</Relationships>`;
    expect(await cellsOf({ sheet, strings, workbookRelationships, relationships })).toEqual(CELLS);
  });

  test('a byte order mark', async () => {
    expect(await cellsOf({ sheet: `\uFEFF${sheetOf(ROWS)}`, strings })).toEqual(CELLS);
  });

  test.each(['utf-16le', 'utf-16be'])('parts in %s', async (encoding) => {
    const utf16 = (text: string) => {
      const bytes = Buffer.from(`\uFEFF${text.replace('UTF-8', 'UTF-16')}`, 'utf16le');
      return encoding === 'utf-16le' ? bytes : bytes.swap16();
    };
    const name = 'xl/worksheets/sheet1.xml';
    const odd = { [name]: { data: utf16(sheetOf(ROWS.replace('>x<', '>漢🦊<'))) } };
    expect(await cellsOf({ strings, odd })).toEqual([['s', '漢🦊', '2']]);
  });

  test('no styles, no strings, no list of relationships', async () => {
    const rows = ROWS.replace('t="s"', 't="str"');
    const workbookRelationships = relationship('rId1', 'worksheet', 'worksheets/sheet1.xml');
    expect(
      await cellsOf({ rows, styles: null, sharedStrings: null, workbookRelationships, relationships: null }),
    ).toEqual([['0', 'x', '2']]);
  });

  test('parts elsewhere, with escaped names', async () => {
    const workbookRelationships =
      relationship('rId1', 'worksheet', 'my%20sheets/s.xml') +
      relationship('r2', 'sharedStrings', 'STRINGS.xml');
    const files = [
      { name: 'xl/my sheets/s.xml', data: sheetOf(ROWS) },
      { name: 'xl/strings.XML', data: `<sst>${strings}</sst>` },
    ];
    expect(await cellsOf({ sheet: null, workbookRelationships, files })).toEqual(CELLS);
  });
});

describe('chunks of what was converted', () => {
  const known = { compression: null, encoding: 'utf-8', bom: false, values: PLAIN_VALUES } as const;
  const place = { firstRecord: 1, start: 0, limits: ROOMY };
  const columns = ['a', 'b', 'c'].map((name) => ({ name, field: null }));

  test('of a sheet are read by its description', () => {
    const sheet = { sheet: 'Data', dateSystem: 1900, headerRow: 1, marked: false } as const;
    const description: InputDescription = { format: 'xlsx', ...known, ...sheet, columns };
    const problem = { code: 'cell_error', message: 'holds the error #N/A' };
    const lines = [
      '["x",1,"y"]',
      `["",${JSON.stringify(problem)}]`,
      '[3,"z"]',
      '{"code":"record_too_large","message":"m"}',
    ];
    const chunk = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const offsetOf = (index: number) => lines.slice(0, index).join('\n').length + 1;
    const rows = [
      { cells: ['x', '', 'y'] },
      { cells: ['', '', ''], problems: new Map([[1, problem]]) },
      {
        fault: { code: 'cells_too_many', message: 'The row has 4 cells, the header has 3' },
        offset: offsetOf(2),
      },
      { fault: { code: 'record_too_large', message: 'm' }, offset: offsetOf(3) },
    ];
    expect(parseChunk(chunk, description, place)).toEqual(rows);
    expect(parseChunk(chunk.subarray(0, -1), description, place)).toEqual(rows);
    expect(recordSlices(chunk, description).map(String)).toEqual(lines.map((line) => `${line}\n`));
    const marked = { ...description, marked: true };
    expect(parseChunk(Buffer.from('["\'=x"]'), marked, place)).toEqual([{ cells: ['=x', '', ''] }]);
  });

  test('of a JSON array are read as lines', () => {
    const description: InputDescription = { format: 'json', ...known, columns: [], mapping: {} };
    const chunk = Buffer.from('{"a":1}\n[]\n');
    const [first, second] = parseChunk(chunk, description, place);
    expect(first?.value).toEqual({ a: 1 });
    expect(second?.fault?.code).toBe('json_not_object');
    expect(recordSlices(chunk, description)).toHaveLength(2);
  });
});
