import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ChunkLimits } from '../../src/core/chunk.ts';
import { UNSTATED } from '../../src/core/file-format.ts';
import { type FileIndex, FileIndexer } from '../../src/formats/index-pass.ts';
import { NdjsonIndexer } from '../../src/formats/ndjson/index-pass.ts';

const LIMITS: ChunkLimits = { records: 1000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 20 };

function index(file: string | Buffer, limits: Partial<ChunkLimits> = {}, pieceBytes = 1 << 16): FileIndex {
  const bytes = Buffer.from(file);
  const format = { ...UNSTATED, encoding: 'utf-8' } as const;
  const indexer = new FileIndexer({ limits: { ...LIMITS, ...limits }, format, known: new Set() });
  for (let at = 0; at < bytes.length; at += pieceBytes) indexer.push(bytes.subarray(at, at + pieceBytes));
  return indexer.finish();
}

/** Without the first bytes being held back, so that pieces are seen as they are cut. */
function scanned(file: string | Buffer, limits: Partial<ChunkLimits>, pieceBytes: number) {
  const bytes = Buffer.from(file);
  const indexer = new NdjsonIndexer({ limits: { ...LIMITS, ...limits }, start: 0 });
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    indexer.scan(piece);
    piece.fill(0x22);
  }
  return indexer.finish();
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function texts(file: string, { chunks }: Pick<FileIndex, 'chunks'>): string[] {
  return chunks.map(({ start, end }) => Buffer.from(file).subarray(start, end).toString());
}

describe('records', () => {
  test.each([
    ['LF', '{"a":1}\n{"a":2}\n', 2],
    ['CRLF', '{"a":1}\r\n{"a":2}\r\n', 2],
    ['no line end at the end', '{"a":1}\n{"a":2}', 2],
    ['blank lines are none', '\n \n{"a":1}\n\r\n\t \r\n{"a":2}\n\n  ', 2],
    ['a line that is no JSON is one', '{"a":1}\nnonsense\n{"a":2}\n', 3],
    ['a line separator of Unicode ends no line', '{"a":"\u2028"}\n{"a":"\u0085"}\n', 2],
    ['a quote is nothing special', '{"a":"\n"}\n', 2],
  ])('%s', (_, file, records) => {
    const layout = { format: 'ndjson', bom: false };
    expect(index(file)).toMatchObject({ layout, records, marked: false, sha256: sha256(file) });
    expect(index(file).fault).toBeUndefined();
    for (const pieceBytes of [1, 2, 3, 1 << 16])
      expect(scanned(file, {}, pieceBytes)).toMatchObject({ records });
  });

  test('a byte order mark is told and is no part of the first record', () => {
    for (const pieceBytes of [1, 1 << 16]) {
      expect(index('\uFEFF{"a":1}\n', {}, pieceBytes)).toMatchObject({
        layout: { format: 'ndjson', bom: true },
        columns: ['a'],
        chunks: [{ start: 3, end: 11, sha256: sha256('{"a":1}\n') }],
      });
    }
  });
});

test.each([
  ['', 'The file is empty'],
  ['\n \r\n', 'The file holds only blank lines'],
])('no records: %j', (file, message) => {
  const fault = { code: 'file_no_records', message };
  expect(scanned(file, {}, 1)).toEqual({ columns: null, marked: false, records: 0, chunks: [], fault });
});

describe('columns', () => {
  test.each([
    ['{"b":1,"a":2}', ['b', 'a']],
    ['{"a":{"b":{"c":1},"d":[{"e":1}]},"f":{}}', ['a.b.c', 'a.d', 'f']],
    ['{"a.b":1,"a":{"b":1,"c":2}}', ['a.b', 'a.c']],
    ['{"":1}', ['']],
    ['{"a\\u0000b":1}', ['a\uFFFDb']],
  ])('are the key paths of the first record: %s', (line, columns) => {
    expect(index(`\n${line}\r\n{"other":1}\n`).columns).toEqual(columns);
  });

  test.each([
    ['no JSON', '{"a":\n{"a":1}\n'],
    ['a reserved key', '{"__proto__":1}\n'],
    ['over the limit', `{"a":"${'x'.repeat(200)}"}\n{"a":1}\n`],
    ['no UTF-8', Buffer.from('{"é":1}\n', 'latin1')],
  ])('are not known when the first record cannot be read: %s', (_, file) => {
    const found = index(file, { recordBytes: 100 });
    expect(found).toMatchObject({ layout: { format: 'ndjson' }, columns: null });
    expect(found.fault).toBeUndefined();
  });

  test('are cut where they are too many to be shown', () => {
    const record = (count: number, length: number) =>
      JSON.stringify(
        Object.fromEntries(Array.from({ length: count }, (_, n) => [`${n}`.padStart(length, 'k'), n])),
      );
    expect(index(record(9_000, 8)).columns).toHaveLength(2048);
    expect(index(record(300, 1024)).columns).toHaveLength(256);
  });
});

describe('chunks', () => {
  const file = '{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}\n{"a":5}\n';

  test('close at the number of records', () => {
    const found = index(file, { records: 2 });
    expect(texts(file, found)).toEqual(['{"a":1}\n{"a":2}\n', '{"a":3}\n{"a":4}\n', '{"a":5}\n']);
    expect(found.chunks[1]).toEqual({
      number: 2,
      firstRecord: 3,
      records: 2,
      start: 16,
      end: 32,
      sha256: sha256('{"a":3}\n{"a":4}\n'),
    });
  });

  test('have no fewer records where the first has many keys', () => {
    const wide = JSON.stringify(Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`k${n}`, n])));
    const found = index(`${wide}\n${'{}\n'.repeat(1099)}`, { records: 1000 });
    expect(found.chunks.map((chunk) => chunk.records)).toEqual([1000, 100]);
  });

  test('close with the record that reaches the bytes', () => {
    expect(index(file, { bytes: 9 }).chunks.map((chunk) => chunk.records)).toEqual([2, 2, 1]);
    expect(index(file, { bytes: 8 }).chunks).toHaveLength(5);
  });

  test.each([1, 7, 1 << 16])('a record over the limit gets one of its own, in pieces of %i', (pieceBytes) => {
    const long = `{"a":"${'x'.repeat(20)}"}\n`;
    const file = `{"a":1}\n${long}{"a":3}\n{"a":4}\n`;
    const found = scanned(file, { recordBytes: 20 }, pieceBytes);
    expect(texts(file, found)).toEqual(['{"a":1}\n', long, '{"a":3}\n{"a":4}\n']);
    expect(found.chunks[1]).toMatchObject({ firstRecord: 2, records: 1, sha256: sha256(long) });
    expect(found.chunks[1]?.fault).toMatchObject({ code: 'record_too_large' });
    expect(found.chunks[2]).toMatchObject({ firstRecord: 3, sha256: sha256('{"a":3}\n{"a":4}\n') });
  });

  test.each([1, 7, 1 << 16])('a blank line over the limit is in none, in pieces of %i', (pieceBytes) => {
    const file = `{"a":1}\n${' '.repeat(30)}\n{"a":2}\n \n{"a":3}\n${' '.repeat(30)}`;
    const found = scanned(file, { recordBytes: 20 }, pieceBytes);
    expect(texts(file, found)).toEqual(['{"a":1}\n', '{"a":2}\n \n{"a":3}\n']);
    expect(found).toMatchObject({
      records: 3,
      chunks: [{ sha256: sha256('{"a":1}\n') }, { firstRecord: 2 }],
    });
    expect(found.chunks[1]?.sha256).toBe(sha256('{"a":2}\n \n{"a":3}\n'));
  });
});
