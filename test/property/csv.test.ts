import { createHash } from 'node:crypto';
import { parse as csvParse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChunkLimits } from '../../src/core/chunk.ts';
import { type FileFormat, UNSTATED } from '../../src/core/file-format.ts';
import { type CsvDialect, RFC_4180 } from '../../src/formats/csv/dialect.ts';
import { type CsvDescription, csvDescription } from '../../src/formats/description.ts';
import { type FileIndex, FileIndexer } from '../../src/formats/index-pass.ts';
import { parseChunk, type Row, recordSlices } from '../../src/formats/parse-chunk.ts';
import type { RecordIndex } from '../../src/formats/record-indexer.ts';
import { textIndexer } from '../../src/formats/text-indexer.ts';

const ROOMY: ChunkLimits = { records: 5000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 20 };

interface Dialect extends CsvDialect {
  headerRow: number;
}

/** Feeds the file cut at `cuts`, always from the same memory, as a reader with one buffer would. */
function feed(file: Buffer, cuts: readonly number[], take: (piece: Buffer) => void): void {
  const memory = Buffer.alloc(file.length);
  const edges = [0, ...cuts.map((cut) => cut % (file.length + 1)).sort((a, b) => a - b), file.length];
  for (const [index, edge] of edges.entries()) {
    const length = (edges[index + 1] ?? edge) - edge;
    file.copy(memory, 0, edge, edge + length);
    take(memory.subarray(0, length));
    memory.fill(0x22);
  }
}

/** What the whole pass says of a file, sniffing and all. */
function sniffed(
  file: Buffer,
  cuts: readonly number[],
  limits: ChunkLimits,
  { known = [], ...stated }: Partial<FileFormat> & { known?: readonly string[] } = {},
): FileIndex {
  const indexer = new FileIndexer({ limits, format: { ...UNSTATED, ...stated }, known: new Set(known) });
  feed(file, cuts, (piece) => indexer.push(piece));
  return indexer.finish();
}

/** Read in this dialect, whatever the content looks like. */
function indexed(file: Buffer, cuts: readonly number[], limits: ChunkLimits, dialect: Dialect): RecordIndex {
  const options = { limits, start: 0 };
  const indexer = textIndexer({ type: 'csv', dialect: { ...dialect, lineEnd: 'lf' } }, options);
  feed(file, cuts, (piece) => indexer.scan(piece));
  return indexer.finish();
}

function descriptionOf(index: RecordIndex, { delimiter, quote }: CsvDialect): CsvDescription {
  return csvDescription({
    bom: false,
    columns: (index.columns ?? ['']).map((name) => ({ name, field: null })),
    delimiter: String.fromCharCode(delimiter),
    quote: String.fromCharCode(quote),
    marked: index.marked,
  });
}

function rowsOf(file: Buffer, index: RecordIndex, dialect: CsvDialect): Row[][] {
  const description = descriptionOf(index, dialect);
  return index.chunks.map(({ start, end, firstRecord, fault }) => {
    if (fault) return [{ fault, offset: 0 }];
    return parseChunk(file.subarray(start, end), description, { firstRecord, start, limits: ROOMY });
  });
}

