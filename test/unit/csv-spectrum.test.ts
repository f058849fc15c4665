import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { type FileFormat, UNSTATED } from '../../src/core/file-format.ts';
import { csvDescription } from '../../src/formats/description.ts';
import { FileIndexer } from '../../src/formats/index-pass.ts';
import { parseChunk } from '../../src/formats/parse-chunk.ts';

const LIMITS = { records: 1000, bytes: 1 << 20, recordBytes: 1 << 20, cellBytes: 1 << 20 };

interface Sample {
  name: string;
  csv: Buffer;
  json: Buffer;
}

// The package has no types.
const spectrum = createRequire(import.meta.url)('csv-spectrum') as (
  done: (error: Error | null, samples: Sample[]) => void,
) => void;

const samples = await new Promise<Sample[]>((resolve, reject) => {
  spectrum((error, found) => (error ? reject(error) : resolve(found)));
});

/** Each record as an object, or the code of what is wrong with it. */
function read(file: Buffer, stated: Partial<FileFormat> = {}): unknown[] {
  const indexer = new FileIndexer({ limits: LIMITS, format: { ...UNSTATED, ...stated }, known: new Set() });
  indexer.push(file);
  const { layout, columns, chunks, fault } = indexer.finish();
  expect(fault).toBeUndefined();
  if (layout?.format !== 'csv' || columns === null) throw new Error('not read as CSV');
  const description = csvDescription({ ...layout, columns: columns.map((name) => ({ name, field: null })) });
  return chunks.flatMap(({ start, end, firstRecord }) =>
    parseChunk(file.subarray(start, end), description, { firstRecord, start, limits: LIMITS }).map((row) =>
      row.cells === undefined
        ? row.fault?.code
        : Object.fromEntries(row.cells.map((cell, index) => [columns[index], cell])),
    ),
  );
}

test('all samples are here', () => {
  expect(samples.map(({ name }) => name)).toContain('quotes_and_newlines');
  expect(samples.length).toBeGreaterThan(10);
});

test.each(samples.filter(({ name }) => name !== 'location_coordinates'))('$name', ({ csv, json }) => {
  expect(read(csv)).toEqual(JSON.parse(json.toString()));
});

// A quote within a cell that is not quoted, which RFC 4180 does not allow; the sample's JSON is of another file.
test('location_coordinates', () => {
  const { csv } = samples.find(({ name }) => name === 'location_coordinates')!;
  expect(read(csv)).toEqual(['quote_misplaced']);
  expect(read(csv, { quote: '^' })).toEqual([
    {
      'Contact Phone Number': '2095257564',
      'Location Coordinates': '37\uFFFD36\'37.8"N 121\uFFFD2\'17.9"W',
      Cities: 'Modesto',
      Counties: 'Stanislaus',
    },
  ]);
});
