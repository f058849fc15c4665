import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import ExcelJS from 'exceljs';
import { describe, expect, test } from 'vitest';
import { RetryableFault } from '../../src/core/errors.ts';
import { UNSTATED } from '../../src/core/file-format.ts';
import { convertFile } from '../../src/formats/convert/convert-file.ts';
import { parseCsvChunk } from '../../src/formats/csv/parse.ts';
import { FileIndexer } from '../../src/formats/index-pass.ts';
import { parseNdjsonChunk } from '../../src/formats/ndjson/parse.ts';
import {
  type Converted,
  type ConvertedOptions,
  converted,
  readingOptions,
  recordLines,
  sourceOf,
} from '../support/converted.ts';

const CSV = 'id,name\r\n1,Søren\r\n2,"a\r\nb"\r\n3,€ 😀\r\n';
const ROWS = [
  ['1', 'Søren'],
  ['2', 'a\r\nb'],
  ['3', '€ 😀'],
];

function utf16(text: string, order: 'le' | 'be'): Buffer {
  const bytes = Buffer.from(text, 'utf16le');
  return order === 'le' ? bytes : bytes.swap16();
}

/** The records of a converted CSV file, each by its cells or by its fault. */
function rowsOf({ file, bytes }: Converted): unknown[] {
  const { layout } = file;
  if (layout?.format !== 'csv') throw new Error('it is no CSV');
  const dialect = { delimiter: layout.delimiter.charCodeAt(0), quote: layout.quote.charCodeAt(0) };
  const columns = file.columns?.length ?? 0;
  return file.chunks.flatMap(({ start, end, firstRecord, fault }) => {
    if (fault !== undefined) return [fault.code];
    const limits = { cellBytes: 1 << 20 };
    const rows = parseCsvChunk(bytes.subarray(start, end), { firstRecord, start, limits, dialect, columns });
    return rows.map((row) => row.cells ?? row.fault.code);
  });
}

/** The records of converted NDJSON, each by its value or by its fault. */
function valuesOf({ file, bytes }: Converted): unknown[] {
  return file.chunks.flatMap(({ start, end, firstRecord, fault }) => {
    if (fault !== undefined) return [fault.code];
    const limits = { cellBytes: 1 << 20 };
    const rows = parseNdjsonChunk(bytes.subarray(start, end), { firstRecord, start, limits });
    return rows.map((row) => row.value ?? row.fault?.code);
  });
}

