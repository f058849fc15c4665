import { createHash } from 'node:crypto';
import { parse as csvParse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChunkLimits } from '../../src/core/chunk.ts';
import { type CsvDialect, RFC_4180 } from '../../src/formats/csv/dialect.ts';
import { csvLine } from '../../src/formats/csv/write.ts';
import { type CsvDescription, csvDescription } from '../../src/formats/description.ts';
import { type FileIndex, FileIndexer } from '../../src/formats/index-pass.ts';
import { parseChunk, type Row, recordSlices } from '../../src/formats/parse-chunk.ts';
import { SNIFFED_BYTES } from '../../src/formats/sniff.ts';

const ROOMY: ChunkLimits = { records: 5000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 20 };
const SEMICOLON: CsvDialect = { delimiter: 0x3b, quote: 0x27 };

/**
 * The indexer holds its first bytes back to tell what the file is, and so joins the pieces they come in. With as
 * many empty lines at the start, which mean nothing, it sees the pieces of what follows as they were cut.
 */
const PADDING = '\n'.repeat(SNIFFED_BYTES + 3);

/** Pushes the file cut at `cuts`, always from the same memory, as a reader with one buffer would. */
function indexed(file: Buffer, cuts: readonly number[], limits: ChunkLimits, dialect = RFC_4180): FileIndex {
  const indexer = new FileIndexer({ dialect, limits });
  const memory = Buffer.alloc(file.length);
  const padding = file.includes(PADDING) ? PADDING.length : 0;
  const places = file.length - padding + 1;
  const edges = [0, ...cuts.map((cut) => padding + (cut % places)).sort((a, b) => a - b), file.length];
  for (const [index, edge] of edges.entries()) {
    const length = (edges[index + 1] ?? edge) - edge;
    file.copy(memory, 0, edge, edge + length);
    indexer.push(memory.subarray(0, length));
    memory.fill(0x22);
  }
  return indexer.finish();
}

function descriptionOf(index: FileIndex, dialect: CsvDialect): CsvDescription {
  const columns = (index.columns ?? ['']).map((name) => ({ name, field: null }));
  return csvDescription({
    bom: index.bom,
    columns,
    delimiter: String.fromCharCode(dialect.delimiter),
    quote: String.fromCharCode(dialect.quote),
  });
}

function rowsOf(file: Buffer, index: FileIndex, dialect = RFC_4180): Row[][] {
  const description = descriptionOf(index, dialect);
  return index.chunks.map(({ start, end, firstRecord, fault }) => {
    if (fault) return [{ fault, offset: 0 }];
    return parseChunk(file.subarray(start, end), description, { firstRecord, start, limits: ROOMY });
  });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Where records are, by the plainest state machine that follows the rules; [start, end) in bytes. */
function recordsByTheBook(file: Buffer, from: number, { delimiter, quote }: CsvDialect): [number, number][] {
  const records: [number, number][] = [];
  let start = from;
  let quoted = false;
  let atCellStart = true;
  for (let i = from; i < file.length; i++) {
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
      if (line !== '\n' && line !== '\r\n') records.push([start, i + 1]);
      start = i + 1;
      atCellStart = true;
    } else {
      atCellStart = byte === delimiter;
    }
  }
  if (start < file.length) records.push([start, file.length]);
  return records;
}

function headerRow({ delimiter }: CsvDialect): string {
  return `a${String.fromCharCode(delimiter)}b\n`;
}

const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('"', ',', '\r', '\n', '\r\n', '""', ';', "'") },
  { weight: 2, arbitrary: fc.constantFrom('a', ' ', 'é', '漢', '🦊', '\uFEFF', '\u2028', '\t') },
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

const byte = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(0x22, 0x2c, 0x0a, 0x0d, 0x61) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0x3b, 0x27, 0xc3, 0xa9, 0xff, 0xef, 0xbb, 0xbf, 0xf0, 0x9f, 0xa6, 0x8a),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 255 }) },
);
const bytes = fc.array(byte, { maxLength: 300 }).map((values) => Buffer.from(values));
const dialect = fc.constantFrom(RFC_4180, SEMICOLON);
/** Nothing: also the header row and the first bytes are any; or a header row, so that all of them are records. */
const opening = fc.constantFrom(
  () => '',
  () => PADDING,
  headerRow,
  (dialect: CsvDialect) => PADDING + headerRow(dialect),
);
const smallLimits = fc.record({
  records: fc.integer({ min: 1, max: 6 }),
  bytes: fc.integer({ min: 1, max: 60 }),
  recordBytes: fc.integer({ min: 4, max: 80 }),
  cellBytes: fc.constant(1 << 20),
});

