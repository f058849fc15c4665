import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Scratch } from '../../src/formats/scratch.ts';
import { SheetRow } from '../../src/formats/xlsx/read/sheet-row.ts';
import { StringTable } from '../../src/formats/xlsx/read/string-table.ts';
import { MORE, OVER, START, XmlScanner } from '../../src/formats/xlsx/read/xml-scanner.ts';
import { bomb } from '../support/xlsx-bomb.ts';
import { bookFiles, bookOf, sheetOf } from '../support/xlsx-book.ts';
import { cellsOf, faultOf, memoryScratch, ROOMY, readBook, shown } from '../support/xlsx-reading.ts';
import { zipOf } from '../support/xlsx-zip.ts';

const HEADER = '<row><c t="str"><v>a</v></c><c t="str"><v>b</v></c></row>';

describe('bombs', () => {
  async function child(...args: string[]) {
    const path = fileURLToPath(new URL('../support/xlsx-bomb-child.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', path, ...args]);
    return JSON.parse(stdout) as {
      bytes: number;
      code: string;
      records: number;
      took: number;
      grown: number;
    };
  }

  test('512 MB in half a megabyte are refused at once, in little memory', async () => {
    const { bytes, code, took, grown } = await child('512');
    expect(bytes).toBeLessThan(600_000);
    expect(code).toBe('file_bomb');
    expect(took).toBeLessThan(2000);
    expect(grown).toBeLessThan(64 << 20);
  });

  test('and no more is read of one that states less', async () => {
    const { code, records, took, grown } = await child('512', '1000000');
    expect(code).toBe('file_damaged');
    expect(records).toBeLessThan(2);
    expect(took).toBeLessThan(2000);
    expect(grown).toBeLessThan(64 << 20);
  });

  test('are told by what they state: the ratio, or more than the limit', async () => {
    expect(await faultOf(bomb(33))).toMatchObject({ code: 'file_bomb' });
    expect((await readBook(bomb(2), { unpackedBytes: 1 << 22 })).fault).toBeUndefined();
    expect(await faultOf(bomb(2), { unpackedBytes: 1 << 20 })).toMatchObject({ code: 'file_bomb' });
  });

  test('of several parts are told by all of them', async () => {
    const strings = `<si><t>${'x'.repeat(700_000)}</t></si>`;
    const book = bookOf({
      strings,
      rows: `${HEADER}<row><c t="str"><v>${'y'.repeat(700_000)}</v></c></row>`,
    });
    expect(await faultOf(book, { unpackedBytes: 1 << 20 })).toMatchObject({ code: 'file_bomb' });
    expect((await readBook(book, { unpackedBytes: 1 << 21 })).fault).toBeUndefined();
  });

  test('of one text that many cells share are told by what comes out, after the records before', async () => {
    const strings = `<si><t>${'x'.repeat(100_000)}</t></si>`;
    const rows = HEADER + '<row><c t="s"><v>0</v></c></row>'.repeat(1000);
    const { fault, records, text } = await readBook({ strings, rows }, { unpackedBytes: 5_000_000 });
    expect(fault).toMatchObject({ code: 'file_bomb', record: records + 1 });
    expect(records).toBeGreaterThan(10);
    expect(text.length).toBeLessThanOrEqual(5_000_000);
  });
});