describe('the same table', () => {
  const came = { format: 'csv', compression: null, encoding: 'utf-8', bom: false, lineEnd: 'crlf' };

  test.each([
    ['gzip', gzipSync(CSV), { ...came, compression: 'gzip' }],
    ['gzip of UTF-8 with a mark', gzipSync(`\ufeff${CSV}`), { ...came, compression: 'gzip', bom: true }],
    ['UTF-16LE with a mark', utf16(`\ufeff${CSV}`, 'le'), { ...came, encoding: 'utf-16le', bom: true }],
    ['UTF-16BE with a mark', utf16(`\ufeff${CSV}`, 'be'), { ...came, encoding: 'utf-16be', bom: true }],
    ['UTF-16LE', utf16(CSV, 'le'), { ...came, encoding: 'utf-16le' }],
    ['UTF-16BE', utf16(CSV, 'be'), { ...came, encoding: 'utf-16be' }],
    [
      'gzip of UTF-16LE with a mark',
      gzipSync(utf16(`\ufeff${CSV}`, 'le')),
      { ...came, compression: 'gzip', encoding: 'utf-16le', bom: true },
    ],
    ['lone CR', Buffer.from(CSV.replaceAll('\r\n', '\r')), { ...came, lineEnd: 'cr' }],
    [
      'lone CR after a mark',
      Buffer.from(`\ufeff${CSV.replaceAll('\r\n', '\r')}`),
      { ...came, lineEnd: 'cr', bom: true },
    ],
    [
      'gzip of UTF-16BE with lone CR',
      gzipSync(utf16(`\ufeff${CSV.replaceAll('\r\n', '\r')}`, 'be')),
      { ...came, compression: 'gzip', encoding: 'utf-16be', bom: true, lineEnd: 'cr' },
    ],
  ])('in %s', async (_, file, layout) => {
    for (const pieceBytes of [1, 3, 1 << 16]) {
      const read = await converted(file, { pieceBytes });
      expect(read.times).toBe(1);
      expect(read.file).toMatchObject({ layout, columns: ['id', 'name'], records: 3, marked: false });
      expect(read.file.fault).toBeUndefined();
      const between = layout.lineEnd === 'cr' ? '\r' : '\r\n';
      expect(rowsOf(read)).toEqual(ROWS.map((cells) => cells.map((cell) => cell.replace('\r\n', between))));
    }
  });

  test('with lone CR keeps what is in quotes, whatever line ends it has', async () => {
    const read = await converted(Buffer.from('id,name\r1,"a\nb\r\nc\rd"\r2,e\r'));
    expect(read.file).toMatchObject({ records: 2, layout: { lineEnd: 'cr' } });
    expect(rowsOf(read)).toEqual([
      ['1', 'a\nb\r\nc\rd'],
      ['2', 'e'],
    ]);
  });

  test('has the index of its converted bytes', async () => {
    const { file, bytes } = await converted(gzipSync(CSV), { limits: { records: 2 } });
    const indexer = new FileIndexer(readingOptions({ limits: { records: 2 } }));
    indexer.push(bytes);
    const { columns, marked, records, chunks } = indexer.finish();
    expect(file).toMatchObject({ columns, marked, records, chunks });
    expect(chunks).toHaveLength(2);
    expect(bytes.toString()).toBe(CSV);
  });
});

describe('Windows-1252', () => {
  const text = 'id;name\r\n1;S\xf8ren\r\n2;\x80\x81\r\n3;\xa0\r\n';
  const sound = Buffer.from(text.replace('\x81', ''), 'latin1');

  test('is told by the copying pass, or at the end of the gzip file', async () => {
    for (const [file, times, compression] of [
      [sound, 1, null],
      [gzipSync(sound), 2, 'gzip'],
    ] as const) {
      const read = await converted(file);
      expect(read.times).toBe(times);
      expect(read.file).toMatchObject({
        records: 3,
        layout: { encoding: 'windows-1252', compression, delimiter: ';' },
      });
      expect(read.file.fault).toBeUndefined();
      expect(rowsOf(read)).toEqual([
        ['1', 'Søren'],
        ['2', '€'],
        ['3', '\xa0'],
      ]);
    }
  });

  test('is read as stated, and a byte that is no character is its record’s fault', async () => {
    for (const file of [Buffer.from(text, 'latin1'), gzipSync(Buffer.from(text, 'latin1'))]) {
      const read = await converted(file, { format: { encoding: 'windows-1252' } });
      expect(read.times).toBe(1);
      expect(read.file.fault).toBeUndefined();
      expect(rowsOf(read)).toEqual([['1', 'Søren'], 'file_encoding', ['3', '\xa0']]);
    }
  });

  test('mixed with UTF-8 is none: the records that are no UTF-8 are told', async () => {
    const mixed = Buffer.concat([Buffer.from('id,name\n1,é\n'), Buffer.from('2,\xe9\n3,a\n', 'latin1')]);
    const read = await converted(gzipSync(mixed));
    expect(read.times).toBe(1);
    expect(read.file.layout).toMatchObject({ encoding: 'utf-8' });
    expect(rowsOf(read)).toEqual([['1', 'é'], 'file_encoding', ['3', 'a']]);
  });

  test('a mark says UTF-8, whatever follows', async () => {
    const file = Buffer.concat([Buffer.from('\ufeffid,name\n'), Buffer.from('1,\xe9\n2,a\n', 'latin1')]);
    const read = await converted(gzipSync(file));
    expect(read.file.layout).toMatchObject({ encoding: 'utf-8', bom: true });
    expect(rowsOf(read)).toEqual(['file_encoding', ['2', 'a']]);
  });
});

