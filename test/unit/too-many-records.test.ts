import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FileIndexer } from '../../src/formats/index-pass.ts';
import { type ConvertedOptions, converted, readingOptions, recordLines } from '../support/converted.ts';

/** A file may have only so many records: those are told apart and counted, and it is refused for the next one. */

function index(file: string, fileRecords: number, pieceBytes: number, options: ConvertedOptions = {}) {
  const indexer = new FileIndexer(readingOptions({ ...options, limits: { fileRecords, ...options.limits } }));
  for (let at = 0; at < file.length; at += pieceBytes) {
    const piece = Buffer.from(file.slice(at, at + pieceBytes), 'latin1');
    indexer.push(piece);
    // Whoever reads the file uses the same memory for the next piece.
    piece.fill(0x22);
  }
  return indexer.finish();
}

const FILES = [
  ['CSV', 'id,name\n1,a\n\n2,"b\nb"\n3,c\n\n4,d\n', '3,c', 4],
  ['CSV without a line end at its end', 'id,name\n1,a\n2,"b\nb"\n3,c', '3,c', 3],
  ['CSV without a header row', '1,a\n2,b\n3,c\n4,d\n', '3,c', 4],
  ['CSV that ends in a quote nobody closes', 'id,name\n1,a\n2,b\n3,"c\n4,d\n', '3,"c', 3],
  ['NDJSON', '{"id":1}\n\n{"id":2}\n{"id":3}\n \n{"id":4}\n', '{"id":3}', 4],
  ['NDJSON that is none at its end', '{"id":1}\n{"id":2}\n{"id"', '{"id"', 3],
] as const;

describe.each(FILES)('%s', (name, file, excess, records) => {
  const format = name.includes('without a header') ? { headerRow: 0, type: 'csv' as const } : {};

  test('with one record too many is refused there, and cut before it', () => {
    const whole = index(file, 100, 1 << 16, { format, limits: { records: 1 } });
    for (let pieceBytes = 1; pieceBytes <= file.length; pieceBytes += 1) {
      const cut = index(file, 2, pieceBytes, { format, limits: { records: 1 } });
      expect(cut.fault).toEqual({
        code: 'file_too_many_records',
        message: expect.stringContaining('more than 2 records'),
        record: 3,
        offset: file.lastIndexOf(excess),
      });
      expect(cut).toMatchObject({
        records: 2,
        sha256: whole.sha256,
        bytes: file.length,
        columns: whole.columns,
      });
      expect(cut.chunks).toEqual(whole.chunks.slice(0, 2));
    }
  });

  test('with as many as it may have is read as it is', () => {
    for (let pieceBytes = 1; pieceBytes <= file.length; pieceBytes += 1) {
      const found = index(file, records, pieceBytes, { format });
      expect(found).toEqual(index(file, 1_000_000, 1 << 16, { format }));
      expect(found.records).toBe(records);
    }
  });
});

test('a chunk is closed before the record that is one too many', () => {
  const { chunks } = index('id,name\n1,a\n2,b\n3,c\n4,d\n', 3, 4);
  expect(chunks).toMatchObject([{ number: 1, firstRecord: 1, records: 3, start: 8, end: 20 }]);
});

describe('a file that is converted', () => {
  test.each([
    ['compressed', gzipSync('id,name\n1,a\n2,b\n3,c\n4,d\n')],
    ['an array', Buffer.from('[{"id":1},{"id":2},{"id":3},{"id":4}]')],
    ['an array that nobody closes', Buffer.from('[{"id":1},{"id":2},{"id":3}')],
    ['UTF-16', Buffer.from('\ufeffid,name\r\n1,a\r\n2,b\r\n3,c\r\n', 'utf16le')],
    ['damaged after them', gzipSync(`id,name\n1,a\n2,b\n3,c\n${'4,d\n'.repeat(100_000)}`).subarray(0, 200)],
  ])('%s', async (_, file) => {
    const read = await converted(file, { limits: { fileRecords: 2 } });
    expect(read.file).toMatchObject({ records: 2, fault: { code: 'file_too_many_records', record: 3 } });
    // It would be one of the converted file, which nobody has.
    expect(read.file.fault).not.toHaveProperty('offset');
    expect(recordLines(read)).toHaveLength(2);
    const enough = await converted(file, { limits: { fileRecords: 1_000_000 } });
    expect(enough.file.fault?.code).not.toBe('file_too_many_records');
  });

  test('is not converted to its end', async () => {
    const rows = Array.from({ length: 500_000 }, (_, n) => `${n},name ${n}`);
    const file = gzipSync(`id,name\n${rows.join('\n')}\n`);
    const read = await converted(file, { limits: { fileRecords: 10 } });
    expect(read.file.records).toBe(10);
    expect(read.bytes.length).toBeLessThan(1_000_000);
  });
});