/** As `rowsOf`, of a file whose dialect was found. */
function rowsOfFound(file: Buffer, index: FileIndex): Row[][] {
  if (index.layout?.format !== 'csv') throw new Error(`not CSV: ${JSON.stringify(index.fault)}`);
  const { delimiter, quote } = index.layout;
  return rowsOf(file, index, { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Where lines are that are not blank, by the plainest state machine that follows the rules; [start, end) in bytes. */
function linesByTheBook(file: Buffer, { delimiter, quote }: CsvDialect) {
  const lines: { start: number; end: number; blank: boolean }[] = [];
  let start = 0;
  let quoted = false;
  let atCellStart = true;
  for (let i = 0; i < file.length; i++) {
    const byte = file[i];
    if (quoted) {
      if (byte !== quote) continue;
      if (file[i + 1] === quote) i += 1;
      else quoted = false;
    } else if (byte === quote && atCellStart) {
      quoted = true;
      atCellStart = false;
    } else if (byte === 0x0a) {
      const line = file.subarray(start, i + 1).toString('latin1');
      lines.push({ start, end: i + 1, blank: line === '\n' || line === '\r\n' });
      start = i + 1;
      atCellStart = true;
    } else {
      atCellStart = byte === delimiter;
    }
  }
  if (start < file.length) lines.push({ start, end: file.length, blank: false });
  return lines;
}

/** Where records are: lines that are not blank, after the first of those from the header row's number on. */
function recordsByTheBook(file: Buffer, dialect: Dialect): [number, number][] {
  const lines = linesByTheBook(file, dialect);
  const header = lines.findIndex(({ blank }, index) => !blank && index + 1 >= dialect.headerRow);
  const after = dialect.headerRow === 0 ? lines : header === -1 ? [] : lines.slice(header + 1);
  return after.filter(({ blank }) => !blank).map(({ start, end }) => [start, end]);
}

const char = String.fromCharCode;

/** A row as any program may write it: what needs quotes has them, and so may anything else. */
function written(cells: readonly string[], { delimiter, quote }: CsvDialect, quoteAll: boolean): string {
  const mark = char(quote);
  const needsQuotes = (cell: string) =>
    quoteAll || [char(delimiter), mark, '\r', '\n', '\uFEFF'].some((one) => cell.includes(one));
  if (cells.length === 1 && cells[0] === '') return mark + mark;
  return cells
    .map((cell) => (needsQuotes(cell) ? mark + cell.replaceAll(mark, mark + mark) + mark : cell))
    .join(char(delimiter));
}

const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('"', ',', '\r', '\n', '\r\n', '""', ';', "'", '\t', '|') },
  { weight: 2, arbitrary: fc.constantFrom('a', ' ', 'é', '漢', '🦊', '\uFEFF', '\u2028', '=') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 2 }) },
);
const cell = fc
  .array(character, { maxLength: 6 })
  .map((characters) => characters.join('').replaceAll('\0', ''));
const table = fc
  .integer({ min: 1, max: 5 })
  .chain((columns) =>
    fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 30 }),
  );
const cuts = fc.array(fc.nat(), { maxLength: 40 });
const limits = fc.record({
  records: fc.integer({ min: 1, max: 8 }),
  bytes: fc.integer({ min: 1, max: 200 }),
  recordBytes: fc.constant(1 << 20),
  cellBytes: fc.constant(1 << 20),
});
const smallLimits = fc.record({
  records: fc.integer({ min: 1, max: 6 }),
  bytes: fc.integer({ min: 1, max: 60 }),
  recordBytes: fc.integer({ min: 4, max: 80 }),
  cellBytes: fc.constant(1 << 20),
});

const byte = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(0x22, 0x2c, 0x0a, 0x0d, 0x61) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0x3b, 0x27, 0x09, 0x7c, 0xc3, 0xa9, 0xff, 0xef, 0xbb, 0xbf, 0xf0, 0x9f, 0xa6),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 255 }) },
);
const bytes = fc.array(byte, { maxLength: 300 }).map((values) => Buffer.from(values));
const plainDialect = fc
  .record({ delimiter: fc.constantFrom(...',;\t|^:'), quote: fc.constantFrom('"', "'") })
  .map(({ delimiter, quote }) => ({ delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) }));
const dialect = fc
  .tuple(plainDialect, fc.constantFrom(0, 1, 1, 2, 4))
  .map(([plain, headerRow]): Dialect => ({ ...plain, headerRow }));
/** Nothing: the header row is any bytes too; or a header row, so that all of them are records. */
const opening = fc.constantFrom('', 'a,b\n', 'a;b\n');
const COMMAS: Dialect = { ...RFC_4180, headerRow: 1 };