describe('any table', () => {
  test('comes back the same, as csv-parse reads it, in any pieces and chunks', () => {
    const layout = fc.record({
      bom: fc.boolean(),
      padding: fc.constantFrom('', PADDING),
      lineEnd: fc.constantFrom('\r\n', '\n'),
      emptyLines: fc.array(fc.constantFrom('', '', '\n', '\r\n'), { minLength: 1, maxLength: 7 }),
      lastLineEnd: fc.boolean(),
    });
    fc.assert(
      fc.property(
        table,
        layout,
        cuts,
        limits,
        (rows, { bom, padding, lineEnd, emptyLines, lastLineEnd }, cuts, limits) => {
          const header = (rows[0] ?? []).map((_, column) => `column ${column}`);
          let text = (bom ? '\uFEFF' : '') + padding;
          for (const [index, cells] of [header, ...rows].entries()) {
            const last = index === rows.length && !lastLineEnd;
            text += `${csvLine(cells).slice(0, -2)}${last ? '' : lineEnd}`;
            if (!last) text += emptyLines[index % emptyLines.length];
          }
          const file = Buffer.from(text);
          const index = indexed(file, cuts, limits);

          expect(index.fault).toBeUndefined();
          expect(index).toMatchObject({ format: 'csv', columns: header, records: rows.length, bom });
          expect(rowsOf(file, index).flat()).toEqual(rows.map((cells) => ({ cells })));

          const options = { bom: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n'] };
          expect([header, ...rows]).toEqual(csvParse(file, options));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('numbers its records through all chunks', () => {
    fc.assert(
      fc.property(table, cuts, limits, (rows, cuts, limits) => {
        const header = (rows[0] ?? []).map((_, column) => `column ${column}`);
        const numbered = rows.map((cells, index) => [String(index + 1), ...cells]);
        const file = Buffer.from(PADDING + [['number', ...header], ...numbered].map(csvLine).join(''));
        const index = indexed(file, cuts, limits);
        for (const [position, chunkRows] of rowsOf(file, index).entries()) {
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

describe('any bytes', () => {
  test('are cut where the rules say, and the parser finds as many records in each chunk', () => {
    fc.assert(
      fc.property(bytes, opening, dialect, cuts, smallLimits, (body, opening, dialect, cuts, limits) => {
        const file = Buffer.concat([Buffer.from(opening(dialect)), body]);
        const index = indexed(file, cuts, limits, dialect);
        expect(index).toMatchObject({ sha256: sha256(file), bytes: file.length });
        if (index.format !== 'csv') return;

        const expected = recordsByTheBook(file, index.bom ? 3 : 0, dialect).slice(1);
        expect(index.records).toBe(expected.length);
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
      fc.property(bytes, cuts, smallLimits, (body, cuts, limits) => {
        const file = Buffer.concat([Buffer.from(`${PADDING}a,b\n`), body]);
        const whole = indexed(file, [], limits);
        expect(indexed(file, cuts, limits)).toEqual(whole);
        expect(indexed(file, [...body.keys()], limits)).toEqual(whole);
      }),
      { numRuns: 1000 },
    );
  });

  test('give the same index over the bytes that are sniffed first', () => {
    const long = fc.array(byte, { minLength: 4000, maxLength: 6000 }).map((values) => Buffer.from(values));
    fc.assert(
      fc.property(long, cuts, (body, cuts) => {
        const file = Buffer.concat([Buffer.from('a,b\n'), body]);
        expect(indexed(file, cuts, ROOMY)).toEqual(indexed(file, [], ROOMY));
      }),
      { numRuns: 100 },
    );
  });

  test('give the same rows in any chunks', () => {
    fc.assert(
      fc.property(bytes, dialect, limits, (body, dialect, limits) => {
        const file = Buffer.concat([Buffer.from(headerRow(dialect)), body]);
        const plain = (index: FileIndex) =>
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
      fc.property(bytes, limits, (body, limits) => {
        const file = Buffer.concat([Buffer.from('a,b\n'), body]);
        const expected = recordsByTheBook(file, 0, RFC_4180).slice(1);
        const index = indexed(file, [], limits);
        for (const [position, rows] of rowsOf(file, index).entries()) {
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
