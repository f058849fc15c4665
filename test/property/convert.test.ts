import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Encoding, FileFormat } from '../../src/core/file-format.ts';
import { PLAIN_VALUES } from '../../src/core/value-rules.ts';
import { parseCsvChunk } from '../../src/formats/csv/parse.ts';
import { parseNdjsonChunk } from '../../src/formats/ndjson/parse.ts';
import { type Converted, converted } from '../support/converted.ts';

const CHARACTERS_OF_1252 = 'aeé€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\xa0ÿ×÷"\',;|\t =+-@0';

function encoded(text: string, encoding: Encoding, bom: boolean): Buffer {
  const whole = bom && encoding !== 'windows-1252' ? `\ufeff${text}` : text;
  if (encoding === 'utf-8') return Buffer.from(whole);
  if (encoding !== 'windows-1252') {
    const bytes = Buffer.from(whole, 'utf16le');
    return encoding === 'utf-16be' ? bytes.swap16() : bytes;
  }
  const special = '€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ';
  return Buffer.from(
    Array.from(whole, (character) => {
      const at = special.indexOf(character);
      return at > 0 || character === '€' ? 0x80 + at : character.charCodeAt(0);
    }),
  );
}

type Row = string[] | object | string;

/** Each record by what is in it, or by the code of its fault. */
function recordsOf({ file, bytes }: Converted): Row[] {
  const { layout } = file;
  return file.chunks.flatMap(({ start, end, firstRecord, fault }): Row[] => {
    if (fault !== undefined) return [fault.code];
    const place = { firstRecord, start, limits: { cellBytes: 1 << 20 } };
    const chunk = bytes.subarray(start, end);
    if (layout?.format !== 'csv') {
      return parseNdjsonChunk(chunk, place).map((row) => row.value ?? row.fault?.code ?? '');
    }
    const dialect = { delimiter: layout.delimiter.charCodeAt(0), quote: layout.quote.charCodeAt(0) };
    const rows = parseCsvChunk(chunk, { ...place, dialect, columns: file.columns?.length ?? 0 });
    return rows.map((row) => row.cells ?? row.fault.code);
  });
}

const compressed = fc.constantFrom(false, true);
const pieceBytes = fc.constantFrom(1, 2, 3, 100, 1 << 16);
const limits = fc.record({
  records: fc.integer({ min: 1, max: 5 }),
  bytes: fc.integer({ min: 1, max: 100 }),
  recordBytes: fc.constant(1 << 20),
});

describe('any table', () => {
  const character = fc.constantFrom(...CHARACTERS_OF_1252);
  const narrow = fc.string({ unit: character, maxLength: 8 });
  // Among so few characters a NUL says that it is no text.
  const wide = fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.replaceAll('\0', ''));
  const cellsOf = (encoding: Encoding, lineEnd: string) =>
    fc
      .tuple(
        encoding === 'windows-1252' ? narrow : fc.oneof(narrow, wide),
        fc.constantFrom('', lineEnd, '\r'),
      )
      .map(([text, more]) => (lineEnd === '\r' ? text.replaceAll('\n', '') : text) + more);

  const table = fc
    .record({
      encoding: fc.constantFrom<Encoding>('utf-8', 'utf-16le', 'utf-16be', 'windows-1252'),
      lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
      bom: fc.boolean(),
      delimiter: fc.constantFrom(',', ';', '\t', '|'),
    })
    .chain((form) =>
      fc.record({
        form: fc.constant(form),
        rows: fc.array(fc.tuple(cellsOf(form.encoding, form.lineEnd), cellsOf(form.encoding, form.lineEnd)), {
          minLength: 1,
          maxLength: 12,
        }),
      }),
    );

  test('in any encoding, with any line ends, compressed or not, has the same cells', async () => {
    await fc.assert(
      fc.asyncProperty(
        table,
        compressed,
        pieceBytes,
        limits,
        async ({ form, rows }, isGzip, pieceBytes, limits) => {
          const { encoding, lineEnd, bom, delimiter } = form;
          const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
          const lines = [
            ['learner_id', 'name'].join(delimiter),
            ...rows.map((cells) => cells.map(quoted).join(delimiter)),
          ];
          const text = encoded(lines.join(lineEnd) + lineEnd, encoding, bom);
          const file = isGzip ? gzipSync(text) : text;
          const format: FileFormat = { type: 'csv', delimiter, quote: '"', encoding, values: PLAIN_VALUES };
          const known = ['learner_id', 'name'];
          if (!isGzip && encoding === 'utf-8' && lineEnd !== '\r') return;

          const read = await converted(file, { format, known, pieceBytes, limits });
          expect(read.file.fault).toBeUndefined();
          const isMarked = bom && encoding !== 'windows-1252';
          expect(read.file.layout).toMatchObject({
            encoding,
            bom: isMarked,
            delimiter,
            compression: isGzip ? 'gzip' : null,
          });
          expect(read.file.records).toBe(rows.length);
          expect(recordsOf(read)).toEqual(rows);
        },
      ),
      { numRuns: 400 },
    );
  });
});