describe('any table', () => {
  const layout = fc.record({
    bom: fc.boolean(),
    lineEnd: fc.constantFrom('\r\n', '\n'),
    emptyLines: fc.array(fc.constantFrom('', '', '\n', '\r\n'), { minLength: 1, maxLength: 7 }),
    lastLineEnd: fc.boolean(),
    quoteAll: fc.boolean(),
    /** Rows above the header row; none also where there is no header row. */
    titles: fc.array(fc.array(cell, { minLength: 1, maxLength: 6 }), { maxLength: 3 }),
    hasHeader: fc.boolean(),
  });

  type Layout = typeof layout extends fc.Arbitrary<infer T> ? T : never;

  /** The file, what csv-parse is to find in it, and the number of its header row. */
  function laidOut(rows: string[][], plain: CsvDialect, how: Layout) {
    const header = (rows[0] ?? []).map((_, column) => `column ${column}`);
    const all = how.hasHeader ? [...how.titles, header, ...rows] : rows;
    let text = how.bom ? '\uFEFF' : '';
    let headerRow = 0;
    let lines = 0;
    for (const [index, cells] of all.entries()) {
      const last = index === all.length - 1 && index > 0 && !how.lastLineEnd;
      const empty = last ? '' : (how.emptyLines[index % how.emptyLines.length] ?? '');
      text += written(cells, plain, how.quoteAll) + (last ? '' : how.lineEnd + empty);
      if (cells === header) headerRow = lines + 1;
      lines += empty === '' ? 1 : 2;
    }
    return { file: Buffer.from(text), all, header, headerRow };
  }

  test('comes back the same, as csv-parse reads it, in any dialect, pieces and chunks', () => {
    fc.assert(
      fc.property(table, layout, plainDialect, cuts, limits, (rows, how, plain, cuts, limits) => {
        const { file, all, header, headerRow } = laidOut(rows, plain, how);
        const [delimiter, quote] = [char(plain.delimiter), char(plain.quote)];
        const index = sniffed(file, cuts, limits, { type: 'csv', delimiter, quote, headerRow });

        expect(index.fault).toBeUndefined();
        const columns = how.hasHeader ? header : header.map((_, column) => `column_${column + 1}`);
        expect(index).toMatchObject({ columns, records: rows.length, conversion: null, marked: false });
        expect(index.layout).toMatchObject({ format: 'csv', bom: how.bom, delimiter, quote, headerRow });
        expect(rowsOf(file, index, plain).flat()).toEqual(rows.map((cells) => ({ cells })));

        const options = { bom: true, skip_empty_lines: true, relax_column_count: true };
        const ends = { record_delimiter: ['\r\n', '\n'], delimiter, quote, escape: quote };
        expect(all).toEqual(csvParse(file, { ...options, ...ends }));
      }),
      { numRuns: 1500 },
    );
  });

  test('is read the same after as many bytes as are sniffed', () => {
    const titles = 'title\n'.repeat(11_000);
    fc.assert(
      fc.property(table, plainDialect, cuts, limits, (rows, plain, cuts, limits) => {
        const header = (rows[0] ?? []).map((_, column) => `column ${column}`);
        const text = [header, ...rows].map((cells) => `${written(cells, plain, false)}\n`).join('');
        const file = Buffer.from(titles + text);
        const places = cuts.map((cut) => titles.length + (cut % text.length));
        const stated = { type: 'csv', delimiter: char(plain.delimiter), quote: char(plain.quote) } as const;
        const index = sniffed(file, places, limits, { ...stated, headerRow: 11_001 });
        expect(index).toMatchObject({ columns: header, records: rows.length });
        expect(rowsOf(file, index, plain).flat()).toEqual(rows.map((cells) => ({ cells })));
      }),
      { numRuns: 100 },
    );
  });

  test('numbers its records through all chunks', () => {
    fc.assert(
      fc.property(table, cuts, limits, (rows, cuts, limits) => {
        const header = (rows[0] ?? []).map((_, column) => `column ${column}`);
        const numbered = rows.map((cells, index) => [String(index + 1), ...cells]);
        const lines = [['number', ...header], ...numbered].map((cells) => written(cells, RFC_4180, false));
        const file = Buffer.from(`${lines.join('\r\n')}\r\n`);
        const index = indexed(file, cuts, limits, COMMAS);
        for (const [position, chunkRows] of rowsOf(file, index, RFC_4180).entries()) {
          const chunk = index.chunks[position]!;
          expect(chunk.number).toBe(position + 1);
          expect(chunkRows).toHaveLength(chunk.records);
          expect(chunkRows[0]?.cells?.[0]).toBe(String(chunk.firstRecord));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a table with names that are known', () => {
  const NAMES = ['learner_id', 'name', 'email', 'joined at', 'score', 'address.city'];
  const word = fc.constantFrom(
    'Anna',
    'Größe',
    "O'Neil",
    '1,5',
    '3;4',
    'a|b',
    '',
    '-7',
    '=1+1',
    'x\ty',
    'so, and "so"',
  );
  const text = fc.oneof(
    word,
    fc.array(word, { maxLength: 3 }).map((words) => words.join(' ')),
    cell,
  );
  const columns = fc.subarray(NAMES, { minLength: 2 });
  const known = columns.chain((names) =>
    fc.record({
      names: fc.constant(names),
      rows: fc.array(fc.array(text, { minLength: names.length, maxLength: names.length }), {
        minLength: 1,
        maxLength: 20,
      }),
      delimiter: fc.constantFrom(...',;\t|'),
      lineEnd: fc.constantFrom('\r\n', '\n'),
      quoteAll: fc.boolean(),
      bom: fc.boolean(),
      titles: fc.array(fc.constantFrom('Export of 2024', '', '"Learners, all of ""them"""', 'by: Anna'), {
        maxLength: 3,
      }),
    }),
  );

  test('is found whatever delimiter, line end, quoting and titles it has', () => {
    fc.assert(
      fc.property(known, cuts, ({ names, rows, delimiter, lineEnd, quoteAll, bom, titles }, cuts) => {
        const plain = { delimiter: delimiter.charCodeAt(0), quote: 0x22 };
        const lines = [names, ...rows].map((cells) => written(cells, plain, quoteAll));
        const text = [...titles, ...lines].map((line) => line + lineEnd).join('');
        const file = Buffer.from((bom ? '\uFEFF' : '') + text);
        const index = sniffed(file, cuts, ROOMY, { known: NAMES });

        expect(index.fault).toBeUndefined();
        const headerRow = titles.length + 1;
        const end = lineEnd === '\n' ? 'lf' : 'crlf';
        expect(index.layout).toMatchObject({ delimiter, quote: '"', headerRow, bom, lineEnd: end });
        expect(index).toMatchObject({ columns: names, records: rows.length });
        expect(rowsOfFound(file, index).flat()).toEqual(rows.map((cells) => ({ cells })));
      }),
      { numRuns: 1000 },
    );
  });

  test('is found in apostrophes', () => {
    fc.assert(
      fc.property(known, cuts, ({ names, rows, delimiter, lineEnd }, cuts) => {
        const plain = { delimiter: delimiter.charCodeAt(0), quote: 0x27 };
        const lines = [names, ...rows].map((cells) => written(cells, plain, true));
        fc.pre(!rows.flat().some((cell) => cell.startsWith('"')));
        const file = Buffer.from(lines.map((line) => line + lineEnd).join(''));
        const index = sniffed(file, cuts, ROOMY, { known: NAMES });
        expect(index.layout).toMatchObject({ delimiter, quote: "'", headerRow: 1 });
        expect(rowsOfFound(file, index).flat()).toEqual(rows.map((cells) => ({ cells })));
      }),
      { numRuns: 500 },
    );
  });

  test('where the delimiter changes on the way, each record is read or fails by itself', () => {
    fc.assert(
      fc.property(known, fc.constantFrom(...',;\t|'), ({ names, rows, delimiter, lineEnd }, other) => {
        fc.pre(other !== delimiter);
        const write = (cells: readonly string[], delimiter: string) =>
          written(cells, { delimiter: delimiter.charCodeAt(0), quote: 0x22 }, true) + lineEnd;
        // A quoted cell may hide a line end only where its delimiter is the right one.
        const plain = rows.map((cells) => cells.map((cell) => cell.replaceAll(/[",;|\t\r\n]/g, ' ')));
        const half = Math.ceil(rows.length / 2);
        const lines = [names, ...plain].map((cells, index) =>
          write(cells, index <= half ? delimiter : other),
        );
        const file = Buffer.from(lines.join(''));
        const index = sniffed(file, [], ROOMY, { known: NAMES });
        const found = rowsOfFound(file, index).flat();
        expect(found).toHaveLength(rows.length);
        expect(found.slice(0, half)).toEqual(plain.slice(0, half).map((cells) => ({ cells })));
        for (const { fault } of found.slice(half)) expect(fault).toBeDefined();
      }),
      { numRuns: 300 },
    );
  });
});

describe('any bytes', () => {
  test('are cut where the rules say, and the parser finds as many records in each chunk', () => {
    fc.assert(
      fc.property(bytes, opening, dialect, cuts, smallLimits, (body, opening, dialect, cuts, limits) => {
        const file = Buffer.concat([Buffer.from(opening), body]);
        const index = indexed(file, cuts, limits, dialect);
        const expected = recordsByTheBook(file, dialect);
        expect(index.records).toBe(expected.length);
        if (expected.length === 0) expect(index.fault).toBeDefined();
        let record = 1;
        let end = 0;
        for (const [position, chunk] of index.chunks.entries()) {
          expect(chunk).toMatchObject({ number: position + 1, firstRecord: record });
          const own = expected.slice(record - 1, record - 1 + chunk.records);
          expect(chunk.start).toBe(own[0]?.[0]);
          expect(file.subarray(own.at(-1)?.[1], chunk.end).toString('latin1')).toMatch(/^(\r?\n)*$/);
          expect(file.subarray(end, chunk.start).toString('latin1')).toMatch(
            position > 0 ? /^(\r?\n)*$/ : /^/,
          );
          expect(chunk.sha256).toBe(sha256(file.subarray(chunk.start, chunk.end)));
          const longest = Math.max(...own.map(([from, to]) => to - from));
          if (chunk.fault) expect(chunk.records).toBe(1);
          if (chunk.fault?.code === 'record_too_large') expect(longest).toBeGreaterThan(limits.recordBytes);
          if (!chunk.fault) {
            expect(longest).toBeLessThanOrEqual(limits.recordBytes);
            expect(chunk.records).toBeLessThanOrEqual(limits.records);
            const lastRecord = own.at(-1)!;
            expect(lastRecord[0] - chunk.start).toBeLessThan(limits.bytes);
            const slices = recordSlices(file.subarray(chunk.start, chunk.end), descriptionOf(index, dialect));
            expect(slices).toEqual(own.map(([from, to]) => file.subarray(from, to)));
          }
          record += chunk.records;
          end = chunk.end;
        }
        expect(record - 1).toBe(index.records);
        const rows = rowsOf(file, index, dialect);
        expect(rows.map((chunkRows) => chunkRows.length)).toEqual(index.chunks.map((chunk) => chunk.records));
      }),
      { numRuns: 3000 },
    );
  });

  test('give the same index however the pieces are cut', () => {
    fc.assert(
      fc.property(bytes, opening, dialect, cuts, smallLimits, (body, opening, dialect, cuts, limits) => {
        const file = Buffer.concat([Buffer.from(opening), body]);
        const whole = indexed(file, [], limits, dialect);
        expect(indexed(file, cuts, limits, dialect)).toEqual(whole);
        expect(indexed(file, [...body.keys()], limits, dialect)).toEqual(whole);
      }),
      { numRuns: 1000 },
    );
  });

  test('give the same index over the bytes that are sniffed first', () => {
    const long = fc.array(byte, { minLength: 100, maxLength: 300 }).map((values) => Buffer.from(values));
    fc.assert(
      fc.property(long, cuts, (body, cuts) => {
        const file = Buffer.concat([Buffer.from('a,b\n'), ...new Array<Buffer>(400).fill(body)]);
        expect(sniffed(file, cuts, ROOMY)).toEqual(sniffed(file, [], ROOMY));
      }),
      { numRuns: 30 },
    );
  });

  test('give the same rows in any chunks', () => {
    fc.assert(
      fc.property(bytes, opening, dialect, limits, (body, opening, dialect, limits) => {
        const file = Buffer.concat([Buffer.from(opening), body]);
        const plain = (index: RecordIndex) =>
          rowsOf(file, index, dialect)
            .flat()
            .map(({ cells, fault }) => ({ cells, fault }));
        const all = indexed(file, [], { ...limits, records: 1e9, bytes: 1e9 }, dialect);
        expect(plain(indexed(file, [], limits, dialect))).toEqual(plain(all));
      }),
      { numRuns: 1000 },
    );
  });

  test('tell the offset of each row that cannot be read', () => {
    fc.assert(
      fc.property(bytes, opening, dialect, limits, (body, opening, dialect, limits) => {
        const file = Buffer.concat([Buffer.from(opening), body]);
        const expected = recordsByTheBook(file, dialect);
        const index = indexed(file, [], limits, dialect);
        for (const [position, rows] of rowsOf(file, index, dialect).entries()) {
          const chunk = index.chunks[position]!;
          for (const [row, { offset }] of rows.entries()) {
            if (offset === undefined) continue;
            expect(chunk.start + offset).toBe(expected[chunk.firstRecord - 1 + row]?.[0]);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a damaged file', () => {
  const files = [
    'id,name\r\n1,Anna\r\n2,"Bob, the ""b"""\r\n3,C\r\n',
    "Title\n\n'id';'name'\n'1';'O''Neil'\n'2';'x;\ny'\n",
    '\uFEFFid\tname\n1\tGröße\n2\tx|y\n',
    'sep=|\nid|name\n1|a\n2|b\n',
    'id;name;_sheaf\n1;"\'=a";\n2;b;\n',
    'id,name\r1,a\r2,b\r',
    '{"id":1}\n{"id":2}\n',
    '[{"id":1},{"id":2}]',
    '1,2\n3,4\n',
  ].map((text) => Buffer.from(text));
  const starts = [
    ...files,
    Buffer.from('id;name\n1;Gr\xf6\xdfe\n2;Ren\xe9\n', 'latin1'),
    Buffer.from('\uFEFFid,name\n1,a\n', 'utf16le'),
    Buffer.from('id,name\n1,a\n', 'utf16le').swap16(),
    Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]),
    Buffer.from('PK\x03\x04'),
  ];
  const hit = fc.record({
    at: fc.nat(),
    remove: fc.nat({ max: 3 }),
    insert: fc.array(fc.oneof(byte, fc.constantFrom(0, 0x7b, 0x5b, 0x3c)), { maxLength: 3 }),
  });
  const damaged = fc
    .tuple(fc.constantFrom(...starts), fc.array(hit, { minLength: 1, maxLength: 8 }))
    .map(([file, hits]) =>
      hits.reduce((bytes, { at, remove, insert }) => {
        const place = at % (bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, place), Buffer.from(insert), bytes.subarray(place + remove)]);
      }, file),
    );
  const stated = fc.record(
    {
      type: fc.constantFrom('csv' as const, 'ndjson' as const, 'json' as const, 'xlsx' as const),
      encoding: fc.constantFrom('utf-8' as const, 'utf-16le' as const, 'windows-1252' as const),
      delimiter: fc.constantFrom(',', ';', "'"),
      quote: fc.constantFrom('"', '|'),
      headerRow: fc.constantFrom(0, 1, 2, 3, 50),
    },
    { requiredKeys: [] },
  );

  test('never throws, and no record of it is lost', () => {
    fc.assert(
      fc.property(
        damaged,
        fc.oneof(fc.constant({}), stated),
        cuts,
        smallLimits,
        (file, stated, cuts, limits) => {
          const options = { ...stated, known: ['id', 'name'] };
          const index = sniffed(file, cuts, limits, options);
          expect(index).toEqual(sniffed(file, [], limits, options));
          expect(index).toMatchObject({ sha256: sha256(file), bytes: file.length });
          const counts = index.chunks.map((chunk) => chunk.records);
          expect(counts.reduce((sum, count) => sum + count, 0)).toBe(index.records);
          if (index.records === 0) expect(index.fault ?? index.conversion).toBeTruthy();
          if (index.conversion !== null)
            expect(index).toMatchObject({ layout: null, records: 0, columns: null });
          if (index.layout?.format !== 'csv') return;
          const { delimiter, quote, headerRow, bom } = index.layout;
          const dialect = { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0), headerRow };
          const text = file.subarray(bom ? 3 : 0);
          expect(index.records).toBe(recordsByTheBook(text, dialect).length);
          expect(rowsOf(file, index, dialect).map((rows) => rows.length)).toEqual(counts);
        },
      ),
      { numRuns: 5000 },
    );
  });
});
