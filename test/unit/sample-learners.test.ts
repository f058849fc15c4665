import { describe, expect, test } from 'vitest';
import { SAMPLE_FAULTS } from '../../src/cli/sample/faults.ts';
import {
  plannedFaults,
  type SampleOptions,
  sampleLearners,
  summarizeSample,
} from '../../src/cli/sample/learners.ts';
import type { ChunkLimits } from '../../src/core/chunk.ts';
import { UNSTATED } from '../../src/core/file-format.ts';
import { bindColumns, RecordReader } from '../../src/core/record.ts';
import { RFC_4180 } from '../../src/formats/csv/dialect.ts';
import { type CsvRow, parseCsvChunk } from '../../src/formats/csv/parse.ts';
import { FileIndexer } from '../../src/formats/index-pass.ts';
import { createLearner } from '../../src/operations/training/create-learner.ts';

const LIMITS: ChunkLimits = { records: 5000, bytes: 1 << 22, recordBytes: 1 << 20, cellBytes: 1 << 20 };
const OPTIONS: SampleOptions = { records: 20_000, seed: 7, bad: 300 };

function read(options: SampleOptions): { header: string[]; rows: CsvRow[] } {
  const file = Buffer.from([...sampleLearners(options)].join(''));
  const indexer = new FileIndexer({ limits: LIMITS, format: UNSTATED, known: new Set() });
  indexer.push(file);
  const { columns: header, chunks, fault } = indexer.finish();
  expect(fault).toBeUndefined();
  const columns = header?.length ?? 0;
  const rows = chunks.flatMap(({ start, end, firstRecord }) =>
    parseCsvChunk(file.subarray(start, end), {
      dialect: RFC_4180,
      columns,
      firstRecord,
      start,
      limits: LIMITS,
    }),
  );
  return { header: header ?? [], rows };
}

/** What `create_learner` says to a row, as far as it does not depend on other rows. */
function codesOf(reader: RecordReader, row: CsvRow): string[] {
  if (row.fault) return [row.fault.code];
  return reader.read(row.cells).errors.map((error) => error.code);
}

describe('the sample', () => {
  const { header, rows } = read(OPTIONS);
  const planned = new Map([...plannedFaults(OPTIONS)].map(({ record, kind }) => [record, kind]));

  test('has the columns of create_learner and all records', () => {
    expect(header).toEqual(Object.keys(createLearner.input.properties));
    expect(rows).toHaveLength(20_000);
    expect(planned.size).toBe(300);
  });

  test('fails just where it is planned, each bad record with the one code of its kind', () => {
    const binding = bindColumns(header, {}, createLearner);
    if ('code' in binding) throw new Error(binding.message);
    const reader = new RecordReader(createLearner, binding);
    const ids = new Set<string>();
    const emails = new Set<string>();
    const codes: Record<string, number> = {};
    for (const [index, row] of rows.entries()) {
      const found = codesOf(reader, row);
      const [id = '', email = ''] = row.cells ?? [];
      if (id !== '' && ids.has(id)) found.push('duplicate_learner_id');
      if (email !== '' && emails.has(email)) found.push('email_taken');
      const kind = planned.get(index + 1);
      expect(found, `record ${index + 1}: ${JSON.stringify(row)}`).toEqual(
        kind ? [SAMPLE_FAULTS[kind].code] : [],
      );
      for (const code of found) codes[code] = (codes[code] ?? 0) + 1;
      if (found.length === 0) {
        ids.add(id);
        emails.add(email);
      }
    }
    expect(codes).toEqual(summarizeSample(OPTIONS).codes);
  });

  test('repeats the keys of no good record twice, so the count does not depend on the order of processing', () => {
    for (const [position, kind] of [
      [0, 'learner_id_repeated'],
      [1, 'email_repeated'],
    ] as const) {
      const sources = rows.flatMap((row, index) =>
        planned.get(index + 1) === kind ? [row.cells?.[position]] : [],
      );
      expect(sources.length).toBeGreaterThan(10);
      expect(new Set(sources).size).toBe(sources.length);
    }
    const keyed = new Map<string, number>();
    for (const [index, row] of rows.entries()) if (!planned.has(index + 1)) keyed.set(row.cells![0]!, index);
    const byEmail = new Map([...keyed.values()].map((index) => [rows[index]!.cells![1]!, index]));
    const sources = [...planned].flatMap(([record, kind]) => {
      const cells = rows[record - 1]?.cells ?? [];
      if (kind === 'learner_id_repeated') return [keyed.get(cells[0] ?? '')];
      return kind === 'email_repeated' ? [byEmail.get(cells[1] ?? '')] : [];
    });
    expect(new Set(sources).size).toBe(sources.length);
  });

  test('holds what readers stumble on', () => {
    const text = [...sampleLearners(OPTIONS)].join('');
    for (const script of [
      'Latin',
      'Cyrillic',
      'Greek',
      'Arabic',
      'Hebrew',
      'Devanagari',
      'Han',
      'Hiragana',
      'Hangul',
    ]) {
      expect(text).toMatch(new RegExp(`\\p{Script=${script}}`, 'u'));
    }
    expect(text).toContain('"Smith, Jr."');
    expect(text).toContain('"Anna ""Ann"""');
    const cells = rows.flatMap((row) => row.cells ?? []);
    expect(cells.some((cell) => /[^\r]\n/.test(cell))).toBe(true);
    expect(cells.some((cell) => cell.includes('\r\n'))).toBe(true);
    expect(cells.some((cell) => /\p{Extended_Pictographic}/u.test(cell))).toBe(true);
    expect(rows[122]?.cells?.[0]).toBe('0000123');
    const blanks = rows.map((row) => row.cells?.filter((cell) => cell === '').length ?? 0);
    expect(blanks.filter((count) => count > 0).length).toBeGreaterThan(1000);
  });
});

test('equal options give equal bytes, another seed others', () => {
  const text = (seed: number) => [...sampleLearners({ records: 500, seed, bad: 40 })].join('');
  expect(text(1)).toBe(text(1));
  expect(text(1)).not.toBe(text(2));
});

test('comes in pieces of some 64 KB', () => {
  const pieces = [...sampleLearners({ records: 5000, seed: 1, bad: 0 })];
  expect(pieces.length).toBeGreaterThan(5);
  for (const piece of pieces.slice(0, -1)) expect(piece.length).toBeGreaterThanOrEqual(64 * 1024);
  for (const piece of pieces) expect(piece.length).toBeLessThan(65 * 1024);
});

test.each([
  [{ records: 0, seed: 1, bad: 0 }],
  [{ records: 1, seed: 1, bad: 0 }],
  [{ records: 2, seed: 1, bad: 1 }],
  [{ records: 34, seed: 3, bad: 17 }],
])('small ones too: %j', (options) => {
  const faults = [...plannedFaults(options)];
  expect(new Set(faults.map((fault) => fault.record)).size).toBe(options.bad);
  const lines = [...sampleLearners(options)].join('').split('\r\n').length;
  expect(lines).toBeGreaterThanOrEqual(options.records + 2);
  const counts = Object.values(summarizeSample(options).kinds);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(options.bad);
});

test('refuses more bad records than every second', () => {
  expect(() => [...sampleLearners({ records: 9, seed: 1, bad: 5 })]).toThrow(RangeError);
});