describe('UTF-16', () => {
  test('half of a surrogate pair is its record’s fault', async () => {
    const read = await converted(utf16('\ufeffid,name\n1,\ud83d\n2,\ude00x\n3,😀\n', 'le'));
    expect(read.file.fault).toBeUndefined();
    expect(rowsOf(read)).toEqual(['file_encoding', 'file_encoding', ['3', '😀']]);
  });

  test('cut in half keeps what came before', async () => {
    const whole = utf16('\ufeffid,name\n1,a\n2,b\n3,c', 'be');
    for (const file of [whole.subarray(0, -1), gzipSync(whole.subarray(0, -1))]) {
      const read = await converted(file);
      expect(read.file).toMatchObject({ records: 3, fault: { code: 'file_encoding', record: 3 } });
      expect(rowsOf(read)).toEqual([['1', 'a'], ['2', 'b'], 'file_encoding']);
      expect(read.file.chunks.map(({ fault, records }) => [records, fault])).toEqual([
        [2, undefined],
        [
          1,
          {
            code: 'file_encoding',
            message:
              'The end of the record may be missing. The UTF-16 text ends in the middle of a character, so its end is missing',
            record: 3,
          },
        ],
      ]);
    }
    const own = await converted(whole.subarray(0, -1));
    expect(own.file.fault?.offset).toBe(whole.length - 2);
    const packed = await converted(gzipSync(whole.subarray(0, -1)));
    expect(packed.file.fault).not.toHaveProperty('offset');
  });

  test('a file of nothing but its mark has no records', async () => {
    const { file } = await converted(Buffer.from([0xff, 0xfe]));
    expect(file).toMatchObject({ records: 0, chunks: [], fault: { code: 'file_no_records' } });
  });

  test('NUL is a character', async () => {
    const read = await converted(utf16('\ufeffid,name\n1,a\0b\n', 'le'));
    expect(rowsOf(read)).toEqual([['1', 'a\0b']]);
  });
});