test('any list of objects is the same as lines, as an array in any writing, in any encoding, compressed or not', async () => {
  const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 4 });
  const key = name.filter((key) => !['__proto__', 'constructor', 'prototype'].includes(key));
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
  );
  const object = fc.dictionary(key, fc.oneof(value, fc.array(value, { maxLength: 2 })), {
    minKeys: 1,
    maxKeys: 3,
    noNullPrototype: true,
  });
  const encoding = fc.constantFrom<Encoding>('utf-8', 'utf-16le', 'utf-16be');
  const indent = fc.constantFrom(null, undefined, 1, '\t');
  await fc.assert(
    fc.asyncProperty(
      fc.array(object, { minLength: 1, maxLength: 8 }),
      fc.tuple(encoding, fc.boolean(), compressed, indent),
      pieceBytes,
      limits,
      async (objects, [encoding, bom, isGzip, indent], pieceBytes, limits) => {
        const isLines = indent === null;
        if (isLines && encoding === 'utf-8' && !isGzip) return;
        const text = isLines
          ? objects.map((object) => JSON.stringify(object)).join('\n')
          : JSON.stringify(objects, null, indent);
        const bytes = encoded(text, encoding, bom);
        // A text without its mark may hold too few Latin letters to be told.
        const format = { encoding };
        const read = await converted(isGzip ? gzipSync(bytes) : bytes, { format, pieceBytes, limits });
        expect(read.file.fault).toBeUndefined();
        expect(read.file.layout).toMatchObject({ format: isLines ? 'ndjson' : 'json', encoding, bom });
        expect(recordsOf(read)).toEqual(objects.map((object) => JSON.parse(JSON.stringify(object))));
      },
    ),
    { numRuns: 400 },
  );
});

describe('a real file that was damaged', () => {
  const folder = new URL('../../node_modules/csv-spectrum/', import.meta.url);
  const texts = ['csvs', 'json'].flatMap((kind) =>
    readdirSync(new URL(kind, folder)).map((name) =>
      readFileSync(new URL(`${kind}/${name}`, folder), 'utf8'),
    ),
  );
  const files = texts.flatMap((text) => [
    encoded(text, 'utf-16le', true),
    encoded(text, 'utf-16be', false),
    Buffer.from(text.replaceAll('\n', '\r')),
    Buffer.from(text),
    Buffer.from(`${text}"é"`, 'latin1'),
  ]);
  const real = fc.constantFrom(
    ...files.flatMap((file) => [file, gzipSync(file), gzipSync(file, { level: 0 })]),
  );
  const byte = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(
      0x00,
      0x0a,
      0x0d,
      0x22,
      0x2c,
      0x5b,
      0x5c,
      0x5d,
      0x7b,
      0x7d,
      0x80,
      0x81,
      0xc3,
      0xd8,
      0xdc,
      0xff,
    ),
  );
  const hits = fc.array(
    fc.record({
      at: fc.nat(),
      remove: fc.nat({ max: 4 }),
      insert: fc.array(byte, { maxLength: 4 }),
      flip: byte,
    }),
    { minLength: 1, maxLength: 5 },
  );
  const cut = fc.option(fc.nat(), { freq: 3 });

  test('never throws, is bounded, and each of its records is one, whatever is left of it', async () => {
    await fc.assert(
      fc.asyncProperty(real, hits, cut, pieceBytes, limits, async (real, hits, cut, pieceBytes, limits) => {
        let file: Buffer = Buffer.from(real);
        for (const { at, remove, insert, flip } of hits) {
          const place = at % (file.length + 1);
          file = Buffer.concat([file.subarray(0, place), Buffer.from(insert), file.subarray(place + remove)]);
          if (flip % 2 === 1 && place < file.length) file[place]! ^= flip;
        }
        if (cut !== null) file = file.subarray(0, cut % (file.length + 1));
        const read = await converted(file, { pieceBytes, limits, unpackedBytes: 1 << 16 });
        expect(read.bytes.length).toBeLessThanOrEqual(3 * Math.max(file.length, 1 << 16));
        checkAccounting(read);
        // What is the same in other pieces does not depend on where they were cut.
        const again = await converted(file, { pieceBytes: 1 << 16, limits, unpackedBytes: 1 << 16 });
        if (again.file.fault?.message !== 'The gzip file is damaged: its data cannot be unpacked') {
          expect(again.file).toEqual(read.file);
        }
      }),
      { numRuns: 1500 },
    );
  });

  function checkAccounting(read: Converted): void {
    const { file, bytes } = read;
    expect(file.chunks.reduce((sum, { records }) => sum + records, 0)).toBe(file.records);
    if (file.records === 0) expect(file.fault).toBeDefined();
    if (file.layout === null) expect(file).toMatchObject({ records: 0, fault: {} });
    let [end, next] = [0, 1];
    for (const chunk of file.chunks) {
      expect(chunk.start).toBeGreaterThanOrEqual(end);
      expect(chunk.firstRecord).toBe(next);
      const hash = createHash('sha256').update(bytes.subarray(chunk.start, chunk.end)).digest('hex');
      expect(chunk.sha256).toBe(hash);
      end = chunk.end;
      next += chunk.records;
    }
    expect(end).toBeLessThanOrEqual(bytes.length);
    expect(recordsOf(read)).toHaveLength(file.records);
  }
});