describe('large cells and rows fail alone', () => {
  const limits = { ...ROOMY, cellBytes: 100, recordBytes: 450 };
  const long = 'é'.repeat(51);

  test.each([
    ['in the cell', `<c t="inlineStr"><is><t>${long}</t></is></c>`],
    [
      'in runs',
      `<c t="inlineStr"><is><r><t>${long.slice(1)}</t></r><r><t>${long.slice(50)}</t></r></is></c>`,
    ],
    ['of a formula', `<c t="str"><v>${long}</v></c>`],
    ['shared', '<c t="s"><v>0</v></c>'],
    ['far larger', `<c t="str"><v>${long.repeat(1000)}</v></c>`],
    ['far larger in runs', `<c t="inlineStr"><is>${`<r><t>${long}</t></r>`.repeat(1000)}</is></c>`],
  ])('a text %s', async (_, cell) => {
    const rows = `${HEADER}<row>${cell}<c><v>1</v></c></row><row><c t="str"><v>${long.slice(1)}</v></c></row>`;
    expect(await cellsOf({ rows, strings: `<si><t>${long}</t></si>` }, { limits })).toEqual([
      ['cell_too_large', '1'],
      [long.slice(1), ''],
    ]);
  });

  test.each([
    ['of texts', '<c t="str"><v>x</v></c>'.repeat(200)],
    ['of shared texts', '<c t="s"><v>0</v></c>'.repeat(200)],
  ])('a row %s', async (_, cells) => {
    const rows = `${HEADER}<row>${cells}</row><row><c><v>1</v></c></row>`;
    const { rows: read, fault, text } = await readBook({ rows, strings: '<si><t>y</t></si>' }, { limits });
    expect(fault).toBeUndefined();
    expect(read.map(shown)).toEqual(['record_too_large', ['1', '']]);
    expect(text.length).toBeLessThan(200);
  });

  test('a cell longer than the window that slides over the part', async () => {
    const text = '漢&amp;'.repeat(100_000);
    const rows = `${HEADER}<row><c t="inlineStr"><is><t>${text}</t></is></c></row><row><c t="str"><v>${text}</v></c></row>`;
    const roomy = { ...ROOMY, cellBytes: 1 << 20, recordBytes: 1 << 22 };
    const expected = [text.replaceAll('&amp;', '&'), ''];
    expect(await cellsOf({ rows }, { limits: roomy, pieceBytes: 777 })).toEqual([expected, expected]);
  });

  test('a formula or a comment of megabytes costs nothing', async () => {
    const rows = `${HEADER}<row><c><f>${'1+'.repeat(1 << 20)}</f><v>7</v></c><!-- ${'x'.repeat(1 << 21)} --></row>`;
    expect(await cellsOf({ rows })).toEqual([['7', '']]);
  });
});

describe('rows of more cells than a sheet has columns', () => {
  test.each([
    ['shared', '<c r="A2" t="s"><v>0</v></c>'],
    ['with their texts', '<c r="A2"><v>1</v></c>'],
  ])('are given up at once: %s', async (_, cell) => {
    const rows = `${HEADER}<row r="2">${cell.repeat(16_385)}<never closed`;
    const fault = await faultOf({ rows, strings: '<si><t>y</t></si>' });
    expect(fault).toMatchObject({ code: 'file_damaged', record: 1 });
    expect(fault.message).toContain('more cells in row 2 than a sheet has columns');
  });

  test('but not those of as many', async () => {
    const row = '<row><c t="s"><v>0</v></c>';
    const { rows, fault } = await readBook({
      rows: `${HEADER}${row}${'<c t="s"><v>0</v></c>'.repeat(16_383)}</row>`,
      strings: '<si><t>y</t></si>',
    });
    expect(fault).toBeUndefined();
    expect(rows.map(shown)).toEqual(['cells_too_many']);
  });

  test('and numbers of shared texts count before they are looked up', () => {
    const row = new SheetRow(300);
    row.begin(1);
    for (let column = 0; column < 100; column++) row.add(column, 0);
    expect(row.tooLarge).toBe(false);
    row.add(100, 0);
    expect(row.tooLarge).toBe(true);
  });
});

test('attributes are looked for in their tag alone, and not in all that follows', async () => {
  // So many that a search through all that follows each would take minutes.
  const tags = 100_000;
  const xml = new XmlScanner(
    'part',
    (async function* () {
      yield Buffer.from(`<x>${'<c s s s s s s s s s s s s s s s s/>'.repeat(tags)}</x>`);
    })(),
  );
  const begun = performance.now();
  let seen = 0;
  let found = 0;
  for (let token = xml.next(); token !== OVER; token = xml.next()) {
    if (token === MORE) await xml.more();
    if (token !== START) continue;
    if (xml.attribute('r') !== null) found += 1;
    seen += 1;
  }
  expect([seen, found]).toEqual([tags + 1, 0]);
  expect(performance.now() - begun).toBeLessThan(10_000);
});

