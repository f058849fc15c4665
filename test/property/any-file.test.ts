import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { RecordReader } from '../../src/core/record.ts';
import { bindInput } from '../../src/engine/bind-input.ts';
import type { ConvertedFile } from '../../src/formats/convert/convert-file.ts';
import type { InputDescription } from '../../src/formats/description.ts';
import { FileIndexer } from '../../src/formats/index-pass.ts';
import { parseChunk, recordSlices } from '../../src/formats/parse-chunk.ts';
import { createLearner } from '../../src/operations/training/create-learner.ts';
import { awkwardRecords, FIELDS } from '../support/awkward-learners.ts';
import { convertedOnce, piecesOf, readingOptions } from '../support/converted.ts';
import { csvForm, jsonForms, ndjsonForms, streamedXlsx, typedXlsx } from '../support/learner-forms.ts';
import { bookOf, sheetOf } from '../support/xlsx-book.ts';

/*
 * Real files of every type that were damaged, the whole way from the upload's bytes to the records that a handler would
 * get: nothing throws, nothing hangs, and each record that was counted is one that is read or fails.
 */

const LIMITS = { records: 7, bytes: 2000, recordBytes: 1500, cellBytes: 500 };
const READING = { limits: LIMITS, known: FIELDS, unpackedBytes: 1 << 20 };
const CLAIM = { mapping: {}, customId: null, format: readingOptions({}).format };

interface Read {
  file: ConvertedFile;
  /** What the chunks are of. */
  bytes: Buffer;
}

/** As copying and converting do it. */
async function read(file: Buffer, pieceBytes: number): Promise<Read> {
  const indexer = new FileIndexer(readingOptions(READING));
  for await (const piece of piecesOf(file, pieceBytes)) indexer.push(piece);
  const { conversion, ...index } = indexer.finish();
  expect(index.bytes).toBe(file.length);
  if (conversion === null) return { file: index, bytes: file };
  expect(index).toMatchObject({ records: 0, chunks: [], layout: null });
  let { outcome, bytes } = await convertedOnce(file, { ...READING, ...conversion, pieceBytes });
  if ('again' in outcome) {
    ({ outcome, bytes } = await convertedOnce(file, { ...READING, encoding: outcome.again, pieceBytes }));
  }
  if ('again' in outcome) throw new Error('the encoding was not known the second time');
  return { file: outcome, bytes };
}

/** Chunks are whole, in order and as they were hashed. */
function checkChunks({ file, bytes }: Read): void {
  let [end, next] = [0, 1];
  for (const chunk of file.chunks) {
    expect(chunk.start).toBeGreaterThanOrEqual(end);
    expect(chunk.firstRecord).toBe(next);
    expect(chunk.records).toBeGreaterThan(0);
    const hash = createHash('sha256').update(bytes.subarray(chunk.start, chunk.end)).digest('hex');
    expect(chunk.sha256).toBe(hash);
    end = chunk.end;
    next += chunk.records;
  }
  expect(end).toBeLessThanOrEqual(bytes.length);
  expect(next).toBe(file.records + 1);
}

/** Every record as checking and processing read it, and as result files repeat it. */
function checkRecords({ file, bytes }: Read, description: InputDescription): void {
  const reader = new RecordReader(createLearner, description);
  for (const { start, end, firstRecord, records, fault } of file.chunks) {
    if (fault !== undefined) continue;
    const chunk = bytes.subarray(start, end);
    const rows = parseChunk(chunk, description, { firstRecord, start, limits: LIMITS });
    expect(rows).toHaveLength(records);
    expect(recordSlices(chunk, description)).toHaveLength(records);
    for (const row of rows) {
      if (row.fault !== undefined) {
        expect(row.fault.message).not.toBe('');
        continue;
      }
      const { input, errors } =
        row.cells === undefined ? reader.read(row) : reader.read(row.cells, row.problems);
      expect(input === null).toBe(errors.length > 0);
    }
  }
}

async function check(file: Buffer, pieceBytes: number): Promise<void> {
  const found = await read(file, pieceBytes);
  checkChunks(found);
  const { records, layout, fault } = found.file;
  if (records === 0) expect(fault).toBeDefined();
  if (layout === null) expect(found.file).toMatchObject({ records: 0, fault: {} });
  const description = descriptionOf(found.file);
  if (description !== null) checkRecords(found, description);
}

/** As what the records are read. Of a table that lacks a column they are not checked, but repeated in result files. */
function descriptionOf(file: ConvertedFile): InputDescription | null {
  const { read } = bindInput(createLearner, CLAIM, file);
  const { layout, columns } = file;
  if (read !== null || columns === null || (layout?.format !== 'csv' && layout?.format !== 'xlsx'))
    return read;
  const { values } = CLAIM.format;
  return { ...layout, values, columns: columns.map((name) => ({ name, field: null })) };
}

type Change = (file: Buffer, other: Buffer) => Buffer;