describe('a JSON array', () => {
  const items = [
    { id: 1, name: 'Søren' },
    { id: 2, name: '€', tags: [{ a: [] }] },
  ];
  const digits = '[{"id": 1.10, "big": 12345678901234567890}]';

  test.each([
    ['on one line', Buffer.from(JSON.stringify(items)), {}],
    ['over lines', Buffer.from(JSON.stringify(items, null, 2)), {}],
    ['over lines with CRLF', Buffer.from(JSON.stringify(items, null, 1).replaceAll('\n', '\r\n')), {}],
    ['after a mark', Buffer.from(`\ufeff${JSON.stringify(items)}`), { bom: true }],
    ['in gzip', gzipSync(JSON.stringify(items, null, '\t')), { compression: 'gzip' }],
    [
      'in UTF-16',
      utf16(`\ufeff${JSON.stringify(items, null, 2)}`, 'le'),
      { encoding: 'utf-16le', bom: true },
    ],
  ])('%s', async (_, file, layout) => {
    for (const pieceBytes of [1, 5, 1 << 16]) {
      const read = await converted(file, { pieceBytes });
      const came = { format: 'json', compression: null, encoding: 'utf-8', bom: false, ...layout };
      expect(read.file).toMatchObject({ layout: came, columns: ['id', 'name'], records: 2 });
      expect(read.file.fault).toBeUndefined();
      expect(valuesOf(read)).toEqual(items);
    }
  });

  test('keeps its digits', async () => {
    expect(recordLines(await converted(Buffer.from(digits)))).toEqual([digits.slice(1, -1)]);
  });

  test('its items that are no records fail as records', async () => {
    const text =
      '[{"id":1},2,null,[{"id":3}],{"id":4,"id":5},{"id":nope},{"id":"\\ud83d"},{"id":"a\nb"},{"id":6}]';
    const read = await converted(Buffer.from(text));
    expect(read.file.fault).toBeUndefined();
    expect(valuesOf(read)).toEqual([
      { id: 1 },
      'json_not_object',
      'json_not_object',
      'json_not_object',
      'json_key_repeated',
      'json_malformed',
      'not_text',
      'json_malformed',
      { id: 6 },
    ]);
  });

  test('an empty one has no records', async () => {
    for (const text of ['[]', ' \n[ ]\n', '[\n]', '\n[\r\n\n]\r\n']) {
      const { file } = await converted(Buffer.from(text));
      expect(file).toMatchObject({
        records: 0,
        chunks: [],
        layout: { format: 'json' },
        fault: { code: 'file_no_records', message: 'The array is empty' },
      });
    }
  });

  test.each([
    ['is cut in an item', '[{"id":1},\n{"id":2},{"id', [{ id: 1 }, { id: 2 }, 'file_json_malformed'], 3, 24],
    ['is cut after an item', '[{"id":1},\n{"id":2}', [{ id: 1 }, { id: 2 }], 2, 19],
    ['has a comma too many', '[{"id":1},{"id":2},]', [{ id: 1 }, { id: 2 }], 2, 19],
    ['lacks a comma', '[{"id":1}{"id":2}]', [{ id: 1 }], 1, 9],
    ['goes on', '[{"id":1}]\n[{"id":2}]', [{ id: 1 }], 1, 11],
  ])('that %s gives the records before', async (what, text, values, record, offset) => {
    for (const [file, place] of [
      [Buffer.from(text), { offset }],
      [Buffer.from(`\ufeff${text}`), { offset: offset + 3 }],
      [gzipSync(text), {}],
      [utf16(`\ufeff${text}`, 'be'), {}],
    ] as const) {
      const read = await converted(file);
      expect(valuesOf(read)).toEqual(values);
      const { message, ...fault } = read.file.fault!;
      expect(fault).toEqual({ code: 'file_json_malformed', record, ...place });
      expect(read.file.records).toBe(values.length);
      expect(message).not.toBe('');
      const marked = read.file.chunks.flatMap((chunk) => (chunk.fault === undefined ? [] : [chunk]));
      const cut = {
        firstRecord: 3,
        records: 1,
        fault: {
          code: 'file_json_malformed',
          message: `The end of the record may be missing. ${message}`,
          record: 3,
        },
      };
      expect(marked).toEqual(what === 'is cut in an item' ? [expect.objectContaining(cut)] : []);
    }
  });

  test('nested deep, long, or of one item alone it fails by the record', async () => {
    const deep = `{"id":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    const long = `{"id":"${'x'.repeat(3_000_000)}"}`;
    const read = await converted(Buffer.from(`[{"id":1},${deep},${long},{"id":2}]`));
    expect(read.file.fault).toBeUndefined();
    expect(valuesOf(read)).toEqual([{ id: 1 }, 'json_too_deep', 'record_too_large', { id: 2 }]);
  });
});

describe('NDJSON', () => {
  const text = '{"id":1}\r\n\r\n{"id":1.10}\n{"id":"€"}';

  test.each([
    ['in gzip', gzipSync(text)],
    ['in gzip with a mark', gzipSync(`\ufeff${text}`)],
    ['in UTF-16', utf16(`\ufeff${text}`, 'le')],
  ])('%s keeps its lines', async (_, file) => {
    const read = await converted(file);
    expect(read.bytes.toString()).toBe(text);
    expect(read.file).toMatchObject({ records: 3, layout: { format: 'ndjson' } });
    expect(valuesOf(read)).toEqual([{ id: 1 }, { id: 1.1 }, { id: '€' }]);
  });
});

describe('gzip', () => {
  const lines = Array.from({ length: 50_000 }, (_, n) => `${n},name ${n * 7919}\n`);
  const csv = `id,name\n${lines.join('')}`;
  const packed = gzipSync(csv);

  test('cut in the middle gives the records before, and says so', async () => {
    const read = await converted(packed.subarray(0, packed.length >> 1));
    expect(read.file.fault).toMatchObject({
      code: 'file_truncated',
      record: read.file.records,
      offset: packed.length >> 1,
    });
    expect(read.file.records).toBeGreaterThan(10_000);
    expect(read.file.layout).toMatchObject({ format: 'csv', compression: 'gzip' });
    expect(csv.startsWith(read.bytes.toString())).toBe(true);
    expect(rowsOf(read)).toHaveLength(read.file.records);
  });

  test('cut within a record gives that one a fault, and cut at a line end none', async () => {
    const text = 'id,name\n1,a\n2,b\n';
    const came = { code: 'file_truncated', offset: expect.any(Number) };
    const chunksOf = async (file: Buffer) => {
      const read = await converted(file);
      expect(read.file.fault).toMatchObject({ ...came, record: read.file.records });
      expect(read.file.fault?.message).toMatch(/^The gzip file ends/);
      return { rows: rowsOf(read), chunks: read.file.chunks };
    };
    // Stored as it is, so that all of it comes out before the file is found to be cut.
    const within = await chunksOf(gzipSync(`${text}3,cc`, { level: 0 }).subarray(0, -8));
    expect(within.rows).toEqual([['1', 'a'], ['2', 'b'], 'file_truncated']);
    expect(within.chunks).toMatchObject([{ records: 2 }, { firstRecord: 3, records: 1 }]);
    expect(within.chunks[1]?.fault).toEqual({
      code: 'file_truncated',
      message:
        'The end of the record may be missing. The gzip file ends before it is complete; was all of it uploaded?',
      record: 3,
    });
    const between = await chunksOf(gzipSync(text, { level: 0 }).subarray(0, -8));
    expect(between.rows).toEqual([
      ['1', 'a'],
      ['2', 'b'],
    ]);
    expect(between.chunks.map(({ fault }) => fault)).toEqual([undefined]);
  });

  test.each([
    ['a checksum that is wrong', Buffer.concat([packed.subarray(0, -8), Buffer.alloc(8)])],
    ['text after it', Buffer.concat([packed, Buffer.from('garbage')])],
  ])('with %s gives all records, and says so', async (_, file) => {
    const read = await converted(file);
    expect(read.file).toMatchObject({ records: 50_000, fault: { code: 'file_damaged', record: 50_000 } });
    expect(read.bytes.toString()).toBe(csv);
  });

  test.each(['1,a', '1,"a'])(
    'without a header, cut in its first record, gives that one a fault: %s',
    async (text) => {
      const format = { type: 'csv', headerRow: 0, delimiter: ',' } as const;
      const read = await converted(gzipSync(text, { level: 0 }).subarray(0, -8), { format });
      expect(read.file).toMatchObject({ records: 1, fault: { code: 'file_truncated', record: 1 } });
      expect(read.file.chunks).toMatchObject([{ records: 1, fault: { code: 'file_truncated', record: 1 } }]);
    },
  );

  test('cut in a quoted cell is truncated, which is why the quote is not closed', async () => {
    const text = 'id,name\n1,a\n2,"b';
    const whole = Buffer.concat([gzipSync(text, { level: 0 })]);
    const read = await converted(whole.subarray(0, -4));
    expect(read.file.fault).toMatchObject({ code: 'file_truncated', record: 2 });
    expect(rowsOf(read)).toEqual([['1', 'a'], 'file_truncated']);
    const sound = await converted(whole);
    expect(sound.file.fault).toMatchObject({ code: 'file_unclosed_quote', record: 2 });
    expect(sound.file.fault).not.toHaveProperty('offset');
    expect(sound.file.chunks.at(-1)?.fault).toMatchObject({ code: 'file_unclosed_quote', record: 2 });
    expect(sound.file.chunks.at(-1)?.fault).not.toHaveProperty('offset');
  });

  test('of which nothing comes out, or nothing that can be told', async () => {
    const none = { records: 0, chunks: [], layout: null };
    const cut = packed.subarray(0, 8);
    expect((await converted(cut)).file).toMatchObject({ ...none, fault: { code: 'file_truncated' } });
    const object = gzipSync('{\n"id":1,"name":"a"}', { level: 0 });
    expect((await converted(object)).file).toMatchObject({ ...none, fault: { code: 'file_not_supported' } });
    const { file } = await converted(object.subarray(0, -3));
    expect(file).toMatchObject({ ...none, fault: { code: 'file_truncated' } });
  });

  test('of nothing has no records', async () => {
    const { file } = await converted(gzipSync(''));
    expect(file).toMatchObject({
      records: 0,
      fault: { code: 'file_no_records', message: 'The file is empty' },
    });
  });

  test('in gzip is refused', async () => {
    const { file } = await converted(gzipSync(packed));
    expect(file.fault).toEqual({
      code: 'file_not_supported',
      message: 'It is gzip data that was compressed with gzip once more; unpack it once',
    });
  });

  test('of what is neither text nor a workbook is refused', async () => {
    const { file } = await converted(gzipSync(Buffer.from('%PDF-1.7 and more')));
    expect(file.fault).toMatchObject({ code: 'file_not_supported', message: expect.stringContaining('PDF') });
  });

  test('that unpacks to more than it may is a bomb, after the records before', async () => {
    const { file, bytes } = await converted(packed, { unpackedBytes: 300_000 });
    expect(file.fault).toMatchObject({ code: 'file_bomb', record: file.records });
    expect(bytes.length).toBeLessThanOrEqual(300_000);
    expect(file.records).toBeGreaterThan(5_000);
  });

  test('of a workbook is that workbook', async () => {
    const book = new ExcelJS.Workbook();
    book.addWorksheet('People').addRows([
      ['id', 'name'],
      [1, 'Søren'],
      [2, '€'],
    ]);
    const file = Buffer.from(await book.xlsx.writeBuffer());
    const plain = await converted(file);
    const told: number[] = [];
    const gzipped = gzipSync(file);
    const read = await converted(gzipped, { progress: (bytes) => told.push(bytes) });
    expect(read.file).toEqual({ ...plain.file, layout: { ...plain.file.layout, compression: 'gzip' } });
    expect(read.file).toMatchObject({ records: 2, columns: ['id', 'name'] });
    expect(read.bytes.equals(plain.bytes)).toBe(true);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.at(-1)).toBeLessThanOrEqual(gzipped.length);
    const cut = await converted(gzipped.subarray(0, -20));
    expect(cut.file).toMatchObject({ records: 0, layout: null, fault: { code: 'file_truncated' } });
  });
});

describe('gzip of what begins like a workbook', () => {
  const MIB = 1024 * 1024;
  // A twentieth is noise, so it shrinks to a twentieth.
  const block = Buffer.concat([randomBytes(MIB / 20), Buffer.alloc(MIB - Math.floor(MIB / 20))]);

  async function kept(file: Buffer) {
    let bytes = 0;
    const source = sourceOf(file);
    const openScratch = async () => {
      const scratch = await source.openScratch();
      const append = (piece: Buffer) => {
        bytes += piece.length;
        return scratch.append(piece);
      };
      return {
        get bytes() {
          return scratch.bytes;
        },
        append,
        read: (start: number, end: number) => scratch.read(start, end),
        close: () => scratch.close(),
      };
    };
    const outcome = await convertFile({ ...source, openScratch }, async () => {}, {
      ...readingOptions({}),
      encoding: null,
      unpackedBytes: 1e12,
      progress: () => {},
    });
    if ('again' in outcome) throw new Error('it is no text');
    return { fault: outcome.fault, bytes };
  }

  const zip = (blocks: number) =>
    gzipSync(Buffer.concat([Buffer.from('PK\x03\x04'), ...Array.from({ length: blocks }, () => block)]), {
      level: 1,
    });

  test('is a bomb once it fills the scratch with more than a workbook can', async () => {
    const file = zip(64);
    const limit = 32 * MIB + 4 * file.length;
    expect(limit).toBeLessThan(64 * MIB);
    const { fault, bytes } = await kept(file);
    expect(fault).toEqual({
      code: 'file_bomb',
      message: 'The file unpacks to an archive of more than 4 times its size, which no workbook does',
    });
    expect(bytes).toBeLessThanOrEqual(limit);
    expect(bytes).toBeGreaterThan(limit - 2 * MIB);
  });

  test('is none where it is less: then it is read', async () => {
    const { fault, bytes } = await kept(zip(31));
    expect(fault).toMatchObject({ code: expect.not.stringContaining('file_bomb') });
    expect(bytes).toBe(31 * block.length + 4);
  });
});

describe('trouble that says nothing about the file', () => {
  const file = gzipSync(CSV);
  const options = (more: ConvertedOptions = {}) => ({
    ...readingOptions(more),
    format: UNSTATED,
    encoding: null,
    unpackedBytes: 1e9,
    progress: () => {},
  });
  const ignore = async () => {};

  test('of the source is thrown as it is', async () => {
    const trouble = new Error('the store is gone');
    for (const reads of [0, 1, 2]) {
      let read = 0;
      const source = sourceOf(file, 5);
      const broken = {
        ...source,
        async read(range?: { start: number; end: number }) {
          const pieces = await source.read(range);
          return read++ < reads ? pieces : failing(pieces, trouble);
        },
      };
      await expect(convertFile(broken, ignore, options())).rejects.toBe(trouble);
    }
  });

  async function* failing(pieces: AsyncIterable<Buffer>, trouble: Error): AsyncGenerator<Buffer> {
    let count = 0;
    for await (const piece of pieces) {
      if (count++ === 2) throw trouble;
      yield piece;
    }
  }

  test('of the target is thrown as it is, and the source is closed', async () => {
    const trouble = new Error('the lease is lost');
    let open = 0;
    const source = sourceOf(file, 5);
    const watched = {
      ...source,
      async read(range?: { start: number; end: number }) {
        return closing(await source.read(range));
      },
    };
    async function* closing(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      open += 1;
      try {
        yield* pieces;
      } finally {
        open -= 1;
      }
    }
    await expect(convertFile(watched, () => Promise.reject(trouble), options())).rejects.toBe(trouble);
    expect(open).toBe(0);
  });

  test('of a store that leaves something out is no truncated file', async () => {
    const source = sourceOf(file.subarray(0, -4));
    await expect(convertFile({ ...source, bytes: file.length }, ignore, options())).rejects.toThrow(
      RetryableFault,
    );
  });
});

test('progress is told in bytes of the file, up to its end', async () => {
  const file = Buffer.from(`[${Array.from({ length: 50_000 }, (_, id) => `{"id":${id}}`).join()}]`);
  const told: number[] = [];
  await converted(file, { pieceBytes: 10_000, progress: (bytes) => told.push(bytes) });
  expect(told).toEqual([...told].sort((a, b) => a - b));
  expect(told.length).toBeGreaterThan(10);
  expect(told.at(-1)).toBe(file.length);
});

test('an empty file has no records, whatever is said of it', async () => {
  const { file } = await converted(Buffer.alloc(0), { format: { encoding: 'utf-16le' } });
  expect(file).toMatchObject({
    records: 0,
    fault: { code: 'file_no_records', message: 'The file is empty' },
  });
});