describe('tags and names that never end', () => {
  test.each([
    ['a tag', `<row ${'x'.repeat(6 << 20)}`],
    ['an attribute', `<row r="${'1'.repeat(6 << 20)}`],
    ['many attributes', `<row ${'a="" '.repeat(1 << 20)}`],
    ['a name', `<${'r'.repeat(6 << 20)}`],
    ['an end tag', `<row></row${' '.repeat(6 << 20)}`],
  ])('%s', async (_, rows) => {
    const begun = performance.now();
    const fault = await faultOf({ rows: HEADER + rows, odd: {} });
    expect(fault).toMatchObject({ code: 'file_damaged' });
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  test('white space, references and escapes without end', async () => {
    for (const text of [' ', '&amp;', '&#', '_x', '_x0041_', '\r', ']]', '<!---->', '<?x?>', '<x/>']) {
      const rows = `${HEADER}<row><c t="inlineStr"><is><t>${text.repeat(200_000)}`;
      expect(await faultOf({ rows })).toMatchObject({ code: 'file_damaged' });
    }
  });

  test('more files than a workbook has', async () => {
    const many = Array.from({ length: 65_537 }, (_, i) => ({ name: `${i}`, data: '', stored: true }));
    expect(await faultOf(zipOf([...bookFiles({ rows: HEADER }), ...many], { zip64: true }))).toMatchObject({
      code: 'file_not_supported',
    });
  });

  test('a directory of longer names than a workbook has', async () => {
    const many = Array.from({ length: 600 }, (_, i) => ({
      name: `${i}`.padEnd(60_000, 'x'),
      data: '',
      stored: true,
    }));
    expect(await faultOf(zipOf([...bookFiles({ rows: HEADER }), ...many]))).toMatchObject({
      code: 'file_not_supported',
    });
  });

  test('more styles, sheets or relationships than can be', async () => {
    const many = (text: string) => text.repeat(70_000);
    const styles = `<styleSheet><cellXfs>${many('<xf/>')}</cellXfs></styleSheet>`;
    expect(await faultOf({ rows: HEADER, styles })).toMatchObject({ code: 'file_damaged' });
    expect(await faultOf({ rows: HEADER, sheets: many('<sheet name="a" r:id="rId1"/>') })).toMatchObject({
      code: 'file_damaged',
    });
    const workbookRelationships = many('<Relationship Id="a" Type="b" Target="c"/>');
    expect(await faultOf({ rows: HEADER, workbookRelationships })).toMatchObject({ code: 'file_damaged' });
  });

  test('a list of parts of more than 16 MiB', async () => {
    const workbook = `<workbook>${' '.repeat(17 << 20)}</workbook>`;
    expect(await faultOf({ rows: HEADER, workbook })).toMatchObject({ code: 'file_damaged' });
  });
});

describe('shared strings', () => {
  const COUNT = 400_000;
  const literal = (index: number) => JSON.stringify(`string number ${index} ${'x'.repeat(index % 50)}`);

  test('that are many are kept outside of memory, and found in any order', async () => {
    let scratches = 0;
    let reads = 0;
    const scratch = memoryScratch();
    const counting: Scratch = {
      append: scratch.append,
      close: scratch.close,
      get bytes() {
        return scratch.bytes;
      },
      read(start, end) {
        reads += 1;
        return scratch.read(start, end);
      },
    };
    const table = new StringTable(async () => {
      scratches += 1;
      return counting;
    });
    for (let i = 0; i < COUNT; i++) if (table.add(literal(i))) await table.settle();
    await table.settle();
    expect({ count: table.count, scratches }).toEqual({ count: COUNT, scratches: 1 });
    expect(scratch.bytes).toBeGreaterThan(16 << 20);

    for (let i = 0; i < COUNT; i++)
      if (table.get(i) !== literal(i)) expect(await table.load(i)).toBe(literal(i));
    expect(reads).toBeLessThan(COUNT / 100);
    for (let i = 0, at = 7; i < 20_000; i++, at = (at * 48_271) % COUNT) {
      expect(table.get(at) ?? (await table.load(at))).toBe(literal(at));
    }
    expect(await table.load(0)).toBe(literal(0));
    expect(await table.load(COUNT - 1)).toBe(literal(COUNT - 1));
    await table.close();
  });

  test('of a workbook that has more than fit in memory', async () => {
    const count = 30_000;
    const text = (index: number) => `${index} ${'漢字'.repeat(150)}`;
    const strings = Array.from({ length: count }, (_, i) => `<si><t>${text(i)}</t></si>`).join('');
    const order = Array.from({ length: count }, (_, i) => (i % 2 === 0 ? i : count - i));
    const rows = order.map(
      (i) => `<row><c t="s"><v>${i}</v></c><c t="s"><v>${(i * 7919) % count}</v></c></row>`,
    );
    const read = await cellsOf({ strings, rows: HEADER + rows.join('') });
    expect(read).toEqual(order.map((i) => [text(i), text((i * 7919) % count)]));
  });
});

test('characters are whole wherever the pieces of a part are cut', async () => {
  const text = 'aé漢🦊\u{10FFFF}\uFFFD';
  const rows =
    HEADER +
    `<row><c t="str"><v>${text}</v></c><c t="inlineStr"><is><t>${text}</t></is></c></row>`.repeat(40);
  const odd = { 'xl/worksheets/sheet1.xml': { stored: true } };
  for (const pieceBytes of [1, 2, 3, 5, 7, 64, 257, 1000]) {
    const { text: converted, records } = await readBook({ sheet: sheetOf(rows), odd }, { pieceBytes });
    expect(converted).toBe(`["${text}","${text}"]\n`.repeat(40));
    expect(records).toBe(40);
  }
});