const byte = fc.oneof(
  fc.nat({ max: 255 }),
  fc.constantFrom(
    ...Buffer.from('\0\n\r"\',;\t|{}[]:\\<>&=PK\x1f\x8b\x81\xc3\xd8\xdc\xef\xbb\xbf\xfe\xff', 'latin1'),
  ),
);
/** A part of so many thousandths of a file. */
const place = fc.nat({ max: 1000 });
const at = (file: Buffer, thousandths: number) => Math.round((file.length * thousandths) / 1000);

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ place, byte }).map(
    ({ place, byte }): Change =>
      (file) => {
        const flipped = Buffer.from(file);
        if (file.length > 0) flipped[Math.min(at(file, place), file.length - 1)]! ^= byte;
        return flipped;
      },
  ),
  fc.record({ place, bytes: fc.array(byte, { minLength: 1, maxLength: 6 }) }).map(
    ({ place, bytes }): Change =>
      (file) =>
        Buffer.concat([
          file.subarray(0, at(file, place)),
          Buffer.from(bytes),
          file.subarray(at(file, place)),
        ]),
  ),
  fc.record({ place, length: fc.integer({ min: 1, max: 3000 }) }).map(
    ({ place, length }): Change =>
      (file) =>
        Buffer.concat([file.subarray(0, at(file, place)), file.subarray(at(file, place) + length)]),
  ),
  place.map(
    (place): Change =>
      (file) =>
        file.subarray(0, at(file, place)),
  ),
  fc.record({ place, length: fc.integer({ min: 1, max: 3000 }) }).map(
    ({ place, length }): Change =>
      (file) => {
        const end = at(file, place) + length;
        return Buffer.concat([file.subarray(0, end), file.subarray(at(file, place))]);
      },
  ),
  fc.record({ place, from: place }).map(
    ({ place, from }): Change =>
      (file, other) =>
        Buffer.concat([file.subarray(0, at(file, place)), other.subarray(at(other, from))]),
  ),
);

const learners = awkwardRecords({ wide: true }).map(({ learner }) => learner);
const narrow = awkwardRecords({ wide: false }).map(({ learner }) => learner);
const csv = (form: Parameters<typeof csvForm>[1]) =>
  csvForm(form.encoding === 'windows-1252' ? narrow : learners, form).bytes;

const spectrum = new URL('../../node_modules/csv-spectrum/', import.meta.url);
const spectrumFiles = (kind: 'csvs' | 'json') =>
  readdirSync(new URL(kind, spectrum)).map((name) => readFileSync(new URL(`${kind}/${name}`, spectrum)));

/** What is damaged, and how it is packed afterwards. */
interface Kind {
  files: Buffer[];
  packed?: (file: Buffer) => Buffer;
}

const TEXTS: Record<string, Buffer[]> = {
  CSV: [
    csv({ delimiter: ',', lineEnd: 'lf', encoding: 'utf-8', bom: false }),
    csv({ delimiter: ';', lineEnd: 'crlf', encoding: 'utf-8', bom: true }),
    csv({ delimiter: '|', lineEnd: 'cr', encoding: 'utf-8', bom: false }),
    ...spectrumFiles('csvs'),
  ],
  'CSV in other encodings': [
    csv({ delimiter: '\t', lineEnd: 'crlf', encoding: 'utf-16le', bom: true }),
    csv({ delimiter: ',', lineEnd: 'lf', encoding: 'utf-16be', bom: false }),
    csv({ delimiter: ';', lineEnd: 'crlf', encoding: 'windows-1252', bom: false }),
  ],
  NDJSON: ndjsonForms(learners).map(({ bytes }) => bytes),
  'JSON arrays': [...jsonForms(learners).map(({ bytes }) => bytes), ...spectrumFiles('json')],
};

const kinds: Record<string, Kind> = {};
for (const [name, files] of Object.entries(TEXTS)) {
  kinds[name] = { files };
  kinds[`${name}, compressed`] = { files: files.map((file) => gzipSync(file)) };
  kinds[`${name}, compressed after that`] = { files, packed: (file) => gzipSync(file, { level: 1 }) };
}
kinds.XLSX = { files: [] };
kinds['the sheet of an XLSX'] = {
  files: [],
  packed: (file) => bookOf({ odd: { 'xl/worksheets/sheet1.xml': { data: file } } }),
};

beforeAll(async () => {
  for (const shared of [true, false]) {
    kinds.XLSX!.files.push((await streamedXlsx(learners, { shared })).bytes);
    kinds.XLSX!.files.push((await typedXlsx(learners, { date1904: shared })).bytes);
  }
  const rows = learners.map((learner) => FIELDS.map((field) => learner[field]));
  const cell = (text: string) =>
    `<c t="str"><v>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</v></c>`;
  const sheet = [[...FIELDS], ...rows].map((cells) => `<row>${cells.map(cell).join('')}</row>`).join('');
  kinds['the sheet of an XLSX']!.files.push(Buffer.from(sheetOf(sheet)));
});

describe('files that were damaged', () => {
  const changes = fc.array(change, { minLength: 1, maxLength: 4 });
  const pieceBytes = fc.constantFrom(97, 4096, 1 << 16);

  test.each(Object.keys(kinds))('%s', async (name) => {
    const { files, packed = (file: Buffer) => file } = kinds[name]!;
    const real = fc.constantFrom(...files);
    const others = fc.constantFrom(...Object.values(kinds).flatMap((kind) => kind.files));
    await fc.assert(
      fc.asyncProperty(real, others, changes, pieceBytes, async (file, other, changes, pieceBytes) => {
        const damaged = changes.reduce((bytes, change) => change(bytes, other), file);
        await check(packed(damaged), pieceBytes);
      }),
      { numRuns: 150 },
    );
  });
});
